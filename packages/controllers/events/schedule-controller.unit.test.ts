import { randomIds, silentLogger, VirtualClock, Controller } from "@gantry/kernel";
import { MemoryStore, nextOfSchedule, type ScheduleRecord } from "@gantry/state";
import { describe, expect, it } from "vitest";
import { scheduleController } from "./schedule-controller.ts";

const START = Date.UTC(2026, 10, 27, 12);
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

function newWorld(given: Partial<ScheduleRecord> = {}) {
  const clock = new VirtualClock(START);
  const store = new MemoryStore();
  const deps = { store, clock, ids: randomIds(), log: silentLogger };
  const schedule: ScheduleRecord = {
    account: "000000000000",
    region: "eu-south-1",
    arn: "arn:aws:scheduler:eu-south-1:000000000000:schedule/default/s",
    name: "s",
    groupName: "default",
    groupArn: "arn:aws:scheduler:eu-south-1:000000000000:schedule-group/default",
    expression: "rate(5 minutes)",
    timezone: undefined,
    startAt: undefined,
    endAt: undefined,
    description: undefined,
    enabled: true,
    windowMinutes: undefined,
    deleteAfterCompletion: false,
    target: {
      id: "target",
      arn: "arn:aws:events:eu-south-1:000000000000:event-bus/default",
      roleArn: "arn:aws:iam::000000000000:role/r",
      runTask: undefined,
      putEvents: undefined,
      parameters: { Input: '"<aws.scheduler.scheduled-time>"' },
      retry: { attempts: 185, ageSeconds: 86_400 },
    },
    createdAt: START,
    modifiedAt: START,
    nextAt: undefined,
    ...given,
  };
  const begun = { ...schedule, nextAt: nextOfSchedule(schedule, START) };
  store.transact((tx) => tx.put("schedule", schedule.arn, begun));
  const start = (): Controller => {
    const controller = new Controller(scheduleController(deps), { clock, log: silentLogger });
    controller.start();
    return controller;
  };
  /** The times of the occurrences that ran. */
  const ran = () =>
    store
      .list("eventDelivery")
      .map(({ payload }) => payload)
      .toSorted();
  return { clock, store, start, ran, arn: schedule.arn };
}

describe("a schedule", () => {
  it("runs at its rate from its creation", async () => {
    const { clock, start, ran } = newWorld();
    start();
    await clock.advance(16 * MINUTE);
    expect(ran()).toEqual(['"2026-11-27T12:05:00Z"', '"2026-11-27T12:10:00Z"', '"2026-11-27T12:15:00Z"']);
  });

  it("at a time runs once, and is deleted where that is asked for", async () => {
    const { clock, store, start, ran, arn } = newWorld({
      expression: "at(2026-11-27T14:00:00)",
      timezone: "Europe/Berlin",
      deleteAfterCompletion: true,
    });
    start();
    await clock.advance(3 * 60 * MINUTE);
    expect(ran()).toEqual(['"2026-11-27T13:00:00Z"']);
    expect(store.get("schedule", arn)).toBeUndefined();
  });

  it("stops at its end date", async () => {
    const { clock, start, ran } = newWorld({ endAt: START + 11 * MINUTE });
    start();
    await clock.advance(60 * MINUTE);
    expect(ran()).toHaveLength(2);
  });

  it("with a flexible window runs within it, at the same moment after a restart", async () => {
    const given = { expression: "at(2026-11-27T13:00:00)", windowMinutes: 60 };
    const moments = await Promise.all(
      [0, 20 * MINUTE].map(async (restartAfter) => {
        const { clock, store, start } = newWorld(given);
        const first = start();
        await clock.advance(restartAfter);
        await first.stop();
        start();
        await clock.advance(3 * 60 * MINUTE);
        return store.list("eventDelivery").map(({ createdAt }) => createdAt);
      }),
    );
    const [at = 0] = moments[0] ?? [];
    expect(moments[1]).toEqual(moments[0]);
    expect(at - Date.UTC(2026, 10, 27, 13)).toBeGreaterThanOrEqual(0);
    expect(at - Date.UTC(2026, 10, 27, 13)).toBeLessThan(60 * MINUTE);
  });

  it("runs once for the occurrences during a downtime", async () => {
    const { clock, start, ran } = newWorld();
    await clock.advance(61 * MINUTE);
    start();
    await clock.advance(1_000);
    expect(ran()).toEqual(['"2026-11-27T12:05:00Z"']);
    await clock.advance(5 * MINUTE);
    expect(ran()).toEqual(['"2026-11-27T12:05:00Z"', '"2026-11-27T13:05:00Z"']);
  });

  it("does not run what is older than an event may be", async () => {
    const { clock, start, ran } = newWorld({ expression: "at(2026-11-27T13:00:00)" });
    await clock.advance(2 * DAY);
    start();
    await clock.advance(MINUTE);
    expect(ran()).toEqual([]);
  });
});

// Before: there were no schedules. A platform that runs everything that is due in one turn of the event loop
// answers no requests meanwhile.
it("thousands of schedules that are due at once do not block other work", async () => {
  const { clock, store, start } = newWorld();
  const [one] = store.list("schedule");
  if (one === undefined) throw new Error("The world has a schedule.");
  store.transact((tx) => {
    for (let index = 0; index < 3_000; index += 1) {
      const arn = `${one.arn}-${index}`;
      tx.put("schedule", arn, { ...one, arn });
    }
  });
  const count = (): number => store.countBy("eventDelivery", "account", one.account);
  start();
  let most = 0;
  let before = 0;
  let isOver = false;
  const bystander = (): void => {
    most = Math.max(most, count() - before);
    before = count();
    if (!isOver) setImmediate(bystander);
  };
  setImmediate(bystander);
  await clock.advance(5 * MINUTE);
  for (let turn = 0; turn < 10_000 && count() < 3_001; turn += 1)
    await new Promise((resolve) => setImmediate(resolve));
  isOver = true;
  expect(count()).toBe(3_001);
  expect(most).toBeLessThan(3);
});
