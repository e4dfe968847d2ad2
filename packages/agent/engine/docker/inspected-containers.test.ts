import { VirtualClock } from "@gantry/kernel";
import { describe, expect, it } from "vitest";
import type { EngineContainer } from "../engine.ts";
import { InspectedContainers } from "./inspected-containers.ts";

const LABEL = "gantry.instance=one";

function container(parts: Partial<EngineContainer> = {}): EngineContainer {
  return {
    id: "id-web",
    name: "web",
    labels: { "gantry.instance": "one" },
    state: "running",
    pid: 1,
    exitCode: undefined,
    outOfMemory: false,
    problem: undefined,
    health: "UNKNOWN",
    startedAt: 0,
    finishedAt: undefined,
    imageDigest: undefined,
    ...parts,
  };
}

/** Answers of an engine in order; `asked` counts the questions. */
function newWorld() {
  const clock = new VirtualClock();
  const inspected = new InspectedContainers(clock);
  let asked = 0;
  const read = (answer: EngineContainer | undefined, name = "web") =>
    inspected.read(name, async () => {
      asked += 1;
      return answer;
    });
  return { clock, inspected, read, asked: () => asked };
}

describe("what the engine said of a container", () => {
  it("is used again while the event stream tells of no change", async () => {
    const { inspected, read, asked } = newWorld();
    inspected.opened(LABEL);
    for (let turn = 0; turn < 3; turn += 1) expect(await read(container())).toStrictEqual(container());
    expect(asked()).toBe(1);
  });

  it.each([
    { case: "an event names its id", end: ({ inspected }: World) => inspected.changed("id-web") },
    { case: "the agent changes it by its name", end: ({ inspected }: World) => inspected.changed("web") },
    { case: "the stream ends", end: ({ inspected }: World) => inspected.closed() },
    { case: "the stream opens anew", end: ({ inspected }: World) => inspected.opened(LABEL) },
    { case: "ten seconds pass", end: ({ clock }: World) => clock.jump(10_000) },
    { case: "the clock is set back", end: ({ clock }: World) => clock.jump(-1) },
  ])("is asked for again once $case", async ({ end }) => {
    const world = newWorld();
    world.inspected.opened(LABEL);
    await world.read(container());
    end(world);
    expect(await world.read(container({ state: "exited" }))).toMatchObject({ state: "exited" });
    expect(world.asked()).toBe(2);
  });

  it("is not used again once it was too old, wherever the clock is set back to", async () => {
    const { clock, inspected, read } = newWorld();
    inspected.opened(LABEL);
    await read(container());
    clock.jump(12_000);
    expect(await read(undefined)).toBeUndefined();
    clock.jump(-5_000);
    expect(await read(undefined)).toBeUndefined();
  });

  it("is not kept where the container changes while it is read", async () => {
    const { inspected, read } = newWorld();
    inspected.opened(LABEL);
    const outdated = inspected.read("web", async () => {
      await Promise.resolve();
      inspected.changed("id-web");
      return container();
    });
    await outdated;
    expect(await read(container({ state: "exited" }))).toMatchObject({ state: "exited" });
  });

  it("is read anew by who asks after a change, although an earlier question is under way", async () => {
    const { inspected, read } = newWorld();
    inspected.opened(LABEL);
    const { promise, resolve } = Promise.withResolvers<EngineContainer>();
    const earlier = inspected.read("web", () => promise);
    inspected.changed("web");
    expect(await read(container({ state: "exited" }))).toMatchObject({ state: "exited" });
    resolve(container());
    expect(await earlier).toMatchObject({ state: "running" });
    expect(await read(container())).toMatchObject({ state: "exited" });
  });

  it("is asked once by two who ask at the same time", async () => {
    const { inspected, read, asked } = newWorld();
    inspected.opened(LABEL);
    await Promise.all([read(container()), read(container())]);
    expect(asked()).toBe(1);
  });

  it.each([
    { case: "no stream is open", label: undefined, answer: container() },
    { case: "the stream is about other containers", label: "gantry.instance=two", answer: container() },
    { case: "there is no such container", label: LABEL, answer: undefined },
    { case: "it was asked for by its id", label: LABEL, answer: container({ name: "other" }) },
  ])("is not kept where $case", async ({ label, answer }) => {
    const { inspected, read, asked } = newWorld();
    if (label !== undefined) inspected.opened(label);
    await read(answer);
    await read(answer);
    expect(asked()).toBe(2);
  });

  it("is not kept where the engine failed", async () => {
    const { inspected, read } = newWorld();
    inspected.opened(LABEL);
    await expect(inspected.read("web", () => Promise.reject(new Error("no answer")))).rejects.toThrow();
    expect(await read(container())).toMatchObject({ state: "running" });
  });
});

type World = ReturnType<typeof newWorld>;
