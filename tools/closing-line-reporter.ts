import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";
import { checkSent } from "./members/check-sent.ts";

/**
 * Ends a run with one plain line: `N passed, N failed` (`, N skipped`). With GANTRY_TEST_COUNTS it also
 * writes the numbers to that file.
 */
export default class ClosingLineReporter implements Reporter {
  async onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): Promise<void> {
    const counts = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) {
      if (module.errors().length > 0) counts.failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") counts.passed += 1;
        else if (state === "failed") counts.failed += 1;
        else counts.skipped += 1;
      }
    }
    if (counts.failed === 0 && (await ranAll(modules))) {
      const problem = checkSent();
      if (problem !== undefined) {
        counts.failed += 1;
        process.stdout.write(`\n${problem}\n`);
        process.exitCode = 1;
      }
    }
    const file = process.env["GANTRY_TEST_COUNTS"];
    if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
    else process.stdout.write(`\n${closingLine(counts)}\n`);
  }
}

/** Whether all unit tests ran, and not a choice of them. */
async function ranAll(modules: readonly TestModule[]): Promise<boolean> {
  const unit = modules.filter((module) => module.project.name === "unit");
  const [first] = unit;
  if (first === undefined || first.project.config.testNamePattern !== undefined) return false;
  return unit.length === (await first.project.globTestFiles()).testFiles.length;
}

export function closingLine(counts: { passed: number; failed: number; skipped: number }): string {
  return `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ""}`;
}
