import type { ContainerAssignment, PodAssignment } from "@gantry/agent-protocol";
import { describe, expect, it } from "vitest";
import type { EngineContainer } from "../engine/engine.ts";
import { observePod, planPod, stopCauseOf, type PodView } from "./plan-pod.ts";

const container = (name: string, more: Partial<ContainerAssignment> = {}) =>
  ({
    name,
    image: `image-${name}`,
    essential: true,
    dependsOn: [],
    startTimeoutSeconds: undefined,
    healthCheck: undefined,
    labels: {},
    ...more,
  }) as unknown as ContainerAssignment; // Only these fields are read.
const pod = (containers: readonly ContainerAssignment[], more: Partial<PodAssignment> = {}) =>
  ({ key: "pod/p", desired: "RUNNING", restart: false, containers, ...more }) as unknown as PodAssignment; // As above.
const there = (state: EngineContainer["state"], more: Partial<EngineContainer> = {}) =>
  ({
    id: "id",
    labels: {},
    state,
    startedAt: state === "created" ? undefined : 1_000,
    exitCode: state === "exited" ? 0 : undefined,
    ...more,
  }) as EngineContainer; // As above.
const imageOf = (image: string) => ({ reference: image, digest: undefined, source: undefined });
const view = (
  containers: Readonly<Record<string, EngineContainer>>,
  more: Partial<PodView> = {},
): PodView => ({
  pause: there("running"),
  interfaceReady: true,
  containers: new Map(Object.entries(containers)),
  images: new Map(["image-a", "image-b"].map((image) => [image, imageOf(image)])),
  problem: undefined,
  now: 10_000,
  ...more,
});
const NO_TIMES = { connectivityAt: undefined, pullStartedAt: undefined, pullStoppedAt: undefined };
const typesOf = (steps: ReturnType<typeof planPod>) =>
  steps.map((step) => ("container" in step ? `${step.type} ${step.container.name}` : step.type));

describe("starting", () => {
  it("pulls each image once while the interface is created, and starts no container before", () => {
    const two = pod([container("a", { image: "same" }), container("b", { image: "same" })]);
    expect(typesOf(planPod(two, view({}, { pause: undefined, interfaceReady: false })))).toEqual([
      "pullImage a",
      "ensureInterface",
    ]);
  });

  it.each([
    ["START", there("running"), true],
    ["START", there("created"), false],
    ["COMPLETE", there("running"), false],
    ["COMPLETE", there("exited", { exitCode: 1 }), true],
    ["SUCCESS", there("exited", { exitCode: 0 }), true],
    ["HEALTHY", there("running", { health: "UNKNOWN" }), false],
    ["HEALTHY", there("running", { health: "HEALTHY" }), true],
  ] as const)("waits for the condition %s", (condition, first, starts) => {
    const both = pod([
      container("a", { essential: false }),
      container("b", { dependsOn: [{ containerName: "a", condition }] }),
    ]);
    expect(typesOf(planPod(both, view({ a: first, b: there("created") }))).includes("startContainer b")).toBe(
      starts,
    );
  });

  it("ends if a container that must succeed failed or is late", () => {
    const after = (condition: "SUCCESS" | "HEALTHY") =>
      pod([
        container("a", { essential: false, startTimeoutSeconds: 5 }),
        container("b", { dependsOn: [{ containerName: "a", condition }] }),
      ]);
    expect(
      stopCauseOf(after("SUCCESS"), view({ a: there("exited", { exitCode: 3 }), b: there("created") })),
    ).toEqual({
      code: "TaskFailedToStart",
      reason:
        "TaskFailedToStart: container b can not start: container a, on which it depends, did not reach " +
        "the condition SUCCESS: it exited with code 3",
    });
    const late = view({ a: there("running", { health: "UNKNOWN" }), b: there("created") });
    expect(stopCauseOf(after("HEALTHY"), late)?.reason).toBe(
      "TaskFailedToStart: container b can not start: container a, on which it depends, did not reach " +
        "the condition HEALTHY within its start timeout of 5 s",
    );
    expect(stopCauseOf(after("HEALTHY"), { ...late, now: 4_000 })).toBeUndefined();
  });

  // Regression: a dependency that had started in time counted as late while another one was waited for.
  it("reports only the dependency that has not reached its condition as late", () => {
    const three = pod([
      container("a", { essential: false, startTimeoutSeconds: 5 }),
      container("b", { essential: false }),
      container("c", {
        dependsOn: [
          { containerName: "a", condition: "START" },
          { containerName: "b", condition: "HEALTHY" },
        ],
      }),
    ]);
    const waiting = view({
      a: there("running"),
      b: there("running", { health: "UNKNOWN" }),
      c: there("created"),
    });
    expect(stopCauseOf(three, waiting)).toBeUndefined();
  });
});

describe("ending", () => {
  it("stops in the reverse of start-up", () => {
    const both = pod(
      [container("a"), container("b", { dependsOn: [{ containerName: "a", condition: "START" }] })],
      { desired: "STOPPED" },
    );
    expect(typesOf(planPod(both, view({ a: there("running"), b: there("running") })))).toEqual([
      "stopContainer b",
    ]);
    expect(typesOf(planPod(both, view({ a: there("running"), b: there("exited") })))).toEqual([
      "stopContainer a",
    ]);
  });

  it("ends the task when an essential container ends, and only then", () => {
    const both = pod([container("a"), container("b", { essential: false })]);
    const cause = stopCauseOf(both, view({ a: there("exited", { exitCode: 137 }), b: there("running") }));
    expect(cause).toEqual({ code: "EssentialContainerExited", reason: "Essential container in task exited" });
    expect(stopCauseOf(both, view({ a: there("running"), b: there("exited") }))).toBeUndefined();
    expect(observePod(both, view({ a: there("running"), b: there("exited") }), NO_TIMES).phase).toBe(
      "running",
    );
  });

  it("recreates a server whose settings changed, and leaves others running", () => {
    const database = (revision: string) =>
      pod([container("a", { labels: { "gantry.revision": revision } })], { restart: true });
    const has = (state: EngineContainer["state"], revision: string) =>
      view({ a: there(state, { labels: { "gantry.revision": revision } }) });
    expect(planPod(database("2"), has("running", "2"))).toEqual([]);
    expect(planPod(database("2"), has("running", "1")).map((step) => step.type)).toEqual(["stopContainer"]);
    expect(planPod(database("2"), has("exited", "1")).map((step) => step.type)).toEqual(["removeContainer"]);
  });

  it("restarts a database instead, and reports why a container was killed", () => {
    const database = pod([container("a")], { restart: true });
    expect(typesOf(planPod(database, view({ a: there("exited", { exitCode: 1 }) })))).toEqual([
      "startContainer a",
    ]);
    const killed = observePod(
      pod([container("a")]),
      view({ a: there("exited", { exitCode: 137, outOfMemory: true }) }),
      NO_TIMES,
    );
    expect(killed.containers[0]).toMatchObject({
      exitCode: 137,
      reason: "OutOfMemoryError: Container killed due to memory usage",
    });
  });
});

describe("what is observed of a pod that has ended", () => {
  const observe = (
    containers: readonly ContainerAssignment[],
    seen: Readonly<Record<string, EngineContainer>>,
  ) => observePod(pod(containers), view(seen), NO_TIMES);
  const killed = { outOfMemory: true, exitCode: 137, finishedAt: 5_000 };

  // Regression: every container of the task reported OutOfMemoryError, because the engine marks all of them.
  it.each([
    ["exited on SIGTERM with 0", { exitCode: 0, finishedAt: 5_100 }],
    ["was ended by SIGTERM", { exitCode: 143, finishedAt: 5_100 }],
    ["was killed after its stop timeout", { exitCode: 137, finishedAt: 35_050 }],
  ])("names memory for the container that was killed, not for a sidecar that %s", (_, end) => {
    const sidecar = container("b", { essential: false, stopTimeoutSeconds: 30 });
    const { containers } = observe([container("a", { stopTimeoutSeconds: 30 }), sidecar], {
      a: there("exited", killed),
      b: there("exited", { outOfMemory: true, ...end }),
    });
    expect(containers.map(({ reason }) => reason)).toEqual([
      "OutOfMemoryError: Container killed due to memory usage",
      undefined,
    ]);
  });

  // Regression: a task that ended between two observations had no `startedAt`.
  it("reports the start time of a pod that ended before it was observed", () => {
    const ended = observe([container("a")], { a: there("exited", { startedAt: 4_000, finishedAt: 5_000 }) });
    expect(ended).toMatchObject({ startedAt: 4_000, executionStoppedAt: 5_000 });
  });

  // Regression: the end of an init container counted, and preceded the task's start.
  it("counts the end of an essential container as the end of execution", () => {
    const init = container("b", { essential: false });
    const seen = { b: there("exited", { startedAt: 1_000, finishedAt: 2_000 }) };
    const stopping = pod([container("a"), init], { desired: "STOPPED" });
    const observed = (a: EngineContainer) => observePod(stopping, view({ ...seen, a }), NO_TIMES);
    expect(observed(there("running", { startedAt: 3_000 })).executionStoppedAt).toBeUndefined();
    expect(observed(there("exited", { startedAt: 3_000, finishedAt: 9_000 })).executionStoppedAt).toBe(9_000);
  });
});

describe("a restart policy", () => {
  const restartPolicy = { ignoredExitCodes: [3], attemptPeriodSeconds: 60 };
  const own = pod([container("a", { restartPolicy }), container("b")]);
  const ended = (seconds: number, exitCode: number) =>
    view({ a: there("exited", { exitCode, finishedAt: 1_000 + seconds * 1_000 }), b: there("running") });

  it("starts a container again that ran for the period, and the pod goes on", () => {
    const after = ended(60, 1);
    expect(typesOf(planPod(own, after))).toEqual(["startContainer a"]);
    expect(observePod(own, after, NO_TIMES)).toMatchObject({
      phase: "running",
      stop: undefined,
      containers: [{ name: "a", status: "RUNNING", exitCode: undefined }, { name: "b" }],
    });
  });

  it.each([
    ["ran for less than the period", ended(59, 1)],
    ["exited with a code that is ignored", ended(600, 3)],
  ])("lets the task stop when its container %s", (_, after) => {
    expect(stopCauseOf(own, after)?.code).toBe("EssentialContainerExited");
    expect(observePod(own, after, NO_TIMES).containers[0]).toMatchObject({ status: "STOPPED" });
  });

  it("starts no container in a pod that is to stop", () => {
    const stopping = pod([container("a", { restartPolicy })], { desired: "STOPPED" });
    const after = view({ a: there("exited", { exitCode: 143, finishedAt: 600_000 }) });
    expect(planPod(stopping, after)).toEqual([]);
    expect(observePod(stopping, after, NO_TIMES)).toMatchObject({
      phase: "stopped",
      containers: [{ status: "STOPPED", exitCode: 143 }],
    });
  });
});
