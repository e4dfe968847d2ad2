import { checkPolicyDocument, evaluate, parsePolicyDocument } from "@gantry/iam";
import { describe, expect, it } from "vitest";

const ALLOW = '"Effect":"Allow","Action":"s3:GetObject","Resource":"*"';
const wrap = (statement: string) => `{"Version":"2012-10-17","Statement":[${statement}]}`;

// A reader of such a document, and a tool that scans it, may see the first of two; JSON.parse keeps the last.
// Before: every one of these was accepted, and the first of the two keys had no effect.
describe("a policy with the same key twice is refused", () => {
  it.each([
    ["two effects", wrap(`{"Effect":"Deny",${ALLOW}}`)],
    ["two effects, one spelled by an escape", wrap(`{"\\u0041ffect":"Deny",${ALLOW}}`)],
    ["two actions", wrap(`{${ALLOW},"Action":"*"}`)],
    ["two resources", wrap(`{"Resource":"arn:aws:s3:::b/*",${ALLOW}}`)],
    [
      "two operators of one name",
      wrap(
        `{${ALLOW},"Condition":{"StringEquals":{"aws:username":"ann"},"StringEquals":{"aws:PrincipalAccount":"000000000000"}}}`,
      ),
    ],
    ["two conditions", wrap(`{${ALLOW},"Condition":{"Bool":{"aws:SecureTransport":"true"}},"Condition":{}}`)],
    [
      "two values of a key",
      wrap(`{${ALLOW},"Condition":{"StringEquals":{"aws:username":"ann","aws:username":"bob"}}}`),
    ],
    ["two lists of statements", `{"Version":"2012-10-17","Statement":[],"Statement":[{${ALLOW}}]}`],
    ["two versions", `{"Version":"2012-10-17",${wrap(`{${ALLOW}}`).slice(1, -1)}}`],
    ["with space before the colon", wrap(`{"Effect" \n:"Deny",${ALLOW}}`)],
    [
      "a key of Object's prototype",
      wrap(`{${ALLOW},"Condition":{"Bool":{"__proto__:a":"1","__proto__:a":"2"}}}`),
    ],
  ])("%s", (_, text) => expect(() => checkPolicyDocument(text, "identity")).toThrow(/Syntax errors/));

  it("is not confused with equal keys of different statements or values", () => {
    const sid = (name: string) => `{"Sid":"${name}",${ALLOW}}`;
    checkPolicyDocument(wrap(`${sid("a")},${sid("b")}`), "identity");
    const value = String.raw`{${ALLOW},"Condition":{"StringLike":{"aws:UserAgent":["\"Effect\":","\\",  "{}"]}}}`;
    checkPolicyDocument(wrap(value), "identity");
  });
});

// These held.
describe("an odd spelling does not evade a Deny", () => {
  const decide = (
    denial: object,
    { action = "s3:GetObject", resource = "arn:aws:s3:::b/x", conditions = {} } = {},
  ): boolean => {
    const Statement = [
      { Effect: "Allow", Action: "*", Resource: "*" },
      { Effect: "Deny", ...denial },
    ];
    const identity = [parsePolicyDocument(JSON.stringify({ Version: "2012-10-17", Statement }))];
    return evaluate({ identity }, { action, resource, principals: [], conditions }).allowed;
  };
  const all = { Action: "*", Resource: "*" };
  it.each<[string, object, Parameters<typeof decide>[1]]>([
    ["an action in capitals", { ...all, Action: "S3:GETOBJECT" }, {}],
    ["an action with ?", { ...all, Action: "s3:GetObjec?" }, {}],
    ["NotAction of another", { NotAction: "ec2:*", Resource: "*" }, {}],
    ["NotAction in another case", { NotAction: "EC2:*", Resource: "*" }, {}],
    ["NotResource of another", { Action: "*", NotResource: "arn:aws:s3:::other/*" }, {}],
    [
      "NotResource with a variable without a value",
      { Action: "*", NotResource: "arn:aws:s3:::${aws:username}/*" },
      {},
    ],
    [
      "a key in capitals",
      { ...all, Condition: { StringEquals: { "AWS:UserName": "ann" } } },
      { conditions: { "aws:username": "ann" } },
    ],
    [
      "a boolean that is no text",
      { ...all, Condition: { Bool: { "aws:SecureTransport": false } } },
      { conditions: { "aws:SecureTransport": "false" } },
    ],
    [
      "a negated operator without the key",
      { ...all, Condition: { StringNotEquals: { "aws:PrincipalTag/team": "a" } } },
      {},
    ],
    [
      "IfExists without the key",
      { ...all, Condition: { StringEqualsIfExists: { "aws:PrincipalTag/team": "a" } } },
      {},
    ],
    [
      "no values of a negated operator",
      { ...all, Condition: { StringNotEquals: { "aws:username": [] } } },
      { conditions: { "aws:username": "ann" } },
    ],
    ["Null of an absent key", { ...all, Condition: { Null: { "aws:PrincipalTag/team": "true" } } }, {}],
    ["an empty operator", { ...all, Condition: { StringEquals: {} } }, {}],
    [
      "an address in IPv6",
      { ...all, Condition: { NotIpAddress: { "aws:SourceIp": "10.0.0.0/8" } } },
      { conditions: { "aws:SourceIp": "::ffff:10.0.0.1" } },
    ],
    [
      "an escaped letter",
      JSON.parse(String.raw`{"Action":"s3:\u0047etObject","Resource":"*"}`) as object,
      {},
    ],
  ])("%s", (_, denial, request) => expect(decide(denial, request)).toBe(false));
});
