import type { PodObservation } from "@gantry/agent-protocol";
import type { TaskRecord } from "@gantry/state";
import { expect, it } from "vitest";
import { foldObservation } from "./fold-observation.ts";

const task = {
  desiredStatus: "RUNNING",
  lastStatus: "PENDING",
  containers: [],
  version: 1,
} as unknown as TaskRecord; // What folding looks at.
const observation = (more: Partial<PodObservation>): PodObservation =>
  ({ key: "pod/p", phase: "running", containers: [], ...more }) as PodObservation; // As above.

// Before: `startedAt` was the time of the report, which can be later than the container's end.
it("records when the containers started, not when it was reported", () => {
  const running = foldObservation(task, observation({ startedAt: 1_000 }), undefined, 3_000);
  const ended = foldObservation(
    running,
    observation({
      phase: "stopped",
      startedAt: 1_000,
      executionStoppedAt: 2_000,
      stop: { code: "EssentialContainerExited", reason: "Essential container in task exited" },
    }),
    undefined,
    4_000,
  );
  expect(ended).toMatchObject({ startedAt: 1_000, executionStoppedAt: 2_000, stoppedAt: 4_000 });
});

it("records no end of execution before the start", () => {
  const running = foldObservation(task, observation({}), undefined, 3_000);
  const ending = foldObservation(
    running,
    observation({ phase: "stopping", executionStoppedAt: 2_000 }),
    undefined,
    4_000,
  );
  expect(ending).toMatchObject({ startedAt: 3_000, executionStoppedAt: 3_000 });
});
