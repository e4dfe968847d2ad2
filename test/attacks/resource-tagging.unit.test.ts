import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import * as iam from "@aws-sdk/client-iam";
import * as tagging from "@aws-sdk/client-resource-groups-tagging-api";
import * as s3 from "@aws-sdk/client-s3";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { admitOther, OTHER } from "./other-account.ts";

// A caller who may call TagResources names resources that it may not tag, and resources of another account.
// Before: the first two tests fail where `RequestContext.call` runs the operation as the account (every resource is
// tagged), and the second where the call does not have the address of the request as a condition.
const api = await startApi();
afterAll(() => api.close());
const identities = new iam.IAMClient(api.client());
const owner = new tagging.ResourceGroupsTaggingAPIClient(api.client());
let cluster = "";
let vpc = "";
const BUCKET = "arn:aws:s3:::secrets";

beforeAll(async () => {
  admitOther(api);
  const created = await new ecs.ECSClient(api.client()).send(
    new ecs.CreateClusterCommand({ clusterName: "c" }),
  );
  cluster = created.cluster?.clusterArn ?? "";
  const { Vpcs } = await new ec2.EC2Client(api.client()).send(new ec2.DescribeVpcsCommand({}));
  vpc = `arn:aws:ec2:eu-south-1:000000000000:vpc/${Vpcs?.[0]?.VpcId}`;
  const buckets = new s3.S3Client({ ...api.client(), forcePathStyle: true });
  await buckets.send(new s3.CreateBucketCommand({ Bucket: "secrets" }));
  await owner.send(
    new tagging.TagResourcesCommand({ ResourceARNList: [cluster, vpc, BUCKET], Tags: { kept: "1" } }),
  );
});

/** The tagging API as a user with these statements. */
async function userWith(UserName: string, ...Statement: readonly object[]) {
  await identities.send(new iam.CreateUserCommand({ UserName }));
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  await identities.send(new iam.PutUserPolicyCommand({ UserName, PolicyName: "own", PolicyDocument }));
  const { AccessKey } = await identities.send(new iam.CreateAccessKeyCommand({ UserName }));
  const credentials = {
    accessKeyId: AccessKey?.AccessKeyId ?? "",
    secretAccessKey: AccessKey?.SecretAccessKey ?? "",
  };
  return new tagging.ResourceGroupsTaggingAPIClient(api.client(credentials));
}
const allow = (...Action: readonly string[]) => ({ Effect: "Allow", Action, Resource: "*" });
const TAGGING = ["tag:*"];

/** The codes of the resources that failed, when a caller tags or untags the three. */
async function codesOf(client: tagging.ResourceGroupsTaggingAPIClient) {
  const ResourceARNList = [cluster, vpc, BUCKET];
  const tagged = await client.send(
    new tagging.TagResourcesCommand({ ResourceARNList, Tags: { team: "admin" } }),
  );
  const untagged = await client.send(
    new tagging.UntagResourcesCommand({ ResourceARNList, TagKeys: ["kept"] }),
  );
  return [tagged, untagged].map(({ FailedResourcesMap = {} }) =>
    ResourceARNList.map((arn) => FailedResourcesMap[arn]?.ErrorCode),
  );
}

async function expectUntouched(): Promise<void> {
  const { ResourceTagMappingList = [] } = await owner.send(new tagging.GetResourcesCommand({}));
  expect(ResourceTagMappingList.map(({ Tags }) => Tags)).toEqual(
    Array.from({ length: 3 }, () => [{ Key: "kept", Value: "1" }]),
  );
}

const DENIED = ["AccessDeniedException", "UnauthorizedOperation", "AccessDenied"];

describe("a caller of TagResources", () => {
  it("does not tag what it has no permission of the service for", async () => {
    expect(await codesOf(await userWith("tagger", allow(...TAGGING)))).toEqual([DENIED, DENIED]);
    await expectUntouched();
  });

  it("does not tag what the service's permission denies, by tag, by key or by address", async () => {
    const all = allow(...TAGGING, "ecs:*", "ec2:*", "s3:*");
    const services = { Effect: "Deny", Action: ["ecs:*", "ec2:*", "s3:*"], Resource: "*" };
    const byAddress = { ...services, Condition: { IpAddress: { "aws:SourceIp": "127.0.0.0/8" } } };
    expect(await codesOf(await userWith("near", all, byAddress))).toEqual([DENIED, DENIED]);
    await expectUntouched();
    const byKey = {
      ...services,
      Action: ["ecs:TagResource", "ecs:UntagResource", "ec2:CreateTags", "ec2:DeleteTags"],
      Condition: { "ForAnyValue:StringEquals": { "aws:TagKeys": ["team", "kept"] } },
    };
    const noBuckets = { ...services, Action: "s3:*" };
    expect(await codesOf(await userWith("keyed", all, byKey, noBuckets))).toEqual([DENIED, DENIED]);
    await expectUntouched();
  });

  it("needs the permission of the tagging API too", async () => {
    const client = await userWith("services", allow("ecs:*", "ec2:*", "s3:*"));
    await expect(codesOf(client)).rejects.toThrow(/tag:TagResources/);
    await expect(client.send(new tagging.GetResourcesCommand({}))).rejects.toThrow(/tag:GetResources/);
    await expectUntouched();
  });

  it("of another account or region tags and sees nothing", async () => {
    for (const client of [
      new tagging.ResourceGroupsTaggingAPIClient(api.client(OTHER)),
      new tagging.ResourceGroupsTaggingAPIClient(api.client(undefined, "us-east-1")),
    ]) {
      const ResourceARNList = [cluster, vpc];
      const { FailedResourcesMap } = await client.send(
        new tagging.TagResourcesCommand({ ResourceARNList, Tags: { team: "admin" } }),
      );
      expect(Object.keys(FailedResourcesMap ?? {})).toEqual(ResourceARNList);
      for (const input of [{}, { ResourceARNList: [...ResourceARNList, BUCKET] }]) {
        const seen = await client.send(new tagging.GetResourcesCommand(input));
        expect(seen.ResourceTagMappingList).toEqual([]);
      }
      const keys = await client.send(new tagging.GetTagKeysCommand({}));
      expect(keys.TagKeys).toEqual([]);
      const values = await client.send(new tagging.GetTagValuesCommand({ Key: "kept" }));
      expect(values.TagValues).toEqual([]);
    }
    const others = new tagging.ResourceGroupsTaggingAPIClient(api.client(OTHER));
    const { FailedResourcesMap } = await others.send(
      new tagging.TagResourcesCommand({ ResourceARNList: [BUCKET], Tags: { team: "admin" } }),
    );
    expect(FailedResourcesMap?.[BUCKET]?.ErrorCode).toBe("AccessDenied");
    await expectUntouched();
  });
});
