import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseSync, type ParseResult } from "oxc-parser";

const ROOT = resolve(import.meta.dirname, "../..");
const texts = new Map<string, string>();
const parsed = new Map<string, ParseResult>();

/** Every TypeScript file of the repository, by its path from the root. */
export const files: readonly string[] = execFileSync(
  "git",
  ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts", "*.tsx"],
  { cwd: ROOT, encoding: "utf8" },
)
  .split("\n")
  .filter(Boolean);

/** The files of the product: those of packages and apps that are not tests. */
export const sources: readonly string[] = files.filter(
  (file) => /^(packages|apps)\//.test(file) && !file.endsWith(".test.ts"),
);

/** The text of a file of the repository; read once. */
export function text(file: string): string {
  const known = texts.get(file) ?? readFileSync(join(ROOT, file), "utf8");
  texts.set(file, known);
  return known;
}

/** The syntax tree of a file of the repository; parsed once. */
export function syntax(file: string): ParseResult {
  const known = parsed.get(file) ?? parseSync(file, text(file));
  parsed.set(file, known);
  return known;
}

/** The files that break a rule. */
export function offenders(
  candidates: readonly string[],
  breaks: (file: string) => boolean,
): readonly string[] {
  return candidates.filter(breaks);
}
