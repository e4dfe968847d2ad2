import { newWorld, runSchedule } from "@gantry/testkit";
import type { RolloutSpec } from "@gantry/state";
import { describe, expect, it } from "vitest";

const MINUTE_MS = 60_000;
const BLUE_GREEN: RolloutSpec = {
  strategy: "BLUE_GREEN",
  bakeTimeMinutes: 1,
  canary: undefined,
  linear: undefined,
};

async function newStagedWorld(rollout: RolloutSpec) {
  const world = newWorld();
  const circuitBreaker = { enable: true, rollback: true };
  world.createService({ desiredCount: 2, rollout, circuitBreaker }, { balanced: true, image: "v1" });
  await world.clock.advance(MINUTE_MS);
  expect(world.deployments().map((each) => each.status)).toEqual(["SUCCESSFUL"]);
  return world;
}

/** The stages and weights that a deployment goes through. */
function follow(world: Awaited<ReturnType<typeof newStagedWorld>>) {
  const seen: string[] = [];
  world.store.watch(() => {
    const ongoing = world.deployments().find((each) => each.finishedAt === undefined);
    if (ongoing === undefined) return;
    const line = `${ongoing.status === "IN_PROGRESS" ? ongoing.lifecycleStage : ongoing.status} ${ongoing.traffic?.test}/${ongoing.traffic?.production}`;
    if (seen.at(-1) !== line) seen.push(line);
  });
  return seen;
}

const newest = (world: Awaited<ReturnType<typeof newStagedWorld>>) =>
  world.deployments().toSorted((a, b) => b.createdAt - a.createdAt)[0];

describe("a blue/green deployment, on virtual time", () => {
  it("goes through its stages in order, and swaps the target groups", async () => {
    const world = await newStagedWorld(BLUE_GREEN);
    const before = world.taskSets()[0]?.loadBalancers[0]?.servingTargetGroupArn;
    const seen = follow(world);
    world.deploy("v2");
    await world.clock.advance(MINUTE_MS);
    expect(world.tasks().filter((task) => task.lastStatus === "RUNNING")).toHaveLength(4);
    await world.clock.advance(MINUTE_MS);
    expect(seen).toEqual([
      "PRE_SCALE_UP 0/0",
      "SCALE_UP 0/0",
      "POST_SCALE_UP 0/0",
      "TEST_TRAFFIC_SHIFT 0/0",
      "POST_TEST_TRAFFIC_SHIFT 100/0",
      "PRODUCTION_TRAFFIC_SHIFT 100/0",
      "PRODUCTION_TRAFFIC_SHIFT 100/100",
      "POST_PRODUCTION_TRAFFIC_SHIFT 100/100",
      "BAKE_TIME 100/100",
      "CLEAN_UP 100/100",
    ]);
    expect(newest(world)?.status).toBe("SUCCESSFUL");
    expect(world.runningTasks().map((task) => task.taskDefinitionArn)).toEqual(
      Array(2).fill(expect.stringContaining("v2")),
    );
    expect(world.taskSets()).toHaveLength(1);
    expect(world.taskSets()[0]?.loadBalancers[0]?.servingTargetGroupArn).not.toBe(before);
    expect(world.laws.broken).toEqual([]);
  });

  it("is turned back by the circuit breaker, and the old fleet stays as it was", async () => {
    const world = await newStagedWorld(BLUE_GREEN);
    const before = world.runningTasks().map((task) => task.arn);
    world.engine.behaviour = (image) => (image === "v2" ? "fails" : "runs");
    world.deploy("v2");
    await world.clock.advance(MINUTE_MS);
    expect(newest(world)).toMatchObject({
      status: "ROLLBACK_SUCCESSFUL",
      statusReason: "ECS deployment circuit breaker: tasks failed to start.",
      traffic: { test: 0, production: 0 },
    });
    expect(world.runningTasks().map((task) => task.arn)).toEqual(before);
    expect(world.taskSets()).toHaveLength(1);
    expect(world.laws.broken).toEqual([]);
  });

  it("is turned back on request while it bakes", async () => {
    const world = await newStagedWorld(BLUE_GREEN);
    const before = world.runningTasks().map((task) => task.arn);
    world.deploy("v2");
    await world.clock.advance(MINUTE_MS / 2);
    expect(newest(world)?.lifecycleStage).toBe("BAKE_TIME");
    expect(world.stopDeployment()).toBe(true);
    await world.clock.advance(MINUTE_MS);
    expect(newest(world)?.status).toBe("ROLLBACK_SUCCESSFUL");
    expect(world.runningTasks().map((task) => task.arn)).toEqual(before);
    expect(world.laws.broken).toEqual([]);
  });

  it("gives way to a newer one, whose stages begin with RECONCILE_SERVICE", async () => {
    const world = await newStagedWorld(BLUE_GREEN);
    world.deploy("v2");
    await world.clock.advance(MINUTE_MS / 2);
    const seen = follow(world);
    world.deploy("v3");
    await world.clock.advance(3 * MINUTE_MS);
    expect(seen.slice(0, 2)).toEqual(["RECONCILE_SERVICE 0/0", "PRE_SCALE_UP 0/0"]);
    expect(
      world
        .deployments()
        .map((each) => each.status)
        .toSorted(),
    ).toEqual(["STOPPED", "SUCCESSFUL", "SUCCESSFUL"]);
    expect(world.runningTasks().every((task) => task.taskDefinitionArn.includes("v3"))).toBe(true);
    expect(world.laws.broken).toEqual([]);
  });
});

describe("deployments that move traffic in steps, on virtual time", () => {
  const weights = (seen: readonly string[]) => [
    ...new Set(seen.map((line) => Number(line.split("/")[1])).filter((weight) => weight > 0)),
  ];

  it("moves a canary's part first and the rest after its bake time", async () => {
    const world = await newStagedWorld({
      strategy: "CANARY",
      bakeTimeMinutes: 0,
      canary: { percent: 2.5, bakeMinutes: 5 },
      linear: undefined,
    });
    const seen = follow(world);
    world.deploy("v2");
    await world.clock.advance(5 * MINUTE_MS);
    expect(weights(seen)).toEqual([2.5]);
    await world.clock.advance(MINUTE_MS);
    expect(weights(seen)).toEqual([2.5, 100]);
    expect(newest(world)?.status).toBe("SUCCESSFUL");
    expect(world.laws.broken).toEqual([]);
  });

  it("moves in equal steps, with a wait between them", async () => {
    const world = await newStagedWorld({
      strategy: "LINEAR",
      bakeTimeMinutes: 0,
      canary: undefined,
      linear: { percent: 40, bakeMinutes: 2 },
    });
    const seen = follow(world);
    world.deploy("v2");
    await world.clock.advance(3 * MINUTE_MS);
    expect(weights(seen)).toEqual([40, 80]);
    await world.clock.advance(3 * MINUTE_MS);
    expect(weights(seen)).toEqual([40, 80, 100]);
    expect(newest(world)?.status).toBe("SUCCESSFUL");
    expect(world.laws.broken).toEqual([]);
  });
});

const SEEDS = 200;

const shown = ({ seed, trace, problems }: Awaited<ReturnType<typeof runSchedule>>): string =>
  problems.length === 0 ? "" : [`seed ${seed}`, ...trace, ...problems].join("\n");

it(`the laws of traffic hold in ${SEEDS} histories`, { timeout: 120_000 }, async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1)
    expect(shown(await runSchedule(seed, { staged: true }))).toBe("");
});
