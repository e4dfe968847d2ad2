import fc from "fast-check";
import { expect, it } from "vitest";
import { LinearRegex } from "./linear-regex.ts";
import { RegexError } from "./regex-syntax.ts";

it.each([
  ["a+b", "xaab"],
  ["^a.c$", "abc"],
  ["^a.c$", "abcd"],
  ["[^a-c]x|y{2,3}", "zyy"],
  [String.raw`\d+\.\d*`, "v12.5"],
  [String.raw`\bfoo\b`, "a foo b"],
  ["(a|ab)(c|bcd)(d*)", "abcd"],
  ["(a*?)(a*)", "aaa"],
  ["(?:ab){2}", "xabab"],
  [String.raw`[\w.-]+@[\w-]+`, "mail me@here now"],
  [String.raw`\x41[\]]`, "A]"],
])("matches %s in %s as RegExp does", (source, text) => {
  const expected = new RegExp(source).exec(text);
  expect(new LinearRegex(source).test(text)).toBe(expected !== null);
  expect(new LinearRegex(source).groups(text)).toEqual(expected?.slice(1));
});

it("matches what RegExp matches, with the same groups", () => {
  const atom = fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "(a)", "(b|ab)", "(?:ab)", "c");
  const part = fc.tuple(atom, fc.constantFrom("", "*", "+", "?", "*?", "{1,2}")).map(([a, q]) => a + q);
  const source = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(
      source,
      fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 8 }),
      (pattern, text) => {
        const expected = new RegExp(pattern).exec(text);
        expect(new LinearRegex(pattern).groups(text)).toEqual(
          expected === null ? undefined : [...expected.slice(1)],
        );
      },
    ),
    { numRuns: 500 },
  );
});

it("ignores case where the expression says so, and names its groups", () => {
  const regex = new LinearRegex("(?i)user=(?<name>[a-z]+)");
  expect(regex.groups("USER=Bob")).toEqual(["Bob"]);
  expect(regex.names).toEqual(["name"]);
});

it("refuses what is malformed, not supported or too large", () => {
  for (const source of [
    "(",
    ")",
    "a{2,1}",
    "*a",
    String.raw`(a)\1`,
    "(?=a)",
    "(?<!a)",
    "[b-a]",
    "[",
    "a{2000}",
    "((a{100}){100}){100}",
    "(".repeat(200),
    String.raw`\x4`,
  ])
    expect(() => new LinearRegex(source), source).toThrow(RegexError);
});

it("ends soon on expressions and texts that take RegExp exponential time", () => {
  const start = process.cpuUsage();
  for (const source of ["(a+)+$", "(a|a)*$", "(a|aa)+$", "(.*)*x", "([a-z]+)*[0-9]", "(a?){20}a{20}$"])
    new LinearRegex(source).test(`${"a".repeat(5_000)}!`);
  // A backtracking matcher takes longer than the age of the universe.
  expect(process.cpuUsage(start).user / 1_000).toBeLessThan(2_000);
});
