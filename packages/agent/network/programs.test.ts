import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SystemClock } from "@gantry/kernel";
import fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { batch, inNamespace, PersistentPrograms, ProgramError } from "./programs.ts";

const programs = new PersistentPrograms(new SystemClock(), { count: 2, deadlineMs: 5_000 });
afterAll(() => programs.close());

/** Runs `printf` through nsenter, which runs any program, and returns the received words, one per line. */
const echo = async (...words: readonly string[]): Promise<string> => {
  const [output = ""] = await programs.run([{ program: "nsenter", arguments: ["printf", "<%s>", ...words] }]);
  return output;
};

it("passes every argument unchanged, also those that a shell would interpret", async () => {
  const trap = join(mkdtempSync(join(tmpdir(), "gantry-programs-")), "trap");
  // Regression: network scripts were shell text, so that "10.77.0.9$(id)" ran "id" as root.
  const hostile = [
    `10.77.0.9$(touch ${trap})`,
    `\`touch ${trap}\``,
    `; touch ${trap}`,
    "*",
    "a  b",
    "\\",
    "'",
    '"',
    "",
    "$PATH",
  ];
  expect(await echo(...hostile)).toBe(hostile.map((word) => `<${word}>`).join(""));
  expect(existsSync(trap)).toBe(false);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "binary", maxLength: 20 }), { minLength: 1, maxLength: 5 }),
      async (words) => {
        const plain = words.map((word) => word.replace(/[\n\r\0]/g, "").toWellFormed());
        expect(await echo(...plain)).toBe(plain.map((word) => `<${word}>`).join(""));
      },
    ),
    { numRuns: 15, seed: 20_261_127 },
  );
});

it("passes input byte for byte, and runs commands in order until one fails", async () => {
  const input = `${"x".repeat(100_000)}\n$(id) 'EOF'\nRULES\n`;
  expect(await programs.run([{ program: "nsenter", arguments: ["cat"], input }])).toEqual([input]);
  const run = programs.run([
    { program: "nsenter", arguments: ["printf", "one"] },
    { program: "ip", arguments: ["no-such-object$(id)"] },
    { program: "nsenter", arguments: ["printf", "three"] },
  ]);
  await expect(run).rejects.toThrow('"ip no-such-object$(id)": Object "no-such-object$(id)" is unknown');
});

it("ends a program at its deadline, reports it, and continues", async () => {
  const hasty = new PersistentPrograms(new SystemClock(), { count: 1, deadlineMs: 200 });
  // Regression: network scripts had no deadline, so that one hanging program blocked every interface of the
  // node.
  const wedged = hasty.run([{ program: "nsenter", arguments: ["sleep", "1000"] }]);
  await expect(wedged).rejects.toThrow('"nsenter sleep 1000" did not end within 0.2 s.');
  expect(await hasty.run([{ program: "nsenter", arguments: ["printf", "next"] }])).toEqual(["next"]);
  hasty.close();
});

it("refuses programs that are not listed, line breaks, and words that a batch would read as several", async () => {
  // @ts-expect-error Built-ins of the shell are not programs of the list.
  await expect(programs.run([{ program: "eval", arguments: ["id"] }])).rejects.toThrow(ProgramError);
  await expect(echo("a\nb")).rejects.toThrow("contains a line break");
  for (const word of ["10.0.0.1 dev lo", "a\nlink del up0", "$(id)", "", "a;b", '"'])
    expect(() => batch("ip", [["address", "add", word]])).toThrow(ProgramError);
  expect(() => inNamespace(Number("12; id"), batch("ip", []))).toThrow(ProgramError);
});
