import type { TargetObservation } from "@gantry/agent-protocol";
import { MemoryStore, newTarget, targetKeyOf } from "@gantry/state";
import { expect, it } from "vitest";
import { recordTargetHealth } from "./target-controller.ts";

const place = { targetGroupArn: "tg", address: "10.0.0.4", port: 80 };

/** The target's state after each of these words of the proxy, a minute after it was registered. */
function statesAfter(...seen: readonly TargetObservation["health"][]): readonly (string | undefined)[] {
  const store = new MemoryStore();
  store.transact((tx) => tx.put("target", targetKeyOf(place), newTarget(place, undefined, 0)));
  return seen.map((health) => {
    const observation = {
      ...place,
      health,
      reason: undefined,
      description: health,
      draining: false,
      inFlight: 0,
    };
    store.transact((tx) => recordTargetHealth(tx, [observation], { elapsedSince: () => 60_000 }));
    return store.get("target", targetKeyOf(place))?.state;
  });
}

it("is initial while its checks pass, and healthy once they have passed often enough", () => {
  expect(statesAfter("initial", "initial", "healthy")).toEqual(["initial", "initial", "healthy"]);
});

it("stays unhealthy while it recovers, until it has passed often enough", () => {
  expect(statesAfter("healthy", "unhealthy", "initial", "healthy")).toEqual([
    "healthy",
    "unhealthy",
    "unhealthy",
    "healthy",
  ]);
});
