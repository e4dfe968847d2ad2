import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSchedule } from "./schedule.ts";

const START = Date.UTC(2026, 10, 27, 12);
const nextOf = (text: string, timezone?: string, after = START): string | undefined => {
  const at = parseSchedule(text, { timezone, startAt: START })?.next(after);
  return at === undefined ? undefined : new Date(at).toISOString();
};

describe("schedules", () => {
  it.each([
    ["at(2026-12-24T18:30:00)", undefined, "2026-12-24T18:30:00.000Z"],
    ["at(2026-12-24T18:30:00)", "Europe/Berlin", "2026-12-24T17:30:00.000Z"],
    ["at(2026-11-27T11:59:59)", undefined, undefined],
    ["rate(1 minute)", undefined, "2026-11-27T12:01:00.000Z"],
    ["rate(2 days)", undefined, "2026-11-29T12:00:00.000Z"],
    ["cron(0 10 * * ? *)", undefined, "2026-11-28T10:00:00.000Z"],
    ["cron(0 8 ? * 2 *)", undefined, "2026-11-30T08:00:00.000Z"], // Monday: Sunday is 1.
    ["cron(0 8 ? * MON-FRI *)", "America/New_York", "2026-11-27T13:00:00.000Z"],
    ["cron(0/15 * * * ? *)", undefined, "2026-11-27T12:15:00.000Z"],
    ["cron(0 18 L * ? *)", undefined, "2026-11-30T18:00:00.000Z"],
    ["cron(0 9 ? * 6L *)", undefined, "2026-12-25T09:00:00.000Z"],
    ["cron(0 9 ? * 3#1 *)", undefined, "2026-12-01T09:00:00.000Z"],
    ["cron(0 9 1W * ? 2027)", undefined, "2027-01-01T09:00:00.000Z"],
    ["cron(0 9 1 1 ? 2020)", undefined, undefined],
  ])("%s in %s is next at %s", (text, timezone, expected) => expect(nextOf(text, timezone)).toBe(expected));

  it.each([
    "cron(0 10 * * * *)",
    "cron(0 10 ? * ? *)",
    "cron(0 10 * * ?)",
    "cron(0 10 * ? ? *)",
    "cron(60 10 * * ? *)",
    "cron(@daily)",
    "rate(0 minutes)",
    "rate(5 minute)",
    "rate(1 week)",
    "at(2026-13-01T00:00:00)",
    "at(2026-12-24)",
    "",
  ])("refuses %s", (text) => expect(parseSchedule(text, { startAt: START })).toBeUndefined());

  it("keeps the local hour across daylight saving time", () =>
    expect(nextOf("cron(0 9 * * ? *)", "Europe/Berlin", Date.UTC(2027, 2, 27, 12))).toBe(
      "2027-03-28T07:00:00.000Z",
    ));

  it("names times in the future, in order, on the minutes and hours asked for", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 59 }),
        fc.integer({ min: 0, max: 23 }),
        fc.integer({ min: 0, max: 400 * 86_400 }),
        (minute, hour, seconds) => {
          const schedule = parseSchedule(`cron(${minute} ${hour} * * ? *)`, { startAt: START });
          const after = START + seconds * 1_000;
          const at = schedule?.next(after) ?? expect.fail("has an occurrence");
          const date = new Date(at);
          expect([date.getUTCMinutes(), date.getUTCHours(), date.getUTCSeconds()]).toEqual([minute, hour, 0]);
          expect(at).toBeGreaterThan(after);
          expect(at - after).toBeLessThanOrEqual(86_400_000);
        },
      ),
    ));
});
