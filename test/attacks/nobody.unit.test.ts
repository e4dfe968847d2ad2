import { CreateAccessKeyCommand, CreateUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { DESCRIPTORS } from "@gantry/api";
import { sendRaw, startApi, type Api, type RawRequest } from "@gantry/testkit";
import type { ServiceDescriptor } from "@gantry/wire";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";

const SEED = 20_261_127;
let api: Api;
let nobody = { accessKeyId: "", secretAccessKey: "" };
/** The names of every operation that AWS has, by service. */
const operations = new Map<string, readonly string[]>();

beforeAll(async () => {
  api = await startApi();
  const iam = new IAMClient(api.client());
  await iam.send(new CreateUserCommand({ UserName: "nobody" }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "nobody" }));
  nobody = {
    accessKeyId: AccessKey?.AccessKeyId ?? "",
    secretAccessKey: AccessKey?.SecretAccessKey ?? "",
  };
  const s3 = new S3Client({ ...api.client(), forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: "bucket" }));
  await s3.send(new PutObjectCommand({ Bucket: "bucket", Key: "there", Body: "x" }));
  for (const { id } of Object.values(DESCRIPTORS)) {
    const sdk = (await import(`@aws-sdk/client-${id}`)) as object; // A module of commands and shapes.
    const names = Object.keys(sdk).flatMap((name) => /^(\w+)Command$/.exec(name)?.[1] ?? []);
    // A session of one's own, which needs no permission.
    operations.set(
      id,
      names.filter((name) => name !== "GetSessionToken"),
    );
  }
});
afterAll(() => api.close());

const VALUES = [
  "bucket",
  "there",
  "nobody",
  "default",
  "*",
  "arn:aws:iam::000000000000:user/nobody",
  "1",
  "true",
  "",
];
const text = fc.oneof(fc.constantFrom(...VALUES), fc.string({ maxLength: 20 }));
const MEMBERS =
  "Name UserName RoleName PolicyDocument PolicyArn clusterName cluster family repositoryName " +
  "logGroupName CidrBlock VpcId FileSystemId CreationToken DBInstanceIdentifier RoleArn RoleSessionName";
const members = fc.dictionary(fc.constantFrom(...MEMBERS.split(" ")), text, { maxKeys: 6 });
const QUERIES = [
  "",
  "?acl",
  "?policy",
  "?tagging",
  "?delete",
  "?uploads",
  "?versioning",
  "?uploadId=u",
  "?website",
  "?x-id=PutObject",
];
const PATHS = [
  "/",
  "/bucket",
  "/bucket/there",
  "/bucket/new",
  "/other",
  "/2015-02-01/file-systems",
  "/2015-02-01/access-points",
];
const DOCUMENTS = [
  "",
  "x",
  "<Tagging><TagSet/></Tagging>",
  "<Delete><Object><Key>there</Key></Object></Delete>",
  '{"CreationToken":"t"}',
];
const rest = fc.record({
  method: fc.constantFrom("GET", "PUT", "POST", "DELETE", "HEAD"),
  path: fc.constantFrom(...PATHS),
  query: fc.constantFrom(...QUERIES),
  body: fc.oneof(fc.constantFrom(...DOCUMENTS), fc.string()),
});

/** A request of the service's protocol for the operation of this number, with anything in it. */
function requestOf(
  descriptor: ServiceDescriptor,
  number: number,
  what: {
    members: Record<string, string>;
    rest: { method: string; path: string; query: string; body: string };
  },
): RawRequest {
  const names = operations.get(descriptor.id) ?? [];
  const operation = names[number % names.length] ?? "";
  const service = descriptor.signingName;
  switch (descriptor.protocols[0]) {
    case "awsJson1_0":
    case "awsJson1_1": {
      const type = { "content-type": "application/x-amz-json-1.1" };
      const headers = { ...type, "x-amz-target": `${descriptor.targetPrefix}.${operation}` };
      return { service, headers, body: JSON.stringify(what.members) };
    }
    case "awsQuery":
    case "ec2Query": {
      const form = new URLSearchParams({ ...what.members, Action: operation, Version: descriptor.version });
      return {
        service,
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: form.toString(),
      };
    }
    default: {
      const { method, path, query, body } = what.rest;
      return {
        service,
        method,
        path: path + query,
        ...(method === "GET" || method === "HEAD" ? {} : { body }),
      };
    }
  }
}

it("a principal without permissions changes nothing by any operation", async () => {
  const changed: string[] = [];
  // The use of the key is written a second later: it is no change that a request makes.
  const stop = api.store.watch(({ kind, key }) => {
    if (kind !== "identityUse") changed.push(`${kind} ${key}`);
  });
  const object = api.objects.index.get("bucket", "there");
  const services = fc.constantFrom<ServiceDescriptor>(...Object.values(DESCRIPTORS));
  const property = fc.asyncProperty(
    services,
    fc.nat(),
    fc.record({ members, rest }),
    fc.boolean(),
    async (descriptor, number, what, isSigned) => {
      const request = requestOf(descriptor, number, what);
      const { method = "POST", path = "/", headers = {}, body } = request;
      const { status } = isSigned
        ? await sendRaw(api.endpoint, request, Date.now(), nobody)
        : await fetch(api.endpoint + path, {
            method,
            headers,
            ...(body === undefined ? {} : { body: Buffer.from(body) }),
          });
      expect(status).toSatisfy((given: number) => given < 500 || given === 501);
      expect(changed).toEqual([]);
      expect(api.objects.index.get("bucket", "there")).toEqual(object);
      expect(api.objects.index.get("bucket", "new")).toBeUndefined();
    },
  );
  await fc.assert(property, { numRuns: 400, seed: SEED });
  stop();
});
