import { describe, expect, it } from "vitest";
import { closingLine, filesToRunAgain, outcomeOf, type TierResult } from "./test-outcome.ts";

const slow = { file: "test/e2e/a.test.ts", name: "a > is slow", message: "timed out\nafter 5 s" };
const falsified = { file: "b.test.ts", name: "b", message: "Property failed after 371 tests\n{ seed: 1 }" };

function tier(project: string, passed: number, failures: TierResult["failures"]): TierResult {
  return { project, passed, failed: failures.length, skipped: 0, failures };
}

describe("the outcome of all tiers", () => {
  it("counts a test that passes when its file runs again alone as passed, and reports it", () => {
    const results = [tier("unit", 10, []), tier("e2e", 4, [slow])];
    expect(filesToRunAgain(results)).toEqual([{ project: "e2e", file: slow.file }]);
    const outcome = outcomeOf(results, [tier("e2e", 3, [])]);
    expect(closingLine(outcome)).toBe("15 passed, 0 failed");
    expect(outcome.report).toEqual([
      "Failed, and passed when its file ran again alone: e2e test/e2e/a.test.ts > a > is slow\n" +
        "  timed out\n  after 5 s",
    ]);
  });

  it("counts a test that fails twice, and one that failed only in the second run", () => {
    const results = [tier("e2e", 4, [slow])];
    expect(outcomeOf(results, [tier("e2e", 2, [slow])])).toMatchObject({ passed: 4, failed: 1 });
    const other = { ...slow, name: "a > is another" };
    expect(outcomeOf(results, [tier("e2e", 2, [other])])).toMatchObject({ passed: 4, failed: 1 });
    expect(outcomeOf(results, [tier("e2e", 2, [other])]).report.at(-1)).toContain("Failed: e2e");
  });

  it("counts runs that ended without a result, at first and again", () => {
    const ended = { ...tier("docker", 0, []), failed: 1 };
    expect(filesToRunAgain([ended])).toEqual([]);
    expect(outcomeOf([ended])).toMatchObject({ passed: 0, failed: 1 });
    expect(outcomeOf([ended, tier("e2e", 4, [slow])], [tier("e2e", 5, [])])).toMatchObject({ failed: 1 });
    expect(outcomeOf([tier("e2e", 4, [slow])], [{ ...ended, project: "e2e" }])).toMatchObject({ failed: 1 });
  });

  it("counts an error that nothing caught, and names it, though the files of other failures run again", () => {
    const uncaught = { file: "", name: "(the run)", message: "The request was cut off." };
    const results = [tier("unit", 10, [uncaught]), tier("e2e", 4, [slow])];
    expect(filesToRunAgain(results)).toEqual([{ project: "e2e", file: slow.file }]);
    const outcome = outcomeOf(results, [tier("e2e", 5, [])]);
    expect(outcome).toMatchObject({ passed: 15, failed: 1 });
    expect(outcome.report[0]).toBe("Failed: unit > (the run)\n  The request was cut off.");
  });

  it("runs nothing again after a falsified property, a failed check, or failures in many files", () => {
    expect(filesToRunAgain([tier("unit", 1, [falsified]), tier("e2e", 1, [slow])])).toEqual([]);
    expect(filesToRunAgain([tier("checks", 1, [{ file: "", name: "lint", message: "" }])])).toEqual([]);
    const many = Array.from({ length: 5 }, (_, index) => ({ ...slow, file: `${index}.test.ts` }));
    expect(filesToRunAgain([tier("e2e", 1, many)])).toEqual([]);
    expect(outcomeOf([tier("e2e", 1, many)])).toMatchObject({ passed: 1, failed: 5 });
  });
});
