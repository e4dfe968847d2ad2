import * as s3 from "@aws-sdk/client-s3";
import * as sdk from "@aws-sdk/client-s3-control";
import * as iam from "@aws-sdk/client-iam";
import { startApi } from "@gantry/testkit";
import { toNamedHosts } from "@gantry/testkit/sdk-clients";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { admitOther, OTHER } from "../../../test/attacks/other-account.ts";

const api = await startApi();
afterAll(() => api.close());
admitOther(api);
const AccountId = "000000000000";
const control = (...who: Parameters<typeof api.client>) =>
  new sdk.S3ControlClient(toNamedHosts(api.client(...who)));
const client = control();
const buckets = new s3.S3Client({ ...api.client(), forcePathStyle: true });
const put = (PublicAccessBlockConfiguration: sdk.PublicAccessBlockConfiguration, by = client) =>
  by.send(new sdk.PutPublicAccessBlockCommand({ AccountId, PublicAccessBlockConfiguration }));
const remove = () => client.send(new sdk.DeletePublicAccessBlockCommand({ AccountId }));
let made = 0;
/** A bucket whose own settings block nothing, with an object. */
async function openBucket(): Promise<string> {
  const Bucket = `open-${(made += 1)}`;
  await buckets.send(new s3.CreateBucketCommand({ Bucket, ObjectOwnership: "ObjectWriter" }));
  await buckets.send(new s3.DeletePublicAccessBlockCommand({ Bucket }));
  await buckets.send(new s3.PutObjectCommand({ Bucket, Key: "k", Body: "x" }));
  return Bucket;
}
const openPolicy = (Bucket: string) =>
  new s3.PutBucketPolicyCommand({
    Bucket,
    Policy: JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${Bucket}/*` },
      ],
    }),
  });
const openAcl = (Bucket: string) => new s3.PutObjectAclCommand({ Bucket, Key: "k", ACL: "public-read" });
const anonymous = async (Bucket: string) => (await fetch(`${api.endpoint}/${Bucket}/k`)).status;

describe("the public access block of an account", () => {
  beforeEach(remove);

  it("is put, shown and deleted, in all regions at once", async () => {
    const get = (region?: string) =>
      control(undefined, region).send(new sdk.GetPublicAccessBlockCommand({ AccountId }));
    await expect(get()).rejects.toMatchObject({
      name: "NoSuchPublicAccessBlockConfiguration",
      $metadata: { httpStatusCode: 404 },
    });
    await put({ BlockPublicAcls: true, IgnorePublicAcls: false, RestrictPublicBuckets: true });
    expect((await get("us-east-1")).PublicAccessBlockConfiguration).toEqual({
      BlockPublicAcls: true,
      IgnorePublicAcls: false,
      BlockPublicPolicy: false,
      RestrictPublicBuckets: true,
    });
    await remove();
    await expect(get()).rejects.toThrow(sdk.NoSuchPublicAccessBlockConfiguration);
  });

  it("refuses public policies of buckets that do not block them", async () => {
    const Bucket = await openBucket();
    await put({ BlockPublicPolicy: true });
    await expect(buckets.send(openPolicy(Bucket))).rejects.toMatchObject({ name: "AccessDenied" });
    await remove();
    await buckets.send(openPolicy(Bucket));
  });

  it("shuts out everyone whom a public policy let in, until it is deleted", async () => {
    const Bucket = await openBucket();
    await buckets.send(openPolicy(Bucket));
    expect(await anonymous(Bucket)).toBe(200);
    await put({ RestrictPublicBuckets: true });
    expect(await anonymous(Bucket)).toBe(403);
    await remove();
    expect(await anonymous(Bucket)).toBe(200);
  });

  it("refuses public ACLs, and ignores those that are there", async () => {
    const Bucket = await openBucket();
    await put({ BlockPublicAcls: true });
    await expect(buckets.send(openAcl(Bucket))).rejects.toMatchObject({ name: "AccessDenied" });
    await remove();
    await buckets.send(openAcl(Bucket));
    expect(await anonymous(Bucket)).toBe(200);
    await put({ IgnorePublicAcls: true });
    expect(await anonymous(Bucket)).toBe(403);
  });
});

describe("attacks on the account's block", () => {
  it("is not switched off by a document that names no setting, such as another one", async () => {
    await put({ BlockPublicPolicy: true });
    await expect(put({})).rejects.toMatchObject({
      name: "InvalidRequest",
      message: "Must specify at least one configuration.",
    });
    expect(api.store.get("accountPublicAccess", AccountId)?.blockPublicPolicy).toBe(true);
  });

  it("is neither read nor changed by another account, nor for another account", async () => {
    const other = control(OTHER);
    await put({ BlockPublicPolicy: true });
    await expect(put({}, other)).rejects.toMatchObject({ name: "AccessDenied" });
    await expect(other.send(new sdk.GetPublicAccessBlockCommand({ AccountId }))).rejects.toMatchObject({
      name: "AccessDenied",
    });
    await expect(other.send(new sdk.DeletePublicAccessBlockCommand({ AccountId }))).rejects.toMatchObject({
      name: "AccessDenied",
    });
    expect(api.store.get("accountPublicAccess", "111111111111")).toBeUndefined();
    expect(api.store.get("accountPublicAccess", AccountId)?.blockPublicPolicy).toBe(true);
  });

  it("is not changed by those who may change the blocks of all buckets", async () => {
    const users = new iam.IAMClient(api.client());
    await users.send(new iam.CreateUserCommand({ UserName: "u" }));
    await users.send(
      new iam.PutUserPolicyCommand({
        UserName: "u",
        PolicyName: "p",
        PolicyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Action: "s3:*Bucket*", Resource: "*" }],
        }),
      }),
    );
    const { AccessKey } = await users.send(new iam.CreateAccessKeyCommand({ UserName: "u" }));
    const credentials = {
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    };
    await expect(put({}, control(credentials))).rejects.toThrow(
      /not authorized to perform: s3:PutAccountPublicAccessBlock/,
    );
  });

  it("leaves a bucket with the name of its path to S3", async () => {
    const Bucket = "v20180820";
    const Key = "configuration/publicAccessBlock";
    await buckets.send(new s3.CreateBucketCommand({ Bucket }));
    await buckets.send(new s3.PutObjectCommand({ Bucket, Key, Body: "an object" }));
    const { Body } = await buckets.send(new s3.GetObjectCommand({ Bucket, Key }));
    expect(await Body?.transformToString()).toBe("an object");
  });

  it("refuses requests that are not signed", async () => {
    const url = `${api.endpoint}/v20180820/configuration/publicAccessBlock`;
    const headers = { "x-amz-account-id": AccountId };
    for (const method of ["DELETE", "PUT"])
      expect((await fetch(url, { method, headers })).status, method).toBe(403);
    expect(api.store.get("accountPublicAccess", AccountId)).toBeDefined();
  });
});

describe("tags of buckets", () => {
  const Bucket = "tagged";
  const ResourceArn = `arn:aws:s3:::${Bucket}`;
  const tag = (Tags: sdk.Tag[], by = client) =>
    by.send(new sdk.TagResourceCommand({ AccountId, ResourceArn, Tags }));
  const list = async (arn = ResourceArn) =>
    (await client.send(new sdk.ListTagsForResourceCommand({ AccountId, ResourceArn: arn }))).Tags;

  it("are added, replaced and removed one by one", async () => {
    await buckets.send(new s3.CreateBucketCommand({ Bucket }));
    expect(await list()).toEqual([]);
    await tag([
      { Key: "b", Value: "1" },
      { Key: "a", Value: "2" },
    ]);
    await tag([
      { Key: "b", Value: "3" },
      { Key: "7", Value: "" },
    ]);
    const all = [
      { Key: "b", Value: "3" },
      { Key: "a", Value: "2" },
      { Key: "7", Value: "" },
    ];
    expect(await list()).toEqual(all);
    const { TagSet } = await buckets.send(new s3.GetBucketTaggingCommand({ Bucket }));
    expect(TagSet).toEqual(all);
    await client.send(new sdk.UntagResourceCommand({ AccountId, ResourceArn, TagKeys: ["b", "none"] }));
    expect(await list()).toEqual(all.slice(1));
  });

  it("are refused in another spelling of the ARN, of another account, and where there is no bucket", async () => {
    for (const arn of ["arn:other:s3:::tagged", "arn:aws:s3:::tagged/k", "arn:aws:s3:eu-south-1::tagged"])
      await expect(list(arn), arn).rejects.toMatchObject({ name: "InvalidRequestException" });
    await expect(list("arn:aws:s3:::nothing")).rejects.toMatchObject({ name: "NoSuchBucket" });
    const other = control(OTHER);
    const theirs = { AccountId: "111111111111", ResourceArn };
    await expect(other.send(new sdk.ListTagsForResourceCommand(theirs))).rejects.toMatchObject({
      name: "AccessDenied",
    });
    await expect(
      tag([
        { Key: "a", Value: "1" },
        { Key: "a", Value: "2" },
      ]),
    ).rejects.toMatchObject({
      name: "InvalidTag",
    });
    const many = Array.from({ length: 50 }, (_, index) => ({ Key: `k${index}`, Value: "" }));
    await expect(tag(many)).rejects.toMatchObject({ name: "InvalidTag" });
    expect(await list()).toHaveLength(2);
  });
});
