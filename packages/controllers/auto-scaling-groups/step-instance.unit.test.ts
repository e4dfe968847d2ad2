import type { Clock } from "@gantry/kernel";
import { MemoryStore } from "@gantry/state";
import { groupInstanceKey } from "@gantry/state/transactions/auto-scaling-groups";
import { expect, it } from "vitest";
import { stepInstance } from "./step-instance.ts";

const MINUTE_MS = 60_000;
const SPEED = 30;

it("a machine that does not answer is unhealthy after two minutes of real time, on a fast clock too", async () => {
  let realNow = 1_000;
  // Only these members are used.
  const real = {
    clock: { now: () => realNow },
    elapsedSince: (then: number) => realNow - then,
    wait: (realMs: number) => realMs * SPEED,
  };
  const clock = { now: () => realNow * SPEED, real } as unknown as Clock;
  const store = new MemoryStore();
  const key = groupInstanceKey({ groupArn: "group", number: 1 });
  const settings = { graceSeconds: 0, checksBalancers: false };
  store.transact((tx) => {
    tx.put("autoScalingGroup", "group", {
      arn: "group",
      suspended: {},
      settings,
      targetGroupArns: [],
    } as never);
    tx.put("ec2Instance", "i-1", { id: "i-1", state: "running", reachable: false, nodeId: "n" } as never);
    tx.put("groupInstance", key, {
      ...{ groupArn: "group", number: 1, instanceId: "i-1", state: "InService", isHealthy: true },
      inServiceSince: 0,
    } as never);
  });
  const step = () => stepInstance({ store, clock } as never, key, 0);
  const isHealthy = () => store.get("groupInstance", key)?.isHealthy;
  expect(await step()).toBe(2 * MINUTE_MS * SPEED);
  realNow += 2 * MINUTE_MS - 1;
  await step();
  expect(isHealthy()).toBe(true);
  realNow += 1;
  await step();
  expect(isHealthy()).toBe(false);
});
