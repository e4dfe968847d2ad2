import { parseSync } from "oxc-parser";
import { describe, expect, it } from "vitest";
import { absentKeys } from "./absent-keys.ts";
import { importActions } from "./import-actions.ts";
import { importCircles, importsOf, resolveImport } from "./import-circles.ts";
import { FUNCTION_LINES_MAX, longFunctions } from "./long-functions.ts";
import { files, offenders, syntax, text } from "./sources.ts";
import { COLUMNS_MAX, wideLines } from "./wide-lines.ts";

/** Files that look something up by an empty key where they have none: the list only shrinks. */
const ABSENT_KEYS = ["packages/controllers/service/fleet.ts"];
/** Modules besides `main.ts` that act when they are imported, each with its reason. */
const ACTING = [
  "packages/api/iam/managed/pack.ts", // The main file of a process of its own.
  "packages/content/hash-worker.ts", // The main file of a worker thread.
  "packages/content/metrics/metric-worker.ts", // As above.
  "packages/tls/signing.ts", // The X.509 library needs `reflect-metadata` loaded before it.
];

/** What ships: packages, apps and examples without tests and the test suites that implementations share. */
const code = files.filter(
  (file) => /^(packages|apps|examples)\//.test(file) && !/(\.test|-suite)\.tsx?$/.test(file),
);
const parse = (source: string) => parseSync("example.ts", source);

describe("the structure of the code", () => {
  it("parses every file", () =>
    expect(offenders(code, (file) => syntax(file).errors.length > 0)).toEqual([]));

  it(`keeps every function within ${FUNCTION_LINES_MAX} lines`, () => {
    const long = code.flatMap((file) =>
      longFunctions(text(file), syntax(file)).map((name) => `${file}: ${name}`),
    );
    expect(long).toEqual([]);
  });

  it(`keeps every line within ${COLUMNS_MAX} columns`, () => {
    const wide = files.flatMap((file) =>
      wideLines(text(file), syntax(file)).map((line) => `${file}:${line}`),
    );
    expect(wide).toEqual([]);
  });

  it("has no files that import one another in a circle", () => {
    const graph = new Map(
      code.map((file) => [
        file,
        importsOf(text(file), syntax(file)).flatMap((from) => resolveImport(file, from) ?? []),
      ]),
    );
    expect(importCircles(graph)).toEqual([]);
  });

  it("does not look up records by an empty key in place of an absent one", () => {
    const others = code.filter((file) => !ABSENT_KEYS.includes(file));
    expect(offenders(others, (file) => absentKeys(text(file), syntax(file)).length > 0)).toEqual([]);
  });

  it("has no module but a main file that acts when it is imported", () => {
    const others = code.filter((file) => !/\/main\.tsx?$/.test(file) && !ACTING.includes(file));
    expect(offenders(others, (file) => importActions(text(file), syntax(file)).length > 0)).toEqual([]);
  });
});

describe("the checks of the structure", () => {
  it.each([
    `tx.get("role", arn ?? "");`,
    `findRole(reader, name ?? "");`,
    `tx.get("a", aKeyOf(b, c ?? ""));`,
  ])("reports a look-up by an empty key: %s", (source) =>
    expect(absentKeys(source, parse(source))).toHaveLength(1),
  );

  it.each([`tx.get("role", arn);`, `present(arn ?? "");`, `find(name ?? "default");`])(
    "accepts a look-up by the key itself: %s",
    (source) => expect(absentKeys(source, parse(source))).toEqual([]),
  );

  it.each([
    ["function outer() {@}", "outer"],
    ["const outer = () => {@};", "outer"],
    ["const made = { outer() {@} };", "outer"],
    ["class Kept { outer() {@} }", "Kept.outer"],
    ["call(() => {@});", "callback"],
  ])("reports a function of one line too many: %s", (form, name) => {
    const withLines = (lines: number) => form.replace("@", "\n".repeat(lines - 1));
    const [long, short] = [withLines(FUNCTION_LINES_MAX + 1), withLines(FUNCTION_LINES_MAX)];
    expect(longFunctions(long, parse(long))).toEqual([name]);
    expect(longFunctions(short, parse(short))).toEqual([]);
  });

  it.each([`// ${"word ".repeat(30)}`, `call("${"word ".repeat(30)}");`, `call(\`${"word ".repeat(30)}\`);`])(
    "reports a line that is too wide: %s",
    (source) => expect(wideLines(source, parse(source))).toEqual([1]),
  );

  it.each([
    `const arn = "${"x".repeat(130)}";`,
    `const pattern = /${"word ".repeat(30)}/;`,
    `const page = \`first\n${"word ".repeat(30)}\`;`,
  ])("accepts a wide line that has no place to break it: %s", (source) =>
    expect(wideLines(source, parse(source))).toEqual([]),
  );

  it("reports files that import one another, and no others", () => {
    const imports = (file: string, source: string) =>
      [file, importsOf(source, parse(source)).flatMap((from) => resolveImport(file, from) ?? [])] as const;
    const graph = new Map([
      imports("p/a.ts", `import type { B } from "./b.ts";`),
      imports("p/b.ts", `export * from "./c.ts";`),
      imports("p/c.ts", `const load = () => import("./a.ts");`),
      imports("p/d.ts", `import { a } from "./a.ts"; import { join } from "node:path";`),
    ]);
    expect(importCircles(graph)).toEqual([["p/a.ts", "p/b.ts", "p/c.ts"]]);
  });

  it.each([
    `import "./setup.ts";`,
    `start();`,
    `if (flag) start();`,
    `const value = await load();`,
    `import { readFileSync } from "node:fs"; const text = readFileSync("x");`,
    `import fs from "node:fs"; export const text = fs.readFileSync("x");`,
    `import { spawn } from "node:child_process"; class Kept { static process = spawn("x"); }`,
  ])("reports a module that acts when it is imported: %s", (source) =>
    expect(importActions(source, parse(source))).toHaveLength(1),
  );

  it.each([
    `import { readFileSync } from "node:fs"; export const read = () => readFileSync("x");`,
    `import { spawn } from "node:child_process"; class Kept { process = spawn("x"); }`,
    `export const NAMES = new Map([["a", 1]]); export type A = string; interface B {}`,
  ])("accepts a module that declares: %s", (source) =>
    expect(importActions(source, parse(source))).toEqual([]),
  );
});
