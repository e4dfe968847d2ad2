import { silentLogger, VirtualClock, seededIds } from "@gantry/kernel";
import { MemoryStore, newTarget, targetKeyOf } from "@gantry/state";
import { expect, it } from "vitest";
import { drainingController } from "./draining-controller.ts";

const place = { targetGroupArn: "tg", address: "10.0.0.4", port: 80 };
const key = targetKeyOf(place);

function draining(drainingSince: number | undefined) {
  const store = new MemoryStore();
  store.transact((tx) => tx.put("target", key, { ...newTarget(place, undefined, 0), drainingSince }));
  const clock = new VirtualClock();
  const controller = drainingController({ store, clock, ids: seededIds(1), log: silentLogger });
  return { store, clock, controller };
}

// Before: only a node's report ended draining, and a node that was away left the target draining for ever.
it("ends draining when the deregistration delay is over, without any node", async () => {
  const { store, clock, controller } = draining(new VirtualClock().now());
  expect([...controller.keys()]).toEqual([key]);
  expect(await controller.reconcile(key)).toBe(300_000);
  await clock.advance(299_000);
  expect(await controller.reconcile(key)).toBe(1_000);
  await clock.advance(1_000);
  expect(await controller.reconcile(key)).toBeUndefined();
  expect(store.get("target", key)).toBeUndefined();
});

it("does not change a target that is not draining", async () => {
  const { store, clock, controller } = draining(undefined);
  await clock.advance(1_000_000);
  expect(await controller.reconcile(key)).toBeUndefined();
  expect(store.get("target", key)).toBeDefined();
});
