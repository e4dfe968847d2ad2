import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventPatternError, parseEventPattern } from "./event-pattern.ts";

const EVENT = {
  version: "0",
  source: "aws.ecs",
  "detail-type": "ECS Task State Change",
  resources: ["arn:aws:ecs:eu-south-1:000000000000:task/prod/1"],
  detail: {
    lastStatus: "STOPPED",
    count: 300,
    address: "10.0.0.7",
    path: "a/b*c",
    nothing: null,
    flag: true,
    containers: [
      { name: "web", exitCode: 0 },
      { name: "log", exitCode: 137 },
    ],
  },
};
const matches = (pattern: object): boolean => parseEventPattern(JSON.stringify(pattern)).matches(EVENT);

describe("a pattern matches", () => {
  it.each<[string, object]>([
    ["one of several values", { source: ["aws.ec2", "aws.ecs"] }],
    ["an element of a list", { resources: [{ prefix: "arn:aws:ecs:" }] }],
    ["null, a switch, a number", { detail: { nothing: [null], flag: [true], count: [3.0e2] } }],
    ["a prefix", { source: [{ prefix: "aws." }] }],
    ["a prefix in other letters", { source: [{ prefix: { "equals-ignore-case": "AWS." } }] }],
    ["a suffix", { "detail-type": [{ suffix: "Change" }] }],
    ["a text in other letters", { source: [{ "equals-ignore-case": "AWS.ECS" }] }],
    ["anything but a text", { source: [{ "anything-but": "aws.ec2" }] }],
    ["anything but a prefix", { source: [{ "anything-but": { prefix: ["custom.", "other."] } }] }],
    ["anything but numbers", { detail: { count: [{ "anything-but": [1, 2] }] } }],
    ["a range of numbers", { detail: { count: [{ numeric: [">", 0, "<=", 300] }] } }],
    [
      "a field that is there, and one that is not",
      { detail: { count: [{ exists: true }], x: [{ exists: false }] } },
    ],
    ["a field within a structure that is not there", { nowhere: { x: [{ exists: false }] } }],
    ["a wildcard", { "detail-type": [{ wildcard: "ECS*Change" }] }],
    ["an escaped wildcard", { detail: { path: [{ wildcard: "a/*\\*c" }] } }],
    ["a range of addresses", { detail: { address: [{ cidr: "10.0.0.0/24" }] } }],
    ["an element of a list of structures", { detail: { containers: { name: ["log"], exitCode: [137] } } }],
    ["one alternative", { $or: [{ source: ["x"] }, { detail: { count: [{ numeric: ["=", 300] }] } }] }],
    [
      "an alternative within a structure",
      { detail: { $or: [{ lastStatus: ["RUNNING"] }, { flag: [true] }] } },
    ],
  ])("%s", (_, pattern) => expect(matches(pattern)).toBe(true));
});

describe("a pattern does not match", () => {
  it.each<[string, object]>([
    ["another value", { source: ["aws.ec2"] }],
    ["a text where a number is asked for", { source: [1] }],
    ["a field that is absent", { missing: ["x"] }],
    ["anything but, of a field that is absent", { missing: [{ "anything-but": "x" }] }],
    ["fields of different elements", { detail: { containers: { name: ["web"], exitCode: [137] } } }],
    ["a structure where a value is asked for", { detail: [{ exists: true }] }],
    ["members that every object inherits", { detail: { constructor: [{ exists: true }] } }],
    ["no alternative", { $or: [{ source: ["x"] }, { source: ["y"] }] }],
    ["an address outside of the range", { detail: { address: [{ cidr: "10.0.1.0/24" }] } }],
    ["an overlap of the ends of a wildcard", { source: [{ wildcard: "aws.ecs*s.ecs" }] }],
  ])("%s", (_, pattern) => expect(matches(pattern)).toBe(false));
});

describe("a pattern is refused", () => {
  it.each([
    "",
    "[]",
    "{}",
    '{"a":"b"}',
    '{"a":[]}',
    '{"a":[{"prefix":1}]}',
    '{"a":[{"what":"x"}]}',
    '{"a":[{"toString":"x"}]}',
    '{"a":[{"exists":"yes"}]}',
    '{"a":[{"numeric":["<"]}]}',
    '{"a":[{"numeric":["<",1e400]}]}',
    '{"a":[{"numeric":["<",1,">",0]}]}',
    '{"a":[{"cidr":"10.0.0.0/33"}]}',
    '{"a":[{"cidr":"x/1"}]}',
    '{"a":[{"wildcard":"a**b"}]}',
    '{"a":[{"prefix":"a","suffix":"b"}]}',
    '{"$or":[{"a":["b"]}]}',
    '{"a":[["b"]]}',
  ])("%s", (text) => expect(() => parseEventPattern(text)).toThrow(EventPatternError));
});

const texts = fc.string({ unit: fc.constantFrom("a", "b", "*", "\\"), maxLength: 12 });

describe("a wildcard", () => {
  it("matches what a regular expression of the same meaning matches", () =>
    fc.assert(
      fc.property(
        fc
          .array(fc.constantFrom("a", "b", "ab", "*", "\\*", "\\\\"), { maxLength: 8 })
          .filter((parts) => !parts.some((part, index) => part === "*" && parts[index + 1] === "*")),
        texts,
        (parts, text) => {
          const expression = parts.map((part) =>
            part === "*" ? "[^]*" : RegExp.escape(part.replace(/^\\/, "")),
          );
          const pattern = parseEventPattern(JSON.stringify({ a: [{ wildcard: parts.join("") }] }));
          expect(pattern.matches({ a: text })).toBe(new RegExp(`^${expression.join("")}$`).test(text));
        },
      ),
    ));
});

describe("any pattern", () => {
  it("that lists the values of an event matches it, and one value less does not", () =>
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string({ minLength: 1 }).filter((name) => name !== "$or" && name !== "__proto__"),
          fc.string(),
          { minKeys: 1 },
        ),
        (detail) => {
          const pattern = (except?: string) =>
            JSON.stringify({
              detail: Object.fromEntries(
                Object.entries(detail).map(([name, value]) => [
                  name,
                  [name === except ? `${value}!` : value],
                ]),
              ),
            });
          fc.pre(pattern().length < 4_000);
          expect(parseEventPattern(pattern()).matches({ detail })).toBe(true);
          expect(parseEventPattern(pattern(Object.keys(detail)[0])).matches({ detail })).toBe(false);
        },
      ),
    ));

  it("is parsed or refused, whatever text it is", () =>
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          parseEventPattern(text).matches(EVENT);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(EventPatternError);
        }
      }),
    ));
});
