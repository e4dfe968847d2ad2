/**
 * A test that failed: its file from the project's folder, its full name, and the start of the message. What failed
 * outside of every test has no file ("").
 */
export interface TestFailure {
  readonly file: string;
  readonly name: string;
  readonly message: string;
}

/** What a run of one tier counted; tools/closing-line-reporter.ts writes it. */
export interface TierResult {
  readonly project: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly TestFailure[];
}

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly report: readonly string[];
}

interface FailedTest extends TestFailure {
  readonly project: string;
}

/** With more files that failed, the machine or the change is at fault, and nothing is run again. */
const AGAIN_FILES_MAX = 4;

/**
 * The files to run once more, because a busy machine may have made them fail. None where a check failed, or
 * where a property was falsified: its seed is random, and another seed proves nothing.
 */
export function filesToRunAgain(
  results: readonly TierResult[],
): readonly { readonly project: string; readonly file: string }[] {
  const failures = failuresOf(results);
  const isFinal = failures.some(
    ({ project, message }) => project === "checks" || message.startsWith("Property failed"),
  );
  const inFiles = failures.filter(({ file }) => file !== "");
  const files = new Map(inFiles.map(({ project, file }) => [`${project} ${file}`, { project, file }]));
  return isFinal || files.size > AGAIN_FILES_MAX ? [] : [...files.values()];
}

/**
 * The counts of a whole run, and one paragraph for each failure. A test that failed and passed when its file
 * ran again alone counts as passed, and is reported.
 */
export function outcomeOf(results: readonly TierResult[], again?: readonly TierResult[]): Outcome {
  const first = failuresOf(results);
  const lasting = first.filter(({ file }) => file === ""); // No file of it can run again.
  const last = again === undefined ? first : [...lasting, ...failuresOf(again)];
  // Runs that ended before they reported a test.
  const withoutTest = sum(results, "failed") - first.length;
  const failed =
    again === undefined ? sum(results, "failed") : withoutTest + lasting.length + sum(again, "failed");
  return {
    passed: sum(results, "passed") + Math.max(0, first.length - last.length),
    failed,
    skipped: sum(results, "skipped"),
    report: paragraphs(first, last),
  };
}

/** `N passed, N failed`, and `, N skipped` where there are any. */
export function closingLine(counts: { passed: number; failed: number; skipped: number }): string {
  return `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ""}`;
}

function paragraphs(first: readonly FailedTest[], last: readonly FailedTest[]): readonly string[] {
  const failed = new Set(last.map(nameOf));
  const known = new Set(first.map(nameOf));
  return [...first, ...last.filter((each) => !known.has(nameOf(each)))].map((each) => {
    const title = failed.has(nameOf(each)) ? "Failed" : "Failed, and passed when its file ran again alone";
    return `${title}: ${nameOf(each)}\n  ${each.message.replaceAll("\n", "\n  ")}`;
  });
}

function nameOf({ project, file, name }: FailedTest): string {
  return `${file === "" ? project : `${project} ${file}`} > ${name}`;
}

function failuresOf(results: readonly TierResult[]): readonly FailedTest[] {
  return results.flatMap(({ project, failures }) => failures.map((each) => ({ project, ...each })));
}

function sum(results: readonly TierResult[], field: "passed" | "failed" | "skipped"): number {
  return results.reduce((total, result) => total + result[field], 0);
}
