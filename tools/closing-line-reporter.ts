import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";
import { closingLine, type TestFailure } from "../apps/cli/test-outcome.ts";
import { messageOf } from "../packages/kernel/assert.ts";
import { checkSent } from "./members/check-sent.ts";

const MESSAGE_MAX = 400;

/**
 * Ends a run with one plain line: `N passed, N failed` (`, N skipped`). With GANTRY_TEST_COUNTS it writes the
 * numbers and the failures to that file instead.
 */
export default class ClosingLineReporter implements Reporter {
  async onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): Promise<void> {
    const counts = { passed: 0, failed: unhandled.length, skipped: 0 };
    const failures: TestFailure[] = unhandled.map((thrown) => runFailure(messageOf(thrown)));
    for (const module of modules) {
      const [error] = module.errors();
      if (error !== undefined) {
        counts.failed += 1;
        failures.push(failure(module, "(the file)", error.message));
      }
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state === "passed") counts.passed += 1;
        else if (state === "failed") {
          counts.failed += 1;
          failures.push(failure(module, test.fullName, errors?.[0]?.message ?? "no message"));
        } else counts.skipped += 1;
      }
    }
    if (counts.failed === 0 && (await ranAll(modules))) {
      const problem = checkSent();
      if (problem !== undefined) {
        counts.failed += 1;
        failures.push(runFailure(problem));
        process.stdout.write(`\n${problem}\n`);
        process.exitCode = 1;
      }
    }
    const file = process.env["GANTRY_TEST_COUNTS"];
    if (file !== undefined) writeFileSync(file, JSON.stringify({ ...counts, failures }));
    else process.stdout.write(`\n${closingLine(counts)}\n`);
  }
}

function failure(module: TestModule, name: string, message: string): TestFailure {
  return { file: module.relativeModuleId, name, message: message.slice(0, MESSAGE_MAX) };
}

/** What failed outside of every test: an error that nothing caught, or a member that no test sends. */
function runFailure(message: string): TestFailure {
  return { file: "", name: "(the run)", message: message.slice(0, MESSAGE_MAX) };
}

/** Whether all unit tests ran, and not a choice of them. */
async function ranAll(modules: readonly TestModule[]): Promise<boolean> {
  const unit = modules.filter((module) => module.project.name === "unit");
  const [first] = unit;
  if (first === undefined || first.project.config.testNamePattern !== undefined) return false;
  return unit.length === (await first.project.globTestFiles()).testFiles.length;
}
