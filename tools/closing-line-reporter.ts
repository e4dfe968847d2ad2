import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/** Ends a run with one plain line: `N passed, N failed` (`, N skipped`). With GANTRY_TEST_COUNTS it also writes the numbers to that file. */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
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
    const file = process.env["GANTRY_TEST_COUNTS"];
    if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
    else process.stdout.write(`\n${closingLine(counts)}\n`);
  }
}

export function closingLine(counts: { passed: number; failed: number; skipped: number }): string {
  return `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ""}`;
}
