import { describe, expect, it } from "vitest";
import { compileFilterPattern } from "./filter-pattern.ts";
import { PatternError } from "./pattern-types.ts";

const matches = (pattern: string, message: string): boolean =>
  compileFilterPattern(pattern).match(message) !== undefined;
const json = (value: unknown): string => JSON.stringify(value);

// Source: CloudWatch Logs User Guide, "Filter pattern syntax": its own examples, and what lies between them.
describe("a pattern of words", () => {
  it.each([
    ["", "anything", true],
    ["ERROR", "[ERROR 400] BAD REQUEST", true],
    ["ERROR", "error", false],
    ["ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", true],
    ["ERROR ARGUMENTS", "[ERROR 400] BAD REQUEST", false],
    ["?ERROR ?ARGUMENTS", "MISSING ARGUMENTS", true],
    ["?ERROR ?ARGUMENTS", "fine", false],
    // Optional terms have no effect beside others.
    ["?ARGUMENTS ERROR", "ERROR alone", true],
    ["ERROR -ARGUMENTS", "ERROR 400", true],
    ["ERROR -ARGUMENTS", "ERROR ARGUMENTS", false],
    ['"INTERNAL SERVER ERROR"', "[500] INTERNAL SERVER ERROR", true],
    ['"INTERNAL SERVER ERROR"', "SERVER ERROR INTERNAL", false],
    ["%AUTHORIZED%", "UNAUTHORIZED REQUEST", true],
    ["%ERROR [45]\\d\\d%", "x ERROR 503 y", true],
    ["%ERROR [45]\\d\\d%", "x ERROR 303 y", false],
    ["-%^DEBUG%", "DEBUG x", false],
  ])("%s on %s: %s", (pattern, message, expected) => expect(matches(pattern, message)).toBe(expected));
});

describe("a JSON pattern", () => {
  const message = json({
    eventType: "UpdateTrail",
    sourceIPAddress: "111.111.111.111",
    arrayKey: ["value", "another value"],
    objectList: [
      { name: "a", id: 1 },
      { name: "b", id: 2 },
    ],
    SomeObject: null,
    ThisFlag: true,
    latency: 12.5,
    "a b": 1,
  });
  it.each([
    ['{ $.eventType = "UpdateTrail" }', true],
    ["{ $.eventType = UpdateTrail }", true],
    ['{ $.eventType != "UpdateTrail" }', false],
    ['{ $.missing != "x" }', false],
    ["{ $.sourceIPAddress = 111.111.* }", true],
    ["{ $.sourceIPAddress != 123.123.* }", true],
    ['{ $.arrayKey[0] = "value" }', true],
    ['{ $.arrayKey[*] = "another*" }', true],
    ["{ $.objectList[1].id = 2 }", true],
    ["{ $.objectList[7].id = 2 }", false],
    ["{ $.SomeObject IS NULL }", true],
    ["{ $.SomeOtherObject NOT EXISTS }", true],
    ["{ $.SomeObject EXISTS }", true],
    ["{ $.ThisFlag IS TRUE }", true],
    ["{ $.ThisFlag IS FALSE }", false],
    ["{ $.latency > 12 && $.latency <= 12.5 }", true],
    ["{ $.latency = 12.50 }", true],
    ["{ ($.latency < 1) || ($.ThisFlag IS TRUE && ($.eventType = %^Update%)) }", true],
    ["{ $['a b'] = 1 }", true],
    ["{ $.eventType = %Trail$% }", true],
  ])("%s: %s", (pattern, expected) => expect(matches(pattern, message)).toBe(expected));

  it("matches no text and no broken JSON", () => {
    expect(matches("{ $.a EXISTS }", "a text")).toBe(false);
    expect(matches("{ $.a EXISTS }", '{"a": ')).toBe(false);
    expect(matches("{ $.toString EXISTS }", "{}")).toBe(false);
  });

  it("reads values by their selectors", () => {
    const fields = compileFilterPattern("{ $.latency = * }").match(message);
    expect(fields?.("$.latency")).toBe("12.5");
    expect(fields?.("$.objectList[1].name")).toBe("b");
    expect(fields?.("$.none")).toBeUndefined();
  });
});

describe("a space-delimited pattern", () => {
  const line = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534';
  it.each([
    ["[ip, server, username, timestamp, request, status_code, bytes]", true],
    ["[ip, server, username, timestamp, request, status_code]", false],
    ["[ip, server, username, timestamp, request = *index*, status_code = 4*, bytes > 1000]", true],
    ["[..., status_code = 404, bytes]", true],
    ["[ip = %^127%, ..., bytes]", true],
    ["[..., status_code = 4* && status_code != 404, bytes]", false],
    ["[..., status_code = 404 || status_code = 410, bytes]", true],
    ['[ip, server = "Prod", ...]', true],
    ["[w1=DEBUG || w1=INFO, ...]", false],
    ["[, server, ...]", true],
  ])("%s: %s", (pattern, expected) => expect(matches(pattern, line)).toBe(expected));

  it("reads values by the names of fields", () => {
    const fields = compileFilterPattern("[ip, ..., status, bytes]").match(line);
    expect([fields?.("$ip"), fields?.("$status"), fields?.("$bytes")]).toEqual(["127.0.0.1", "404", "1534"]);
  });
});

it("refuses malformed patterns", () => {
  for (const pattern of [
    "{ $.a = }",
    "{ $.a",
    "{ a = 1 }",
    "{ $.a = 1 && }",
    "{ $.a > x }",
    "[a",
    "[a =]",
    "[..., a, ...]",
    "%(%",
    "{ $.a = %(% }",
    "{ $.a IS MAYBE }",
    `{ ${"(".repeat(500)} }`,
    "[a = 1 && b = 2]",
  ])
    expect(() => compileFilterPattern(pattern), pattern).toThrow(PatternError);
});
