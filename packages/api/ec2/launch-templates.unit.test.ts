import * as ec2 from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import { startApi } from "@gantry/testkit";
import { refusalFor } from "@gantry/testkit/sent-members";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { machineImages } from "../common/machine-images.ts";

// Launch templates: their versions, and launches from them.
const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());
const image = machineImages("eu-south-1")[0];
const ImageId = image?.id ?? "";
let SubnetId = "";
let count = 0;

beforeAll(async () => {
  SubnetId = (await client.send(new ec2.DescribeSubnetsCommand({}))).Subnets?.[0]?.SubnetId ?? "";
});

const DATA = { ImageId, InstanceType: "t3.nano" } as const;
const create = async (
  LaunchTemplateData: ec2.RequestLaunchTemplateData = DATA,
  more: Partial<ec2.CreateLaunchTemplateCommandInput> = {},
) => {
  const LaunchTemplateName = more.LaunchTemplateName ?? `web-${(count += 1)}`;
  const input = { ...more, LaunchTemplateName, LaunchTemplateData };
  return (await client.send(new ec2.CreateLaunchTemplateCommand(input))).LaunchTemplate ?? {};
};
const addVersion = async (input: Partial<ec2.CreateLaunchTemplateVersionCommandInput>) =>
  (await client.send(new ec2.CreateLaunchTemplateVersionCommand({ LaunchTemplateData: DATA, ...input })))
    .LaunchTemplateVersion ?? {};
const versions = async (input: Partial<ec2.DescribeLaunchTemplateVersionsCommandInput>) =>
  (await client.send(new ec2.DescribeLaunchTemplateVersionsCommand(input))).LaunchTemplateVersions ?? [];
const launch = async (input: Partial<ec2.RunInstancesCommandInput>) =>
  (await client.send(new ec2.RunInstancesCommand({ MinCount: 1, MaxCount: 1, ...input }))).Instances?.[0] ??
  {};
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (thrown: Error) => thrown.name,
  );

describe("a launch template", () => {
  it("is created once for a token, and a name belongs to one", async () => {
    const TagSpecifications = [
      { ResourceType: "launch-template" as const, Tags: [{ Key: "a", Value: "b" }] },
    ];
    const more = {
      LaunchTemplateName: "once",
      ClientToken: "t",
      VersionDescription: "first",
      TagSpecifications,
    };
    const made = await create(DATA, more);
    expect(made).toMatchObject({ DefaultVersionNumber: 1, LatestVersionNumber: 1, Tags: [{ Key: "a" }] });
    expect((await create(DATA, more)).LaunchTemplateId).toBe(made.LaunchTemplateId);
    expect(await codeOf(create({ ImageId }, more))).toBe("IdempotentParameterMismatch");
    expect(await codeOf(create(DATA, { LaunchTemplateName: "once" }))).toBe(
      "InvalidLaunchTemplateName.AlreadyExistsException",
    );
    expect(await codeOf(create(DATA, { LaunchTemplateName: "a b" }))).toBe(
      "InvalidLaunchTemplateName.MalformedException",
    );
    expect(await versions({ LaunchTemplateName: "once" })).toMatchObject([{ VersionDescription: "first" }]);
  });

  it("is described by ids, names, tags and times", async () => {
    const made = await create(DATA, {
      TagSpecifications: [{ ResourceType: "launch-template", Tags: [{ Key: "team", Value: "own" }] }],
    });
    const find = async (input: ec2.DescribeLaunchTemplatesCommandInput) =>
      ((await client.send(new ec2.DescribeLaunchTemplatesCommand(input))).LaunchTemplates ?? []).map(
        (each) => each.LaunchTemplateId,
      );
    const [id = "", name = ""] = [made.LaunchTemplateId, made.LaunchTemplateName];
    expect(await find({ LaunchTemplateIds: [id] })).toEqual([id]);
    expect(await find({ LaunchTemplateNames: [name] })).toEqual([id]);
    expect(await find({ Filters: [{ Name: "tag:team", Values: ["own"] }] })).toEqual([id]);
    expect(await find({ Filters: [{ Name: "launch-template-name", Values: [name] }] })).toEqual([id]);
    expect(await codeOf(find({ LaunchTemplateIds: ["lt-0123456789abcdef0"] }))).toBe(
      "InvalidLaunchTemplateId.NotFound",
    );
    expect(await codeOf(find({ LaunchTemplateIds: ["nothing"] }))).toBe("InvalidLaunchTemplateId.Malformed");
    expect(await codeOf(find({ LaunchTemplateNames: ["nothing"] }))).toBe(
      "InvalidLaunchTemplateName.NotFoundException",
    );
    const created = [{ Name: "create-time", Values: [made.CreateTime?.toISOString() ?? ""] }];
    expect(await find({ Filters: created })).toContain(id);
    await client.send(new ec2.CreateTagsCommand({ Resources: [id], Tags: [{ Key: "new", Value: "1" }] }));
    expect(await find({ Filters: [{ Name: "tag:new", Values: ["1"] }] })).toEqual([id]);
    await client.send(new ec2.DeleteLaunchTemplateCommand({ LaunchTemplateId: id }));
    expect(await codeOf(versions({ LaunchTemplateId: id }))).toBe("InvalidLaunchTemplateId.NotFound");
    expect(api.store.listBy("launchTemplateVersion", "template", id)).toEqual([]);
  });

  it("has versions that build on others, of which one is the default", async () => {
    const { LaunchTemplateId } = await create({ ...DATA, EbsOptimized: true });
    const second = { LaunchTemplateId, SourceVersion: "1", ClientToken: "v", VersionDescription: "larger" };
    const LaunchTemplateData = { InstanceType: "t3.large" } as const;
    const made = await addVersion({ ...second, LaunchTemplateData });
    expect(made).toMatchObject({
      ...{ VersionNumber: 2, DefaultVersion: false, VersionDescription: "larger" },
      LaunchTemplateData: { ...DATA, EbsOptimized: true, InstanceType: "t3.large" },
    });
    expect((await addVersion({ ...second, LaunchTemplateData })).VersionNumber).toBe(2);
    expect(await codeOf(addVersion(second))).toBe("IdempotentParameterMismatch");
    expect((await addVersion({ LaunchTemplateId })).LaunchTemplateData).toEqual(DATA);
    const numbers = async (input: Partial<ec2.DescribeLaunchTemplateVersionsCommandInput>) =>
      (await versions({ LaunchTemplateId, ...input })).map((each) => each.VersionNumber);
    expect(await numbers({})).toEqual([3, 2, 1]);
    expect(await numbers({ Versions: ["$Latest", "$Default"] })).toEqual([3, 1]);
    expect(await numbers({ MinVersion: "2", MaxVersion: "2" })).toEqual([2]);
    expect(await numbers({ Filters: [{ Name: "instance-type", Values: ["t3.large"] }] })).toEqual([2]);
    const newest = await versions({ Versions: ["$Latest"] });
    expect(newest.find((each) => each.LaunchTemplateId === LaunchTemplateId)?.VersionNumber).toBe(3);
    expect(await codeOf(versions({ Versions: ["1"] }))).toBe("MissingParameter");
    expect(await codeOf(numbers({ Versions: ["9"] }))).toBe("InvalidLaunchTemplateId.VersionNotFound");
    const modify = new ec2.ModifyLaunchTemplateCommand({ LaunchTemplateId, DefaultVersion: "2" });
    expect((await client.send(modify)).LaunchTemplate?.DefaultVersionNumber).toBe(2);
    const remove = new ec2.DeleteLaunchTemplateVersionsCommand({
      LaunchTemplateId,
      Versions: ["1", "2", "7"],
    });
    expect(await client.send(remove)).toMatchObject({
      SuccessfullyDeletedLaunchTemplateVersions: [{ VersionNumber: 1 }],
      UnsuccessfullyDeletedLaunchTemplateVersions: [
        { VersionNumber: 2, ResponseError: { Code: "unexpectedError" } },
        { VersionNumber: 7, ResponseError: { Code: "launchTemplateVersionDoesNotExist" } },
      ],
    });
    expect((await addVersion({ LaunchTemplateId })).VersionNumber).toBe(4);
  });

  it("is named by its name as well", async () => {
    const { LaunchTemplateName } = await create();
    const name = { LaunchTemplateName };
    expect((await addVersion(name)).VersionNumber).toBe(2);
    const DefaultVersion = "$Latest";
    const modify = new ec2.ModifyLaunchTemplateCommand({ ...name, DefaultVersion });
    expect((await client.send(modify)).LaunchTemplate?.DefaultVersionNumber).toBe(2);
    const both = { ...name, LaunchTemplateId: "lt-0123456789abcdef0" };
    expect(await codeOf(versions(both))).toBe("InvalidParameterCombination");
    await client.send(new ec2.DeleteLaunchTemplateVersionsCommand({ ...name, Versions: ["1"] }));
    expect(await versions(name)).toHaveLength(1);
    await client.send(new ec2.DeleteLaunchTemplateCommand(name));
  });

  it("refuses data that no launch could read", async () => {
    const [large, wrong] = ["a".repeat(22_000), "%"];
    for (const UserData of [large, wrong])
      expect(await codeOf(create({ UserData }))).toBe("InvalidUserData.Malformed");
    const both = {
      InstanceType: "t3.nano",
      InstanceRequirements: { VCpuCount: { Min: 1 }, MemoryMiB: { Min: 1 } },
    };
    expect(await codeOf(create(both as ec2.RequestLaunchTemplateData))).toBe("InvalidParameterCombination");
    await refusalFor("Operator", () => create(DATA, { Operator: { Principal: "eks.amazonaws.com" } }));
  });
});

describe("a launch from a template", () => {
  it("has the template's parameters, and its own in their place", async () => {
    const NetworkInterfaces = [{ DeviceIndex: 0, SubnetId, AssociatePublicIpAddress: false }];
    const { LaunchTemplateId, LaunchTemplateName } = await create({
      ...DATA,
      ...{ NetworkInterfaces, UserData: Buffer.from("#!/bin/sh\n").toString("base64"), EbsOptimized: true },
      MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 3 },
      TagSpecifications: [
        {
          ResourceType: "instance",
          Tags: [
            { Key: "Name", Value: "template" },
            { Key: "team", Value: "own" },
          ],
        },
        { ResourceType: "volume", Tags: [{ Key: "disk", Value: "1" }] },
      ],
    });
    const first = await launch({ LaunchTemplate: { LaunchTemplateId } });
    const version = { Key: "aws:ec2launchtemplate:version", Value: "1" };
    expect(first).toMatchObject({
      ...{ InstanceType: "t3.nano", SubnetId, EbsOptimized: true },
      MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 3 },
      Tags: [
        ...[
          { Key: "Name", Value: "template" },
          { Key: "team", Value: "own" },
        ],
        ...[{ Key: "aws:ec2launchtemplate:id", Value: LaunchTemplateId }, version],
      ],
    });
    await addVersion({
      LaunchTemplateId,
      LaunchTemplateData: { InstanceType: "t3.medium" },
      SourceVersion: "1",
    });
    const typeOf = async (Version?: string, more: Partial<ec2.RunInstancesCommandInput> = {}) =>
      (await launch({ LaunchTemplate: { LaunchTemplateName, Version }, ...more })).InstanceType;
    expect(await typeOf()).toBe("t3.nano");
    expect(await typeOf("$Default")).toBe("t3.nano");
    expect(await typeOf("$Latest")).toBe("t3.medium");
    expect(await typeOf("2")).toBe("t3.medium");
    expect(await typeOf("2", { InstanceType: "t3.small" })).toBe("t3.small");
    expect(await codeOf(typeOf("3"))).toBe("InvalidLaunchTemplateId.VersionNotFound");
    const Tags = [{ Key: "Name", Value: "request" }];
    const tagged = {
      LaunchTemplate: { LaunchTemplateId },
      TagSpecifications: [{ ResourceType: "instance", Tags }],
    };
    expect((await launch(tagged as Partial<ec2.RunInstancesCommandInput>)).Tags?.slice(0, 2)).toEqual([
      ...Tags,
      { Key: "team", Value: "own" },
    ]);
  });

  it("finds its image by a public parameter, which descriptions resolve where they are asked to", async () => {
    const name = `resolve:ssm:${image?.parameter}`;
    const { LaunchTemplateId } = await create({ ...DATA, ImageId: name });
    expect((await launch({ LaunchTemplate: { LaunchTemplateId } })).ImageId).toBe(ImageId);
    const imageOf = async (ResolveAlias: boolean) =>
      (await versions({ LaunchTemplateId, ResolveAlias }))[0]?.LaunchTemplateData?.ImageId;
    expect([await imageOf(false), await imageOf(true)]).toEqual([name, ImageId]);
    const LaunchTemplateData = { ImageId: name };
    const made = await addVersion({ LaunchTemplateId, LaunchTemplateData, ResolveAlias: true });
    expect(made.LaunchTemplateData?.ImageId).toBe(ImageId);
  });

  it("refuses what RunInstances refuses, which the template itself only records", async () => {
    const ValidUntil = new Date(Date.UTC(2030, 0, 1));
    const InstanceMarketOptions = { MarketType: "spot" as const, SpotOptions: { ValidUntil } };
    const { LaunchTemplateId } = await create({ ...DATA, InstanceMarketOptions });
    expect((await versions({ LaunchTemplateId }))[0]?.LaunchTemplateData).toEqual({
      ...DATA,
      InstanceMarketOptions,
    });
    await expect(launch({ LaunchTemplate: { LaunchTemplateId } })).rejects.toThrow(
      "LaunchTemplateData.InstanceMarketOptions",
    );
    const InstanceRequirements = { VCpuCount: { Min: 1 }, MemoryMiB: { Min: 1 } };
    const { LaunchTemplateId: other } = await create({ ImageId, InstanceRequirements });
    await expect(launch({ LaunchTemplate: { LaunchTemplateId: other } })).rejects.toThrow(
      "InstanceRequirements",
    );
  });

  it("can be described as data for another template", async () => {
    const { InstanceId } = await launch({
      ...{ ...DATA, SubnetId, DisableApiTermination: true },
      TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "a", Value: "b" }] }],
    });
    const data = await client.send(new ec2.GetLaunchTemplateDataCommand({ InstanceId }));
    expect(data.LaunchTemplateData).toMatchObject({
      ...{ ...DATA, DisableApiTermination: true, NetworkInterfaces: [{ SubnetId }] },
      ...{
        BlockDeviceMappings: [{ DeviceName: "/dev/xvda" }],
        TagSpecifications: [{ Tags: [{ Key: "a" }] }],
      },
    });
  });
});

describe("a caller who may use a template and not what it names", () => {
  const roles = new iam.IAMClient(api.client());
  const clientWith = async (...Statement: object[]) => {
    const UserName = `launcher-${(count += 1)}`;
    await roles.send(new iam.CreateUserCommand({ UserName }));
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    await roles.send(new iam.PutUserPolicyCommand({ UserName, PolicyName: "own", PolicyDocument }));
    const { AccessKey } = await roles.send(new iam.CreateAccessKeyCommand({ UserName }));
    const { AccessKeyId: accessKeyId = "", SecretAccessKey: secretAccessKey = "" } = AccessKey ?? {};
    return new ec2.EC2Client(api.client({ accessKeyId, secretAccessKey }));
  };
  const allow = { Effect: "Allow", Action: ["ec2:RunInstances", "ec2:CreateTags"], Resource: "*" };
  const run = (attacker: ec2.EC2Client, LaunchTemplateId: string | undefined) =>
    codeOf(
      attacker.send(
        new ec2.RunInstancesCommand({ MinCount: 1, MaxCount: 1, LaunchTemplate: { LaunchTemplateId } }),
      ),
    );

  it("does not get the role of its instance profile", async () => {
    const AssumeRolePolicyDocument = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
    });
    await roles.send(new iam.CreateRoleCommand({ RoleName: "strong", AssumeRolePolicyDocument }));
    const InstanceProfileName = "strong";
    await roles.send(new iam.CreateInstanceProfileCommand({ InstanceProfileName }));
    await roles.send(new iam.AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName: "strong" }));
    const { LaunchTemplateId } = await create({ ...DATA, IamInstanceProfile: { Name: "strong" } });
    expect(await run(await clientWith(allow), LaunchTemplateId)).toBe("UnauthorizedOperation");
    const pass = {
      Effect: "Allow",
      Action: "iam:PassRole",
      Resource: "arn:aws:iam::000000000000:role/strong",
    };
    expect(await run(await clientWith(allow, pass), LaunchTemplateId)).toBeUndefined();
  });

  it("does not reach a subnet, or the template itself, that a policy denies", async () => {
    const NetworkInterfaces = [{ DeviceIndex: 0, SubnetId }];
    const { LaunchTemplateId } = await create({ ...DATA, NetworkInterfaces });
    for (const resource of [`subnet/${SubnetId}`, `launch-template/${LaunchTemplateId}`]) {
      const Resource = `arn:aws:ec2:eu-south-1:000000000000:${resource}`;
      const attacker = await clientWith(allow, { Effect: "Deny", Action: "ec2:RunInstances", Resource });
      expect(await run(attacker, LaunchTemplateId)).toBe("UnauthorizedOperation");
    }
    expect(await run(await clientWith(allow), LaunchTemplateId)).toBeUndefined();
  });
});
