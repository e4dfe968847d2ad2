import type { ContainerAssignment, PodAssignment } from "@gantry/agent-protocol";
import { expect, it } from "vitest";
import type { EngineContainer } from "../engine/engine.ts";
import { lookAgainIn } from "./look-again.ts";
import type { PodView } from "./plan-pod.ts";

const looks = (container: Partial<ContainerAssignment>, there: Partial<EngineContainer>, now = 60_000) => {
  const one = { name: "a", essential: true, dependsOn: [], healthCheck: undefined, ...container };
  const pod = { key: "pod/p", desired: "RUNNING", containers: [one] } as unknown as PodAssignment; // These are read.
  const view = { containers: new Map([["a", there]]), problem: undefined, pause: undefined, now };
  return lookAgainIn(pod, view as unknown as PodView); // As above.
};
const healthCheck = { command: ["CMD", "true"] } as unknown as ContainerAssignment["healthCheck"]; // As above.
const running = { state: "running", startedAt: 1_000 } as const;

it("waits for the engine's events where no container is checked", () =>
  expect(looks({}, running)).toBeUndefined());

// Before: once a second for as long as the task ran, which cost the engine an inspect of each container.
it("observes a pod whose check has a result every 15 seconds, and one whose check has none each second", () => {
  expect(looks({ healthCheck }, { ...running, health: "HEALTHY" })).toBe(15_000);
  expect(looks({ healthCheck }, { ...running, health: "UNHEALTHY" })).toBe(15_000);
  expect(looks({ healthCheck }, { ...running, health: "UNKNOWN" })).toBe(1_000);
});

it("observes a pod each second that waits to be started, or was just started again", () => {
  expect(looks({}, { state: "created" })).toBe(1_000);
  const restartPolicy = {
    ignoredExitCodes: [],
    resetPeriodSeconds: 60,
  } as unknown as ContainerAssignment["restartPolicy"]; // As above.
  expect(looks({ restartPolicy }, running, 5_999)).toBe(1_000);
  expect(looks({ restartPolicy }, running, 6_000)).toBeUndefined();
});
