import { MemoryStore, type DatabaseInstanceRecord, type DatabaseStandbyRecord } from "@gantry/state";
import { beginEpoch } from "@gantry/state/transactions/standbys";
import { expect, it } from "vitest";
import { planStandby } from "./plan-standby.ts";

const MINUTE_MS = 60_000;
const instance = {
  ...{ status: "available", multiAz: true, deleting: false, engine: "postgres" },
} as DatabaseInstanceRecord; // What is looked at.
const joined = { id: "db-B", state: "synchronous", running: true, epoch: 1 } as DatabaseStandbyRecord; // As above.

/** The standby in its next epoch, which begins at 0. */
function next(standby: DatabaseStandbyRecord): DatabaseStandbyRecord {
  const store = new MemoryStore();
  store.transact((tx) => beginEpoch(tx, standby, 0));
  return store.get("databaseStandby", standby.id) ?? expect.fail();
}

it("gives a standby ten minutes to join, twice as long after each failure, however often it was lost", () => {
  const minutes = (standby: DatabaseStandbyRecord): number =>
    (planStandby(instance, [standby], { now: 0, isCopied: false }).lookAgainInMs ?? 0) / MINUTE_MS;
  let lost = joined;
  for (let time = 1; time <= 4; time += 1) {
    lost = next(lost);
    expect(minutes(lost)).toBe(10);
    lost = { ...lost, state: "synchronous" };
  }
  const first = next(lost);
  const second = next(first);
  expect([first, second, next(second)].map(minutes)).toEqual([10, 20, 40]);
  expect(next(second).epoch).toBe(8);
});
