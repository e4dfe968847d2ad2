import { createHash } from "node:crypto";
import * as s3 from "@aws-sdk/client-s3";
import { startApi } from "@gantry/testkit";
import type { BuildMiddleware } from "@smithy/types";
import type { Operation } from "@gantry/wire";
import { afterAll, expect, it } from "vitest";
import { loadedService, type ServiceName } from "./loaded-services.ts";
import { inputOf } from "./references/inputs.ts";
import { referenceMembers } from "./references/members.ts";
import { newSandbox } from "./references/sandbox.ts";
import { senderOf } from "./references/world.ts";

// Members that many operations of a service have in common act for each of them: a dry run changes nothing,
// the account that is expected to own a bucket is compared, a body's digest is checked, another account's
// registry is refused, and tags that are given with a new resource are recorded. The operations are read from
// the SDK's schemas, so that a new one is included.
const OWN = "000000000000";
const OTHER = "111111111111";
const api = await startApi();
afterAll(() => api.close());
const { world, allow, call } = await newSandbox(api);
const { subjects } = await referenceMembers();
await allow([{ Effect: "Allow", Action: "*", Resource: "*" }]);

/** The types of what operations make, where their names differ. */
const TAGGED: Readonly<Record<string, string>> = {
  AllocateAddress: "elastic-ip",
  AuthorizeSecurityGroupIngress: "security-group-rule",
  AuthorizeSecurityGroupEgress: "security-group-rule",
  CopySnapshot: "snapshot",
  CreateFlowLogs: "vpc-flow-log",
  CreateNatGateway: "natgateway",
  CreateManagedPrefixList: "prefix-list",
  CreateVpcEndpointServiceConfiguration: "vpc-endpoint-service",
  CreateDefaultSubnet: "subnet",
  CreateDefaultVpc: "vpc",
  ImportKeyPair: "key-pair",
  RunInstances: "instance",
};
const PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZvbyBiYXIgZm9vIGJhciBmb28gYmFyIGZvbyBiYXIx me";
const instanceId =
  world.targets.flatMap(({ spellings }) => spellings).find((id) => id.startsWith("i-")) ?? "";
/** Members that operations need besides those that the schema requires. */
const MORE: Readonly<Record<string, object>> = {
  AuthorizeSecurityGroupEgress: {
    IpPermissions: [{ IpProtocol: "tcp", FromPort: 7, ToPort: 7, IpRanges: [{ CidrIp: "10.7.0.0/16" }] }],
  },
  AuthorizeSecurityGroupIngress: {
    IpPermissions: [{ IpProtocol: "tcp", FromPort: 7, ToPort: 7, IpRanges: [{ CidrIp: "10.7.0.0/16" }] }],
  },
  CreateImage: { Name: "made" },
  CreatePlacementGroup: { GroupName: "made" },
  CreateDhcpOptions: { DhcpConfigurations: [{ Key: "domain-name", Values: ["a.example"] }] },
  CreateLaunchTemplate: { LaunchTemplateName: "web" },
  CreateManagedPrefixList: { AddressFamily: "IPv4", MaxEntries: 1 },
  CreateSubnet: { CidrBlock: "10.9.241.0/24" },
  DeleteKeyPair: { KeyName: "prod" },
  ReportInstanceStatus: { Instances: [instanceId], ReasonCodes: ["other"], Status: "ok" },
  ImportKeyPair: { KeyName: "imported", PublicKeyMaterial: Buffer.from(PUBLIC_KEY) },
};
/** Documents that S3 takes, by operation. */
const DOCUMENTS: Readonly<Record<string, object>> = {
  PutBucketAcl: { ACL: "private" },
  PutBucketCors: { CORSConfiguration: { CORSRules: [{ AllowedMethods: ["GET"], AllowedOrigins: ["*"] }] } },
  PutBucketEncryption: {
    ServerSideEncryptionConfiguration: {
      Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
    },
  },
  PutBucketLogging: { BucketLoggingStatus: {} },
  PutBucketOwnershipControls: { OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerPreferred" }] } },
  PutBucketPolicy: { Policy: '{"Version":"2012-10-17","Statement":[]}' },
  PutBucketRequestPayment: { RequestPaymentConfiguration: { Payer: "BucketOwner" } },
  PutBucketTagging: { Tagging: { TagSet: [{ Key: "a", Value: "b" }] } },
  PutBucketVersioning: { VersioningConfiguration: { Status: "Suspended", MFADelete: "Disabled" } },
  PutBucketWebsite: { WebsiteConfiguration: { IndexDocument: { Suffix: "index.html" } } },
  PutObjectAcl: { ACL: "private" },
  PutObjectTagging: { Tagging: { TagSet: [{ Key: "a", Value: "b" }] } },
  PutPublicAccessBlock: { PublicAccessBlockConfiguration: { BlockPublicAcls: false } },
};
const kebab = (name: string) => name.replace(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase();

/** The operations of the service whose input has the member, each with an input that names a resource of the world. */
async function operationsWith(
  service: ServiceName,
  member: string,
): Promise<readonly { readonly name: string; readonly input: Record<string, unknown> }[]> {
  const { operations } = await loadedService(service);
  return [...operations.values()]
    .filter((each) => each.handler !== undefined && each.input.type === "structure")
    .filter(({ input }) => input.type === "structure" && input.members.some(({ name }) => name === member))
    .map((operation) => ({ name: operation.name, input: leastInput(service, operation) }));
}

function leastInput(service: ServiceName, operation: Operation): Record<string, unknown> {
  const subject = subjects.find((each) => each.service === service && each.operation.name === operation.name);
  const target = world.targets.find(({ kind }) => kind === subject?.kind);
  const least = inputOf(
    subject ?? { service, operation, path: "", kind: "vpc", reach: "none" },
    target?.spellings[0] ?? "",
    target ?? {},
    world.defaults[service],
  );
  return { ...least, ...MORE[operation.name] };
}

it.each(await operationsWith("ec2", "DryRun"))(
  "a dry run of $name reports the result of the call, and changes nothing",
  async ({ name, input }) => {
    const { detail, changes } = await call("ec2", name, { ...input, DryRun: true });
    expect(detail).toMatch(/^412 DryRunOperation/);
    expect(changes).toEqual([]);
    expect((await call("ec2", name, { ...input, DryRun: false })).outcome).not.toBe("failed");
  },
);

it.each(await operationsWith("s3", "ExpectedBucketOwner"))(
  "the account that is expected to own a bucket is compared by $name",
  async ({ name, input }) => {
    const right = await call("s3", name, { ...input, ExpectedBucketOwner: OWN });
    expect(right.detail).not.toMatch(/^403/);
    const wrong = await call("s3", name, { ...input, ExpectedBucketOwner: OTHER });
    expect(wrong.detail).toMatch(/^403 /);
    expect(wrong.changes).toEqual([]);
  },
);

it.each(await operationsWith("s3", "ExpectedSourceBucketOwner"))(
  "the account that is expected to own the source of $name is compared",
  async ({ name, input }) => {
    const right = await call("s3", name, { ...input, ExpectedSourceBucketOwner: OWN });
    expect(right.detail).not.toMatch(/^403/);
    expect((await call("s3", name, { ...input, ExpectedSourceBucketOwner: OTHER })).detail).toMatch(/^403 /);
  },
);

it.each(await operationsWith("s3", "RequestPayer"))(
  "who pays for $name is the requester or nobody",
  async ({ name, input }) => {
    expect((await call("s3", name, { ...input, RequestPayer: "requester" })).outcome).not.toBe("failed");
    const { detail, changes } = await call("s3", name, { ...input, RequestPayer: "nobody" });
    expect(detail).toMatch(/^400 /);
    expect(changes).toEqual([]);
  },
);

const { document = [], part: parts } = Object.groupBy(await operationsWith("s3", "ContentMD5"), ({ name }) =>
  name === "UploadPart" ? "part" : "document",
);
it("a part that differs from its digest is refused", async () => {
  const target = { Bucket: "prod", Key: "part" };
  const send = senderOf(api.client());
  const { UploadId } = await send("s3", "CreateMultipartUpload", target);
  const part = { ...target, UploadId, PartNumber: 1, Body: "x", ContentMD5: "rL0Y20zC+Fzt72VPzMSk2A==" };
  await expect(send("s3", "UploadPart", part)).rejects.toMatchObject({ name: "BadDigest" });
  expect(parts).toHaveLength(1);
});

/** Calls S3 with the digest of the body that is sent. */
async function withDigest(operation: string, input: object): Promise<unknown> {
  const client = new s3.S3Client({ ...api.client(), forcePathStyle: true });
  const addDigest: BuildMiddleware<object, s3.ServiceOutputTypes> = (next) => (all) => {
    const request = all.request as { body?: string | Uint8Array; headers: Record<string, string> }; // An HTTP request.
    request.headers["content-md5"] = createHash("md5")
      .update(request.body ?? "")
      .digest("base64");
    return next(all);
  };
  client.middlewareStack.add(addDigest, { step: "build", priority: "low" });
  const commands = s3 as unknown as Readonly<Record<string, new (input: object) => s3.PutBucketAclCommand>>; // By name.
  const command = commands[`${operation}Command`];
  return command === undefined ? undefined : client.send(new command(input));
}

// A bucket of its own: the configuration needs versions, and roles of the caller.
it("a replication configuration with its digest is taken", async () => {
  const send = senderOf(api.client());
  for (const Bucket of ["copied", "copies"]) {
    await send("s3", "CreateBucket", { Bucket });
    await send("s3", "PutBucketVersioning", { Bucket, VersioningConfiguration: { Status: "Enabled" } });
  }
  const AssumeRolePolicyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: { Effect: "Allow", Principal: { Service: "s3.amazonaws.com" }, Action: "sts:AssumeRole" },
  });
  const { Role } = await send("iam", "CreateRole", { RoleName: "replicates", AssumeRolePolicyDocument });
  const { Arn } = Role as { Arn: string }; // As answered.
  const Rules = [{ Status: "Enabled", Prefix: "", Destination: { Bucket: "arn:aws:s3:::copies" } }];
  await withDigest("PutBucketReplication", {
    Bucket: "copied",
    ReplicationConfiguration: { Role: Arn, Rules },
  });
});

it.each(document)("a body of $name with its digest is taken", async ({ name, input }) => {
  await withDigest(name, { ...input, ...DOCUMENTS[name] }).catch((thrown: Error) => {
    expect(thrown.name).toMatch(
      /^(?:Malformed|InvalidRequest|InvalidBucketState|InvalidArgument|NoSuch|AccessControl)/,
    );
  });
});

it.each(document)("a body of $name that differs from its digest is refused", async ({ name, input }) => {
  const { detail, changes } = await call("s3", name, { ...input, ContentMD5: "rL0Y20zC+Fzt72VPzMSk2A==" });
  expect(detail).toMatch(/^400 BadDigest/);
  expect(changes).toEqual([]);
});

it.each(await operationsWith("ecr", "registryId"))(
  "the registry that $name names is the caller's own",
  async ({ name, input }) => {
    expect((await call("ecr", name, { ...input, registryId: OWN })).outcome).not.toBe("failed");
    const { detail, changes } = await call("ecr", name, { ...input, registryId: OTHER });
    expect(detail).toMatch(/^400 (?:RepositoryNotFound|InvalidParameter)Exception/);
    expect(changes).toEqual([]);
  },
);

/** They need an image or a snapshot of a root volume: packages/api/ec2/image-copies.unit.test.ts has them. */
const OF_IMAGES: ReadonlySet<string> = new Set(["CopyImage", "RegisterImage"]);

it.each((await operationsWith("ec2", "TagSpecifications")).filter(({ name }) => !OF_IMAGES.has(name)))(
  "tags that are given to $name are recorded with the created resource",
  async ({ name, input }) => {
    const ResourceType = TAGGED[name] ?? kebab(name.replace(/^(?:Create|Allocate)/, ""));
    const TagSpecifications = [{ ResourceType, Tags: [{ Key: "given", Value: "with it" }] }];
    const { detail, records } = await call("ec2", name, { ...input, TagSpecifications });
    expect(JSON.stringify(records), detail).toContain("with it");
  },
);
