import { CreateRepositoryCommand, ECRClient, SetRepositoryPolicyCommand } from "@aws-sdk/client-ecr";
import * as iam from "@aws-sdk/client-iam";
import { CreateBucketCommand, PutBucketPolicyCommand, S3Client } from "@aws-sdk/client-s3";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { evaluate, parsePolicyDocument, type PolicyRequest } from "@gantry/iam";
import { startApi } from "@gantry/testkit";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { naivelyAllows, type NaiveStatement } from "./naive-evaluator.ts";

const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const ALLOW_ALL = { Effect: "Allow", Action: "*", Resource: "*" };

function allows(statements: readonly object[], conditions: PolicyRequest["conditions"] = {}, resource = "*") {
  const identity = [parsePolicyDocument(document(...statements))];
  return evaluate({ identity }, { action: "s3:GetObject", resource, principals: [], conditions }).allowed;
}

// Before: all of these statements were without effect, or had more than they say.
describe("a statement that cannot be decided", () => {
  const deny = (Condition: object) => [ALLOW_ALL, { ...ALLOW_ALL, Effect: "Deny", Condition }];
  const allow = (Condition: object) => [{ ...ALLOW_ALL, Condition }];

  it.each([
    ["an unknown key", { StringEquals: { "iam:Invented": "x" } }],
    ["an unknown key that must be there", { Null: { "s3:Invented": "false" } }],
    ["an unknown operator", { StringMatches: { "aws:username": "x" } }],
    ["a block that is none", { IpAddress: { "aws:SourceIp": "10.0.0.0/33" } }],
    ["a number that is none", { NumericLessThan: { "s3:max-keys": "" } }],
    ["a date that is none", { DateLessThan: { "aws:CurrentTime": "tomorrow" } }],
    ["a variable of an unknown key", { StringEquals: { "aws:username": "${aws:invented}" } }],
  ])("denies in a Deny and allows nothing in an Allow: %s", (_, condition) => {
    const known = {
      "aws:username": "ann",
      "aws:SourceIp": "10.0.0.1",
      "s3:max-keys": "5",
      "aws:CurrentTime": "2026-01-01T00:00:00Z",
    };
    expect(allows(deny(condition), known)).toBe(false);
    expect(allows(allow(condition), known)).toBe(false);
  });

  it("does not open an Allow by a negated operator or by IfExists", () => {
    expect(allows(allow({ StringNotEquals: { "s3:Invented": "x" } }))).toBe(false);
    expect(allows(allow({ StringEqualsIfExists: { "s3:Invented": "x" } }))).toBe(false);
    expect(allows(allow({ "ForAllValues:StringEquals": { "s3:Invented": "x" } }))).toBe(false);
  });

  it("does not let the spelling of a tag's key evade a Deny", () => {
    const protect = deny({ StringEquals: { "aws:RequestTag/env": "prod" } });
    expect(allows(protect, { "aws:RequestTag/env": "dev", "aws:RequestTag/ENV": "prod" })).toBe(false);
  });

  it("takes a variable's value literally", () => {
    const home = [{ ...ALLOW_ALL, Resource: "arn:aws:s3:::b/${aws:PrincipalTag/team}/*" }];
    expect(allows(home, { "aws:PrincipalTag/team": "*" }, "arn:aws:s3:::b/red/x")).toBe(false);
    expect(allows(home, { "aws:PrincipalTag/team": "?ed" }, "arn:aws:s3:::b/red/x")).toBe(false);
    expect(allows(home, { "aws:PrincipalTag/team": "*" }, "arn:aws:s3:::b/*/x")).toBe(true);
    const like = allow({ StringLike: { "aws:username": "${aws:PrincipalTag/team}" } });
    expect(allows(like, { "aws:username": "ann", "aws:PrincipalTag/team": "*" })).toBe(false);
  });

  it("does not widen NotResource by a variable without a value", () => {
    const rest = [{ Effect: "Allow", Action: "*", NotResource: "arn:aws:s3:::b/${aws:username}/*" }];
    expect(allows(rest, {}, "arn:aws:s3:::b/ann/x")).toBe(false);
  });

  it("gives no rights by a stored Allow without a resource", () =>
    expect(allows([{ Effect: "Allow", Action: "*" }])).toBe(false));
});

const api = await startApi();
afterAll(() => api.close());
const root = new iam.IAMClient(api.client());
const s3 = new S3Client({ ...api.client(), forcePathStyle: true });
const ecr = new ECRClient(api.client());
await s3.send(new CreateBucketCommand({ Bucket: "guarded" }));
await ecr.send(new CreateRepositoryCommand({ repositoryName: "guarded" }));
await root.send(new iam.CreateUserCommand({ UserName: "holder" }));
const TRUST = document({ Effect: "Allow", Principal: { AWS: "000000000000" }, Action: "sts:AssumeRole" });
for (const RoleName of ["holder", "assumed"])
  await root.send(new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: TRUST }));

/** Every way to write a policy; each names the error of a document that is refused. */
const WRITES: Readonly<Record<string, (text: string) => Promise<unknown>>> = {
  user: (PolicyDocument) =>
    root.send(new iam.PutUserPolicyCommand({ UserName: "holder", PolicyName: "p", PolicyDocument })),
  role: (PolicyDocument) =>
    root.send(new iam.PutRolePolicyCommand({ RoleName: "holder", PolicyName: "p", PolicyDocument })),
  managed: (PolicyDocument) => root.send(new iam.CreatePolicyCommand({ PolicyName: "p", PolicyDocument })),
  session: (Policy) =>
    new STSClient(api.client()).send(
      new AssumeRoleCommand({
        RoleArn: "arn:aws:iam::000000000000:role/assumed",
        RoleSessionName: "s1",
        Policy,
      }),
    ),
  trust: (PolicyDocument) =>
    root.send(new iam.UpdateAssumeRolePolicyCommand({ RoleName: "holder", PolicyDocument })),
  bucket: (Policy) => s3.send(new PutBucketPolicyCommand({ Bucket: "guarded", Policy })),
  repository: (policyText) =>
    ecr.send(new SetRepositoryPolicyCommand({ repositoryName: "guarded", policyText })),
};
const IDENTITY = ["user", "role", "managed", "session"];

// Before: each was accepted, and what was missing counted as everything.
describe("a document outside the grammar is refused", () => {
  const everyone = { Principal: "*" };
  it.each([
    ["no resource", { Effect: "Allow", Action: "s3:*" }, /must contain resources/, IDENTITY],
    [
      "an empty list of resources",
      { Effect: "Allow", Action: "s3:*", Resource: [] },
      /must contain resources/,
      IDENTITY,
    ],
    ["a principal", { ...ALLOW_ALL, Principal: "*" }, /should not specify a principal/, IDENTITY],
    ["a resource that is no ARN", { ...ALLOW_ALL, Resource: "bucket" }, /must be in ARN format/, IDENTITY],
    [
      "a resource of another partition",
      { ...ALLOW_ALL, Resource: "arn:moon:s3:::b" },
      /Partition "moon"/,
      IDENTITY,
    ],
    ["a resource of any service", { ...ALLOW_ALL, Resource: "arn:aws:*" }, /fully qualified/, IDENTITY],
    ["an element that is unknown", { ...ALLOW_ALL, Conditions: {} }, /Syntax errors/, IDENTITY],
    ["Action beside NotAction", { ...ALLOW_ALL, NotAction: "s3:*" }, /Syntax errors/, IDENTITY],
    [
      "an unknown operator",
      { ...ALLOW_ALL, Condition: { StringMatches: { "aws:username": "a" } } },
      /Invalid Condition type : StringMatches/,
      IDENTITY,
    ],
    [
      "an operator of Object's prototype",
      { ...ALLOW_ALL, Condition: { toString: { "aws:username": "a" } } },
      /Invalid Condition type/,
      IDENTITY,
    ],
    ["a condition that is a list", { ...ALLOW_ALL, Condition: [] }, /Syntax errors/, IDENTITY],
    ["two colons in an action", { ...ALLOW_ALL, Action: "s3:Get:Object" }, /only one colon/, IDENTITY],
    [
      "another service's action",
      { Effect: "Allow", ...everyone, Action: "s3:GetObject" },
      /may only specify STS/,
      ["trust"],
    ],
    [
      "a resource",
      { Effect: "Allow", ...everyone, Action: "sts:AssumeRole", Resource: "*" },
      /prohibited field Resource/,
      ["trust"],
    ],
    [
      "no principal",
      { Effect: "Allow", Action: "sts:AssumeRole" },
      /Missing required field Principal/,
      ["trust"],
    ],
    [
      "a principal of an unknown type",
      { Effect: "Allow", Principal: { Person: "ann" }, Action: "sts:AssumeRole" },
      /Invalid principal/,
      ["trust"],
    ],
    [
      "no resource",
      { Effect: "Allow", ...everyone, Action: "s3:GetObject" },
      /Missing required field Resource/,
      ["bucket"],
    ],
    [
      "an unknown operator",
      {
        Effect: "Deny",
        ...everyone,
        Action: "s3:GetObject",
        Resource: "arn:aws:s3:::guarded/*",
        Condition: { IpIs: { "aws:SourceIp": "1.2.3.4" } },
      },
      /Invalid Condition type : IpIs/,
      ["bucket"],
    ],
    [
      "an unknown operator",
      { Effect: "Deny", ...everyone, Action: "ecr:*", Condition: { IpIs: { "aws:SourceIp": "1.2.3.4" } } },
      /Invalid repository policy/,
      ["repository"],
    ],
  ])("%s: %j", async (_, statement, message, places) => {
    for (const place of places)
      await expect(WRITES[place]?.(document(statement)), place).rejects.toThrow(message);
  });

  it("and an empty list of statements", async () => {
    for (const place of IDENTITY)
      await expect(WRITES[place]?.(document()), place).rejects.toThrow("Syntax errors in policy.");
  });

  // Before: 100 KB were accepted everywhere.
  it.each([
    ["user", 2_048, "LimitExceededException", "Maximum policy size of 2048 bytes exceeded for user holder"],
    ["role", 10_240, "LimitExceededException", "Maximum policy size of 10240 bytes exceeded for role holder"],
    ["managed", 6_144, "LimitExceededException", "Cannot exceed quota for PolicySize: 6144"],
    ["trust", 2_048, "LimitExceededException", "Cannot exceed quota for ACLSizePerRole: 2048"],
    ["session", 2_048, "PackedPolicyTooLargeException", undefined],
    ["bucket", 20_480, "MalformedPolicy", undefined],
  ])("and one of a %s beyond %i characters", async (place, most, name, message) => {
    const filler = (size: number) =>
      place === "trust"
        ? document({
            Effect: "Allow",
            Principal: { Service: "x.amazonaws.com" },
            Action: "sts:AssumeRole",
            Condition: { StringEquals: { "sts:ExternalId": "x".repeat(size) } },
          })
        : document({
            ...ALLOW_ALL,
            ...(place === "bucket" ? { Principal: "*", Effect: "Deny", Action: "s3:*" } : {}),
            Resource: `arn:aws:s3:::guarded/${"x".repeat(size)}`,
          });
    const tooLong = await WRITES[place]?.(filler(most)).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(tooLong).toMatchObject({ name, ...(message === undefined ? {} : { message }) });
    const padded = filler(most - 300).replaceAll(
      ",",
      `,${" ".repeat(place === "bucket" || place === "session" ? 1 : 400)}`,
    );
    await WRITES[place]?.(padded);
  });
});

/** Random statements and requests from few words, so that they often meet. */
const words = fc.constantFrom("a", "b", "*", "a*", "?", "ab");
const values = fc.constantFrom("a", "b", "ab", "A", "*");
const oneOrMore = <T>(each: fc.Arbitrary<T>) => fc.array(each, { minLength: 1, maxLength: 3 });
const resources = fc.oneof(
  words.map((word) => `arn:aws:s3:::${word}`),
  fc.constantFrom("*", "*", "arn:aws:s3:::${aws:username}", "arn:aws:s3:::${aws:PrincipalTag/x}*"),
);
const actions = fc.constantFrom("*", "*", "s3:*", "s3:Get*", "S3:getobject", "s3:PutObject", "iam:*");
const quantified = (operator: string) => [
  operator,
  `ForAllValues:${operator}`,
  `ForAnyValue:${operator}`,
  `${operator}IfExists`,
];
const conditions = fc.oneof(
  fc.tuple(
    fc.constantFrom(
      ...["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase"].flatMap(
        quantified,
      ),
    ),
    fc.constantFrom("aws:username", "aws:PrincipalTag/x", "aws:TagKeys", "AWS:UserName"),
    oneOrMore(fc.oneof(words, fc.constant("${aws:username}"))),
  ),
  fc.tuple(
    fc.constantFrom(...["IpAddress", "NotIpAddress"].flatMap(quantified)),
    fc.constant("aws:SourceIp"),
    oneOrMore(fc.constantFrom("10.0.0.0/8", "10.1.2.3", "192.168.0.0/16")),
  ),
  fc.tuple(
    fc.constantFrom(...["NumericLessThan", "NumericEquals", "NumericNotEquals"].flatMap(quantified)),
    fc.constant("s3:max-keys"),
    oneOrMore(fc.constantFrom("1", "5", "10.5")),
  ),
  fc.tuple(
    fc.constantFrom("Null"),
    fc.constantFrom("aws:username", "aws:TagKeys"),
    oneOrMore(fc.constantFrom("true", "false")),
  ),
  fc.tuple(
    fc.constantFrom(...quantified("Bool")),
    fc.constant("aws:SecureTransport"),
    oneOrMore(fc.constantFrom("true", "false")),
  ),
);
const statements: fc.Arbitrary<NaiveStatement> = fc
  .record({
    Effect: fc.constantFrom("Allow" as const, "Allow" as const, "Allow" as const, "Deny" as const),
    action: fc.tuple(fc.constantFrom("Action", "Action", "NotAction"), oneOrMore(actions)),
    resource: fc.tuple(fc.constantFrom("Resource", "Resource", "NotResource"), oneOrMore(resources)),
    condition: fc.option(conditions, { nil: undefined, freq: 1 }),
  })
  .map(({ Effect, action, resource, condition }) => ({
    Effect,
    [action[0]]: action[1],
    [resource[0]]: resource[1],
    ...(condition === undefined ? {} : { Condition: { [condition[0]]: { [condition[1]]: condition[2] } } }),
  }));
const optional = <T>(each: fc.Arbitrary<T>) => fc.option(each, { nil: undefined, freq: 1 });
const contexts = fc.record({
  "aws:username": fc.oneof(
    fc.constant([]),
    values.map((value) => [value]),
  ),
  "aws:principaltag/x": fc.oneof(
    fc.constant([]),
    values.map((value) => [value]),
  ),
  "aws:tagkeys": fc.array(values, { maxLength: 3 }),
  "aws:sourceip": fc.constantFrom(["10.1.2.3"], ["192.168.1.1"], ["8.8.8.8"], []),
  "s3:max-keys": fc.constantFrom(["1"], ["7"], []),
  "aws:securetransport": fc.constantFrom(["true"], ["false"], []),
});
const requests = fc.record({
  action: fc.constantFrom("s3:GetObject", "s3:PutObject", "iam:GetUser"),
  resource: fc.constantFrom("a", "b", "ab", "*", "A").map((name) => `arn:aws:s3:::${name}`),
  context: contexts,
});
const sets = fc.record({
  identity: fc.array(statements, { maxLength: 4 }),
  boundary: optional(fc.array(statements, { minLength: 1, maxLength: 2 })),
  session: optional(fc.array(statements, { minLength: 1, maxLength: 2 })),
});
type Sets = typeof sets extends fc.Arbitrary<infer T> ? T : never;
type Asked = typeof requests extends fc.Arbitrary<infer T> ? T : never;

function platformAllows(
  { identity, boundary, session }: Sets,
  { action, resource, context }: Asked,
): boolean {
  const read = (some: readonly NaiveStatement[]) => parsePolicyDocument(document(...some));
  return evaluate(
    {
      identity: [read(identity)],
      boundary: boundary === undefined ? undefined : read(boundary),
      session: session === undefined ? undefined : [read(session)],
    },
    { action, resource, principals: ["arn:aws:iam::1:user/ann"], conditions: context },
  ).allowed;
}

describe("evaluation", () => {
  it("decides as a second implementation does", () => {
    let allowed = 0;
    fc.assert(
      fc.property(sets, requests, (policies, request) => {
        const expected = naivelyAllows(policies, request);
        allowed += expected ? 1 : 0;
        expect(platformAllows(policies, request)).toBe(expected);
      }),
      { numRuns: 3_000 },
    );
    expect(allowed).toBeGreaterThan(200);
  });

  it("never allows more when a Deny is added or an Allow removed", () =>
    fc.assert(
      fc.property(sets, requests, statements, fc.nat(), (policies, request, more, index) => {
        if (platformAllows(policies, request)) return;
        const denied = {
          ...policies,
          identity: [...policies.identity, { ...more, Effect: "Deny" as const }],
        };
        expect(platformAllows(denied, request)).toBe(false);
        const removable = policies.identity.filter(({ Effect }) => Effect === "Allow");
        const removed = removable[index % Math.max(1, removable.length)];
        const fewer = { ...policies, identity: policies.identity.filter((each) => each !== removed) };
        expect(platformAllows(fewer, request)).toBe(false);
      }),
      { numRuns: 2_000 },
    ));
});
