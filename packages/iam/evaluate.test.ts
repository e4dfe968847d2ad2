import { describe, expect, it } from "vitest";
import { evaluate, type PolicyRequest } from "./evaluate.ts";
import { glob } from "./patterns.ts";
import { MalformedPolicyError, parsePolicyDocument } from "./policy-document.ts";

const document = (...statements: readonly object[]) =>
  parsePolicyDocument(JSON.stringify({ Version: "2012-10-17", Statement: statements }));
const allow = (
  Action: string | readonly string[],
  Resource: string | readonly string[] = "*",
  more: object = {},
) => ({
  Effect: "Allow",
  Action,
  Resource,
  ...more,
});
const request = (
  action: string,
  resource = "*",
  conditions: PolicyRequest["conditions"] = {},
): PolicyRequest => ({
  action,
  resource,
  principals: ["arn:aws:iam::1:user/ann"],
  conditions,
});
const allowed = (statements: readonly object[], asked: PolicyRequest): boolean =>
  evaluate({ identity: [document(...statements)] }, asked).allowed;

describe("evaluate", () => {
  it("denies what nothing allows", () =>
    expect(allowed([allow("s3:GetObject")], request("s3:PutObject"))).toBe(false));
  it("compares actions without regard to case", () =>
    expect(allowed([allow("S3:getobject")], request("s3:GetObject"))).toBe(true));
  it("compares resources with regard to case", () =>
    expect(
      allowed([allow("*", "arn:aws:s3:::Bucket/*")], request("s3:GetObject", "arn:aws:s3:::bucket/a")),
    ).toBe(false));
  it("lets an explicit deny win", () =>
    expect(
      allowed([allow("*"), { Effect: "Deny", Action: "s3:*", Resource: "*" }], request("s3:GetObject")),
    ).toBe(false));
  it("lets * in a resource cross slashes and colons", () =>
    expect(allowed([allow("*", "arn:aws:s3:::b*")], request("s3:GetObject", "arn:aws:s3:::b/c:d/e"))).toBe(
      true,
    ));
  it("applies NotAction and NotResource", () => {
    const statement = { Effect: "Allow", NotAction: "iam:*", NotResource: "arn:aws:s3:::secret/*" };
    expect(allowed([statement], request("s3:GetObject", "arn:aws:s3:::open/a"))).toBe(true);
    expect(allowed([statement], request("s3:GetObject", "arn:aws:s3:::secret/a"))).toBe(false);
    expect(allowed([statement], request("iam:GetUser"))).toBe(false);
  });
  it("fills in variables", () => {
    const statement = allow("s3:*", "arn:aws:s3:::home/${aws:username}/*");
    expect(
      allowed([statement], request("s3:GetObject", "arn:aws:s3:::home/ann/x", { "aws:username": "ann" })),
    ).toBe(true);
    expect(
      allowed([statement], request("s3:GetObject", "arn:aws:s3:::home/bob/x", { "aws:username": "ann" })),
    ).toBe(false);
  });
  it("needs the boundary's permission as well", () => {
    const policies = { identity: [document(allow("*"))], boundary: document(allow("s3:*")) };
    expect(evaluate(policies, request("s3:GetObject")).allowed).toBe(true);
    expect(evaluate(policies, request("ecs:RunTask"))).toMatchObject({
      allowed: false,
      because: "no-boundary-allow",
    });
  });
  it("lets a resource policy of the same account allow by itself", () => {
    const resource = parsePolicyDocument(
      JSON.stringify({
        Version: "2012-10-17",
        Statement: {
          Effect: "Allow",
          Principal: { AWS: "arn:aws:iam::1:user/ann" },
          Action: "sts:AssumeRole",
        },
      }),
    );
    expect(
      evaluate({ identity: [], resource }, request("sts:AssumeRole", "arn:aws:iam::1:role/r")).allowed,
    ).toBe(true);
    expect(
      evaluate(
        { identity: [], resource },
        { ...request("sts:AssumeRole"), principals: ["arn:aws:iam::1:user/bob"] },
      ).allowed,
    ).toBe(false);
  });
  it.each([
    ["StringEquals", { "aws:x": "a" }, "a", true],
    ["StringNotEquals", { "aws:x": "a" }, "a", false],
    ["StringLike", { "aws:x": "team-*" }, "team-red", true],
    ["NumericLessThan", { "aws:x": "10" }, "9", true],
    ["DateGreaterThan", { "aws:x": "2026-01-01T00:00:00Z" }, "2026-06-01T00:00:00Z", true],
    ["Bool", { "aws:x": "true" }, "true", true],
    ["IpAddress", { "aws:x": "10.0.0.0/8" }, "10.1.2.3", true],
    ["NotIpAddress", { "aws:x": "10.0.0.0/8" }, "10.1.2.3", false],
    ["ArnLike", { "aws:x": "arn:aws:ecs:*:1:task/*" }, "arn:aws:ecs:eu:1:task/a", true],
    ["ArnLike", { "aws:x": "arn:aws:ecs:*:task/*" }, "arn:aws:ecs:eu:1:task/a", false],
  ])("%s %j of %s is %s", (operator, keys, value, expected) => {
    expect(
      allowed(
        [allow("*", "*", { Condition: { [operator]: keys } })],
        request("a:b", "*", { "aws:x": value }),
      ),
    ).toBe(expected);
  });
  it("treats an absent key as the operator defines", () => {
    const holds = (condition: object) => allowed([allow("*", "*", { Condition: condition })], request("a:b"));
    expect(holds({ StringEquals: { "aws:SourceVpc": "a" } })).toBe(false);
    expect(holds({ StringEqualsIfExists: { "aws:SourceVpc": "a" } })).toBe(true);
    expect(holds({ Null: { "aws:SourceVpc": "true" } })).toBe(true);
  });
});

describe("parsePolicyDocument", () => {
  it.each([
    "",
    "{}",
    '{"Statement":[{"Effect":"Maybe","Action":"*"}]}',
    '{"Version":"2020-01-01","Statement":[]}',
    '{"Statement":[{"Effect":"Allow","Action":"nocolon","Resource":"*"}]}',
  ])("refuses %j", (text) => expect(() => parsePolicyDocument(text)).toThrow(MalformedPolicyError));
});

describe("glob", () => {
  it.each([
    ["a*b", "ab", true],
    ["a*b", "axxb", true],
    ["a*b", "axxbc", false],
    ["a?c", "abc", true],
    ["*", "", true],
    ["**a", "bba", true],
  ])("%s against %s is %s", (pattern, text, expected) => expect(glob(pattern, text)).toBe(expected));
});
