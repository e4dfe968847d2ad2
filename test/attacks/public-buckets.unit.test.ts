import { BlockList } from "node:net";
import * as s3 from "@aws-sdk/client-s3";
import { evaluate, isPublic, parsePolicyDocument } from "@gantry/iam";
import { startApi } from "@gantry/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const root = new s3.S3Client({ ...api.client(), forcePathStyle: true });
const Bucket = "public-attacks";
const allow = (more: object) => ({
  Effect: "Allow",
  Principal: "*",
  Action: "s3:GetObject",
  Resource: `arn:aws:s3:::${Bucket}/*`,
  ...more,
});
const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });

// Each of these statements lets everyone in. Before: all but the first four were judged not public, were
// accepted by a bucket with BlockPublicPolicy, and an unsigned GET was answered in spite of
// RestrictPublicBuckets.
const EVASIONS: readonly (readonly [string, object])[] = [
  ["everyone", {}],
  ["a wildcard", { Condition: { StringLike: { "aws:PrincipalArn": "arn:aws:iam::*:root" } } }],
  ["every address", { Condition: { IpAddress: { "aws:SourceIp": ["0.0.0.0/0", "::/0"] } } }],
  ["a key that narrows nothing", { Condition: { StringEquals: { "aws:PrincipalType": "Anonymous" } } }],
  ["not a principal", { Condition: { StringNotEquals: { "aws:PrincipalArn": "arn:aws:iam::1:user/x" } } }],
  ["not an address", { Condition: { NotIpAddress: { "aws:SourceIp": "203.0.113.9/32" } } }],
  ["if exists", { Condition: { StringEqualsIfExists: { "aws:SourceVpc": "vpc-1" } } }],
  ["for all values", { Condition: { "ForAllValues:StringEquals": { "aws:SourceVpc": "vpc-1" } } }],
  ["absence", { Condition: { Null: { "aws:SourceVpce": "true" } } }],
  ["two halves", { Condition: { IpAddress: { "aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"] } } }],
  [
    "256 blocks",
    {
      Condition: {
        IpAddress: { "aws:SourceIp": Array.from({ length: 256 }, (_, index) => `${index}.0.0.0/8`) },
      },
    },
  ],
  ["the anonymous id", { Condition: { StringEquals: { "aws:userid": "anonymous" } } }],
  ["a variable", { Condition: { StringEquals: { "aws:userid": "${aws:userid}" } } }],
];
/**
 * Source: S3 User Guide, "Blocking public access to your Amazon S3 storage", examples of policies that are
 * not public.
 */
const NARROW: readonly (readonly [string, object])[] = [
  ["a principal", { Principal: { AWS: "arn:aws:iam::000000000000:root" } }],
  ["an organization", { Condition: { StringEquals: { "aws:PrincipalOrgID": "o-1" } } }],
  ["a VPC", { Condition: { StringEquals: { "aws:SourceVpc": "vpc-91237329" } } }],
  ["a source", { Condition: { ArnLike: { "aws:SourceArn": "arn:aws:sns:eu-south-1:000000000000:t" } } }],
  ["some addresses", { Condition: { IpAddress: { "aws:SourceIp": ["203.0.113.0/24", "2001:db8::/32"] } } }],
  ["private addresses", { Condition: { IpAddress: { "aws:SourceIp": ["10.0.0.0/8", "172.16.0.0/12"] } } }],
  ["any value of some", { Condition: { "ForAnyValue:StringEquals": { "aws:SourceVpce": ["vpce-1"] } } }],
];

describe("a bucket that blocks public access", () => {
  beforeAll(async () => {
    await root.send(new s3.CreateBucketCommand({ Bucket }));
    await root.send(new s3.PutObjectCommand({ Bucket, Key: "k", Body: "secret" }));
  });
  const block = (BlockPublicPolicy: boolean, RestrictPublicBuckets: boolean) =>
    root.send(
      new s3.PutPublicAccessBlockCommand({
        Bucket,
        PublicAccessBlockConfiguration: { BlockPublicPolicy, RestrictPublicBuckets },
      }),
    );
  const put = (statement: object) =>
    root.send(new s3.PutBucketPolicyCommand({ Bucket, Policy: document(allow(statement)) }));

  it.each(EVASIONS)("refuses a policy that is public by %s, and grants nothing by one", async (_, more) => {
    await block(true, true);
    await expect(put(more)).rejects.toMatchObject({ name: "AccessDenied" });
    await block(false, true);
    await put(more);
    const { PolicyStatus } = await root.send(new s3.GetBucketPolicyStatusCommand({ Bucket }));
    expect(PolicyStatus?.IsPublic).toBe(true);
    expect((await fetch(`${api.endpoint}/${Bucket}/k`)).status).toBe(403);
  });

  it.each(NARROW)("accepts a policy that fixes %s", async (_, more) => {
    await block(true, true);
    await put(more);
    const { PolicyStatus } = await root.send(new s3.GetBucketPolicyStatusCommand({ Bucket }));
    expect(PolicyStatus?.IsPublic).toBe(false);
  });
});

const octet = fc.integer({ min: 0, max: 255 });
const address = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join("."));
const block = fc
  .tuple(address, fc.integer({ min: 0, max: 32 }))
  .map(([start, prefix]) => `${start}/${prefix}`);
const text = fc.constantFrom(
  "",
  "x",
  "*",
  "vpc-1",
  "anonymous",
  "000000000000",
  "${aws:userid}",
  "Anonymous",
);
const operator = fc
  .tuple(
    fc.constantFrom("", "ForAllValues:", "ForAnyValue:"),
    fc.constantFrom(
      "StringEquals",
      "StringLike",
      "ArnLike",
      "StringNotEquals",
      "StringNotLike",
      "ArnNotEquals",
    ),
    fc.constantFrom("", "IfExists"),
  )
  .map((parts) => parts.join(""));
const key = fc.constantFrom(
  "aws:PrincipalArn",
  "aws:SourceVpc",
  "aws:SourceArn",
  "aws:userid",
  "aws:PrincipalType",
  "aws:PrincipalOrgID",
  "aws:SecureTransport",
);
const condition = fc.oneof(
  fc.tuple(operator, key, fc.array(text, { minLength: 1, maxLength: 2 })),
  fc.tuple(
    fc.constantFrom("IpAddress", "NotIpAddress", "IpAddressIfExists", "ForAllValues:IpAddress"),
    fc.constant("aws:SourceIp"),
    fc.array(block, { minLength: 1, maxLength: 3 }),
  ),
  fc.tuple(fc.constant("Null"), key, fc.constantFrom(["true"], ["false"])),
);
const statement = fc
  .tuple(
    fc.constantFrom({ Principal: "*" }, { Principal: { AWS: "*" } }, { Principal: { AWS: "000000000000" } }),
    fc.array(condition, { maxLength: 2 }),
  )
  .map(([principal, conditions]) => ({
    ...allow(principal),
    Condition: Object.fromEntries(conditions.map(([name, of, values]) => [name, { [of]: values }])),
  }));

describe("a policy that is judged not public", () => {
  it("admits an unsigned caller only from a narrow range that it names", () => {
    fc.assert(
      fc.property(fc.array(statement, { minLength: 1, maxLength: 3 }), address, (statements, from) => {
        const policy = parsePolicyDocument(document(...statements));
        if (isPublic(policy)) return;
        const decision = evaluate(
          { identity: [], resource: policy },
          {
            action: "s3:GetObject",
            resource: `arn:aws:s3:::${Bucket}/k`,
            principals: [],
            conditions: {
              "aws:SourceIp": from,
              "aws:userid": "anonymous",
              "aws:PrincipalType": "Anonymous",
              "aws:SecureTransport": "false",
            },
          },
        );
        expect(decision.allowed && !isInNarrowRange(statements, from)).toBe(false);
      }),
      { numRuns: 3_000 },
    );
  });
});

/** Whether a statement's IpAddress condition has a range of at most a /8, or a private one, with this address. */
function isInNarrowRange(
  statements: readonly { Condition: Record<string, Record<string, readonly string[]>> }[],
  from: string,
): boolean {
  const ranges = statements.flatMap((each) => each.Condition["IpAddress"]?.["aws:SourceIp"] ?? []);
  return ranges.some((range) => {
    const [start = "", prefix] = range.split("/");
    const list = new BlockList();
    list.addSubnet(start, Number(prefix));
    return Number(prefix) >= 8 && list.check(from);
  });
}
