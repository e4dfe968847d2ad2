import { expect, it } from "vitest";
import type { AlarmRecord } from "../records.ts";
import { alarmBakeMs } from "./deployment-alarms.ts";

const PLACE = { account: "0", region: "r" };
const arnOf = (name: string) => `arn:aws:cloudwatch:r:0:alarm:${name}`;

function readerOf(specs: Readonly<Record<string, object>>) {
  const alarms = new Map(
    Object.entries(specs).map(([name, spec]) => [arnOf(name), { ...PLACE, arn: arnOf(name), name, spec }]),
  );
  return {
    get: (_kind: string, key: string | undefined) => alarms.get(key ?? "") as AlarmRecord | undefined,
  } as Parameters<typeof alarmBakeMs>[0]; // Only alarms are read.
}

const metric = (period: number, evaluationPeriods: number) => ({
  type: "metric",
  source: { type: "metric", stat: { period } },
  evaluationPeriods,
});
const composite = (rule: string) => ({ type: "composite", rule });

it.each([
  ["one period and the rest of the present one", { a: metric(60, 1) }, ["a"], 120],
  ["the longest of the alarms", { a: metric(10, 1), b: metric(60, 5) }, ["a", "b"], 360],
  ["the alarms of a rule", { a: metric(60, 3), all: composite('ALARM("a") OR ALARM(gone)') }, ["all"], 240],
  ["no time for an alarm that does not exist", {}, ["gone"], 0],
  ["no time for rules that name each other", { a: composite("ALARM(b)"), b: composite("OK(a)") }, ["a"], 0],
  ["a day at most", { a: metric(86_400, 7) }, ["a"], 86_400],
])("the bake time of a rolling deployment covers %s", (_, specs, names, seconds) => {
  expect(alarmBakeMs(readerOf(specs), PLACE, names)).toBe(seconds * 1_000);
});
