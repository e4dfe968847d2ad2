import type { MetricAlarmSpec } from "@gantry/state";
import { describe, expect, it } from "vitest";
import { evaluateAlarm, evaluationRange } from "./evaluate-alarm.ts";

const spec = (more: Partial<MetricAlarmSpec> = {}, statistic = "Average"): MetricAlarmSpec => ({
  type: "metric",
  source: {
    type: "metric",
    stat: { namespace: "N", metricName: "M", dimensions: {}, statistic, period: 60, unit: undefined },
  },
  evaluationPeriods: 3,
  datapointsToAlarm: 3,
  threshold: 10,
  comparison: "GreaterThanThreshold",
  treatMissingData: undefined,
  evaluateLowSampleCountPercentile: undefined,
  ...more,
});
/** `0` is within the threshold, `X` breaches it, `-` is missing; the newest is last, as in AWS's tables. */
const range = (text: string, sampleCount = 1_000) =>
  text.split(" ").map((mark, index) => ({
    at: index * 60_000,
    value: mark === "-" ? undefined : mark === "X" ? 20 : 5,
    sampleCount,
  }));
const TREATMENTS = ["missing", "ignore", "breaching", "notBreaching"] as const;
const INSUFFICIENT = "INSUFFICIENT_DATA";

describe("the tables of AWS's documentation", () => {
  it.each([
    ["0 - X - X", 0, ["OK", "OK", "OK", "OK"]],
    ["0 - - - -", 2, ["OK", "OK", "OK", "OK"]],
    ["- - - - -", 3, [INSUFFICIENT, "retain", "ALARM", "OK"]],
    ["0 X X - X", 0, ["ALARM", "ALARM", "ALARM", "ALARM"]],
    ["- - X - -", 2, ["ALARM", "retain", "ALARM", "OK"]],
  ])("3 of 3: %s", (text, filled, states) => {
    const verdicts = TREATMENTS.map((treatMissingData) =>
      evaluateAlarm(spec({ treatMissingData }), range(text)),
    );
    expect(verdicts.map((verdict) => verdict.state)).toEqual(states);
    expect(verdicts[0]?.filled).toBe(filled);
  });

  it.each([
    ["0 - X - X", 0, ["ALARM", "ALARM", "ALARM", "ALARM"]],
    ["0 0 X 0 X", 0, ["ALARM", "ALARM", "ALARM", "ALARM"]],
    ["0 - X - -", 1, ["OK", "OK", "ALARM", "OK"]],
    ["- - - - 0", 2, ["OK", "OK", "ALARM", "OK"]],
    ["- - - X -", 2, ["ALARM", "retain", "ALARM", "OK"]],
  ])("2 of 3: %s", (text, filled, states) => {
    const verdicts = TREATMENTS.map((treatMissingData) =>
      evaluateAlarm(spec({ treatMissingData, datapointsToAlarm: 2 }), range(text)),
    );
    expect(verdicts.map((verdict) => verdict.state)).toEqual(states);
    expect(verdicts[0]?.filled).toBe(filled);
  });

  it.each(["- - - - X", "- - - X -"])("3 of 3 does not alarm too early: %s", (text) => {
    expect(evaluateAlarm(spec(), range(text)).state).toBe("retain");
  });
});

describe("a threshold", () => {
  it.each([
    ["GreaterThanThreshold", [false, false, true]],
    ["GreaterThanOrEqualToThreshold", [false, true, true]],
    ["LessThanThreshold", [true, false, false]],
    ["LessThanOrEqualToThreshold", [true, true, false]],
  ] as const)("%s", (comparison, expected) => {
    const alarm = spec({ comparison, evaluationPeriods: 1, datapointsToAlarm: undefined });
    const states = [9, 10, 11].map(
      (value) => evaluateAlarm(alarm, [{ at: 0, value, sampleCount: undefined }]).state === "ALARM",
    );
    expect(states).toEqual(expected);
  });
});

describe("percentiles with few samples", () => {
  it.each([
    ["p99", 999, "retain"],
    ["p99", 1_001, "ALARM"],
    ["p50", 19, "retain"],
    ["p50", 20, "ALARM"],
    ["p10", 99, "retain"],
    ["p10", 100, "ALARM"],
  ])("%s of %d samples, where they are ignored", (statistic, count, state) => {
    const alarm = spec({ evaluateLowSampleCountPercentile: "ignore" }, statistic);
    expect(evaluateAlarm(alarm, range("X X X", count)).state).toBe(state);
  });

  it("count where they are evaluated", () => {
    const alarm = spec({ evaluateLowSampleCountPercentile: "evaluate" }, "p99");
    expect(evaluateAlarm(alarm, range("X X X", 1)).state).toBe("ALARM");
  });
});

it("looks further back than the evaluation periods", () => expect(evaluationRange(spec())).toBe(5));
