import * as ec2 from "@aws-sdk/client-ec2";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());

describe("the defaults of instances' metadata", () => {
  const modify = (input: ec2.ModifyInstanceMetadataDefaultsCommandInput) =>
    client.send(new ec2.ModifyInstanceMetadataDefaultsCommand(input));
  const defaults = async () =>
    (await client.send(new ec2.GetInstanceMetadataDefaultsCommand({}))).AccountLevel;
  const launch = async (MetadataOptions?: ec2.InstanceMetadataOptionsRequest) => {
    const Filters = [{ Name: "name", Values: ["debian-12-amd64-*"] }];
    const { Images } = await client.send(new ec2.DescribeImagesCommand({ Filters }));
    const ImageId = Images?.[0]?.ImageId;
    const count = { MinCount: 1, MaxCount: 1 };
    const type = { InstanceType: "t3.small" as const };
    const run = new ec2.RunInstancesCommand({ ImageId, ...type, ...count, MetadataOptions });
    return (await client.send(run)).Instances?.[0];
  };

  it.each([
    { HttpTokens: "x" },
    { HttpEndpoint: "x" },
    { InstanceMetadataTags: "x" },
    { HttpTokensEnforced: "x" },
  ])("are not %j", async (input) => {
    await expect(modify(input as ec2.ModifyInstanceMetadataDefaultsCommandInput)).rejects.toMatchObject({
      name: "InvalidParameterValue",
    });
  });

  it.each([{ HttpTokens: "Required" }, { HttpEndpoint: "off" }, { InstanceMetadataTags: "x" }])(
    "are not replaced by %j at a launch",
    async (options) => {
      await expect(launch(options as ec2.InstanceMetadataOptionsRequest)).rejects.toMatchObject({
        name: "InvalidParameterValue",
      });
    },
  );

  it("apply to what the launch of an instance does not say, in their region", async () => {
    expect(await defaults()).toEqual({ ManagedBy: "account", HttpTokensEnforced: "disabled" });
    await modify({
      HttpTokens: "required",
      HttpEndpoint: "enabled",
      HttpPutResponseHopLimit: 3,
      InstanceMetadataTags: "enabled",
    });
    expect((await launch())?.MetadataOptions).toMatchObject({
      HttpTokens: "required",
      HttpPutResponseHopLimit: 3,
      InstanceMetadataTags: "enabled",
    });
    expect(
      (await launch({ HttpTokens: "optional", HttpPutResponseHopLimit: 1 }))?.MetadataOptions,
    ).toMatchObject({ HttpTokens: "optional", HttpPutResponseHopLimit: 1, InstanceMetadataTags: "enabled" });
    const elsewhere = new ec2.EC2Client(api.client(undefined, "us-east-1"));
    const { AccountLevel } = await elsewhere.send(new ec2.GetInstanceMetadataDefaultsCommand({}));
    expect(AccountLevel?.HttpTokens).toBeUndefined();
  });

  it("stay where they are not given, and end with no preference", async () => {
    await modify({ HttpEndpoint: "disabled" });
    expect(await defaults()).toMatchObject({ HttpTokens: "required", HttpEndpoint: "disabled" });
    await modify({ HttpTokens: "optional", InstanceMetadataTags: "disabled" });
    expect(await defaults()).toMatchObject({ HttpTokens: "optional", InstanceMetadataTags: "disabled" });
    const none = "no-preference" as const;
    await modify({
      HttpTokens: none,
      HttpEndpoint: none,
      HttpPutResponseHopLimit: -1,
      InstanceMetadataTags: none,
      HttpTokensEnforced: none,
    });
    expect(await defaults()).toEqual({ ManagedBy: "account", HttpTokensEnforced: "disabled" });
    expect((await launch())?.MetadataOptions).toMatchObject({ HttpTokens: "optional" });
    for (const HttpPutResponseHopLimit of [0, 65])
      await expect(modify({ HttpPutResponseHopLimit })).rejects.toMatchObject({
        name: "InvalidParameterValue",
      });
  });

  it("let no instance take version 1 where version 2 is enforced", async () => {
    const before = await launch();
    await modify({ HttpTokensEnforced: "enabled" });
    await expect(launch()).rejects.toMatchObject({ name: "UnsupportedOperation" });
    await expect(launch({ HttpTokens: "optional" })).rejects.toThrow(/IMDSv1/);
    const made = await launch({ HttpTokens: "required" });
    const options = (InstanceId: string | undefined, HttpTokens: ec2.HttpTokensState) =>
      client.send(new ec2.ModifyInstanceMetadataOptionsCommand({ InstanceId, HttpTokens }));
    await expect(options(made?.InstanceId, "optional")).rejects.toMatchObject({
      name: "UnsupportedOperation",
    });
    await options(before?.InstanceId, "required");
    await modify({ HttpTokensEnforced: "disabled" });
    await options(made?.InstanceId, "optional");
  });
});

it("blocks the sharing of images, as in a new account, and unblocks it", async () => {
  const state = async () =>
    (await client.send(new ec2.GetImageBlockPublicAccessStateCommand({}))).ImageBlockPublicAccessState;
  expect(await state()).toBe("block-new-sharing");
  expect(await client.send(new ec2.DisableImageBlockPublicAccessCommand({}))).toMatchObject({
    ImageBlockPublicAccessState: "unblocked",
  });
  expect(await state()).toBe("unblocked");
  const enable = { ImageBlockPublicAccessState: "block-new-sharing" } as const;
  await client.send(new ec2.EnableImageBlockPublicAccessCommand(enable));
  expect(await state()).toBe("block-new-sharing");
});

it("blocks the sharing of snapshots", async () => {
  const state = async () => (await client.send(new ec2.GetSnapshotBlockPublicAccessStateCommand({}))).State;
  expect(await state()).toBe("unblocked");
  for (const State of ["block-all-sharing", "block-new-sharing"] as const) {
    await client.send(new ec2.EnableSnapshotBlockPublicAccessCommand({ State }));
    expect(await state()).toBe(State);
  }
  await expect(
    client.send(new ec2.EnableSnapshotBlockPublicAccessCommand({ State: "unblocked" })),
  ).rejects.toMatchObject({ name: "InvalidParameterValue" });
  await client.send(new ec2.DisableSnapshotBlockPublicAccessCommand({}));
  expect(await state()).toBe("unblocked");
});

it("records whether serial consoles may be used", async () => {
  const isEnabled = async () =>
    (await client.send(new ec2.GetSerialConsoleAccessStatusCommand({}))).SerialConsoleAccessEnabled;
  expect(await isEnabled()).toBe(false);
  await client.send(new ec2.EnableSerialConsoleAccessCommand({}));
  expect(await isEnabled()).toBe(true);
  await client.send(new ec2.DisableSerialConsoleAccessCommand({}));
  expect(await isEnabled()).toBe(false);
});
