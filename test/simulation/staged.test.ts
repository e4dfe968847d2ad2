import { present } from "@gantry/kernel";
import { newWorld, runSchedule } from "@gantry/testkit";
import type { ServiceDeploymentHook } from "@gantry/state";
import { describe, expect, it } from "vitest";
import { BLUE_GREEN, follow, MINUTE_MS, newest, newStagedWorld } from "./staged-world.ts";

const PAUSE: ServiceDeploymentHook = {
  type: "PAUSE",
  targetArn: undefined,
  stages: ["POST_TEST_TRAFFIC_SHIFT"],
  timeoutMinutes: 60,
  timeoutAction: "ROLLBACK",
};

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
      "TEST_TRAFFIC_SHIFT 100/0",
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
    expect(world.invariants.broken).toEqual([]);
  });

  it("is rolled back by the circuit breaker, and the old fleet does not change", async () => {
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
    expect(world.invariants.broken).toEqual([]);
  });

  it("is rolled back on request during the bake time", async () => {
    const world = await newStagedWorld(BLUE_GREEN);
    const before = world.runningTasks().map((task) => task.arn);
    world.deploy("v2");
    await world.clock.advance(MINUTE_MS / 2);
    expect(newest(world)?.lifecycleStage).toBe("BAKE_TIME");
    expect(world.stopDeployment()).toBe(true);
    await world.clock.advance(MINUTE_MS);
    expect(newest(world)?.status).toBe("ROLLBACK_SUCCESSFUL");
    expect(world.runningTasks().map((task) => task.arn)).toEqual(before);
    expect(world.invariants.broken).toEqual([]);
  });

  it("is superseded by a newer one, whose stages begin with RECONCILE_SERVICE", async () => {
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
    expect(world.invariants.broken).toEqual([]);
  });
});

describe("what stops a deployment, on virtual time", () => {
  const alarmed = { deploymentAlarms: { names: ["errors"], rollback: true } };

  it("is an alarm in its bake time", async () => {
    const world = await newStagedWorld(BLUE_GREEN, alarmed);
    const before = world.runningTasks().map((task) => task.arn);
    world.deploy("v2");
    await world.clock.advance(MINUTE_MS / 2);
    expect(newest(world)?.traffic?.production).toBe(100);
    world.setAlarm("ALARM");
    // The rollback begins at once; it ends within moments, because nothing drains slowly here.
    await world.clock.advance(0);
    expect(newest(world)).toMatchObject({
      status: "ROLLBACK_IN_PROGRESS",
      statusReason: "ECS deployment failed: alarm(s) detected.",
      traffic: { production: 0 },
      alarms: { triggered: ["errors"] },
    });
    await world.clock.advance(MINUTE_MS);
    expect(newest(world)?.status).toBe("ROLLBACK_SUCCESSFUL");
    expect(world.runningTasks().map((task) => task.arn)).toEqual(before);
    expect(world.invariants.broken).toEqual([]);
  });

  it("is not an alarm that was in ALARM before it", async () => {
    const world = await newStagedWorld(BLUE_GREEN, alarmed);
    world.setAlarm("ALARM");
    world.deploy("v2");
    await world.clock.advance(2 * MINUTE_MS);
    expect(newest(world)).toMatchObject({ status: "SUCCESSFUL", alarms: { isIgnored: true } });
  });

  it("is a hook that is answered with ROLLBACK, or not in time", async () => {
    const world = await newStagedWorld(BLUE_GREEN);
    const pausing = {
      ...present(world.service(), "There is a service."),
      spec: { ...present(world.service(), "There is a service.").spec, lifecycleHooks: [PAUSE] },
    };
    world.store.transact((tx) => tx.put("service", pausing.arn, pausing));
    world.deploy("v2");
    await world.clock.advance(30 * MINUTE_MS);
    expect(newest(world)).toMatchObject({
      lifecycleStage: "POST_TEST_TRAFFIC_SHIFT",
      traffic: { test: 100, production: 0 },
    });
    expect(world.answerHooks("ROLLBACK")).toBe(1);
    await world.clock.advance(MINUTE_MS);
    expect(newest(world)?.status).toBe("ROLLBACK_SUCCESSFUL");
    world.deploy("v3");
    await world.clock.advance(61 * MINUTE_MS);
    expect(newest(world)?.status).toBe("ROLLBACK_SUCCESSFUL");
    world.deploy("v4");
    await world.clock.advance(MINUTE_MS);
    expect(world.answerHooks("CONTINUE")).toBe(1);
    await world.clock.advance(2 * MINUTE_MS);
    expect(newest(world)?.status).toBe("SUCCESSFUL");
    expect(world.invariants.broken).toEqual([]);
  });
});

describe("a hook that is a function, on virtual time", () => {
  const FUNCTION: ServiceDeploymentHook = {
    type: "AWS_LAMBDA",
    targetArn: "arn:aws:lambda:eu-south-1:000000000000:function:check",
    roleArn: "arn:aws:iam::000000000000:role/ecs-infrastructure",
    stages: ["TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"],
    timeoutMinutes: 60,
    timeoutAction: "ROLLBACK",
  };

  it("is called again while it is in progress, with its own details, and continues the deployment", async () => {
    const world = await newStagedWorld(BLUE_GREEN, { lifecycleHooks: [FUNCTION] });
    const calls: string[] = [];
    world.hooks.answer = (payload) => {
      const { lifecycleStage, hookDetails } = payload as { lifecycleStage: string; hookDetails: unknown };
      calls.push(`${lifecycleStage} ${JSON.stringify(hookDetails)}`);
      return calls.length < 3
        ? { hookStatus: "IN_PROGRESS", callBackDelay: 20, hookDetails: { call: calls.length } }
        : { hookStatus: "SUCCEEDED" };
    };
    world.deploy("v2");
    await world.clock.advance(30_000);
    expect(newest(world)?.lifecycleStage).toBe("TEST_TRAFFIC_SHIFT");
    await world.clock.advance(3 * MINUTE_MS);
    expect(calls).toEqual([
      "TEST_TRAFFIC_SHIFT undefined",
      'TEST_TRAFFIC_SHIFT {"call":1}',
      'TEST_TRAFFIC_SHIFT {"call":2}',
      "PRODUCTION_TRAFFIC_SHIFT undefined",
    ]);
    expect(newest(world)?.status).toBe("SUCCESSFUL");
    expect(world.invariants.broken).toEqual([]);
  });

  it.each<[string, () => unknown, string]>([
    ["says that it failed", () => ({ hookStatus: "FAILED" }), "The hook answered FAILED."],
    ["says nothing that is known", () => ({ status: "ok" }), "has no hookStatus"],
    [
      "cannot be called",
      () => {
        throw new Error("connect ECONNREFUSED");
      },
      "connect ECONNREFUSED",
    ],
  ])("rolls the deployment back when it %s", async (_, answer, reason) => {
    const world = await newStagedWorld(BLUE_GREEN, { lifecycleHooks: [FUNCTION] });
    world.hooks.answer = answer;
    world.deploy("v2");
    await world.clock.advance(MINUTE_MS);
    expect(newest(world)).toMatchObject({ status: "ROLLBACK_SUCCESSFUL", traffic: { production: 0 } });
    expect(newest(world)?.statusReason).toContain(reason);
    expect(world.invariants.broken).toEqual([]);
  });
});

it("a rolling deployment bakes after its old tasks are gone, and an alarm then rolls it back", async () => {
  const world = newWorld();
  world.createService(
    {
      rollout: { strategy: "ROLLING", bakeTimeMinutes: 5, canary: undefined, linear: undefined },
      deploymentAlarms: { names: ["errors"], rollback: true },
    },
    { image: "v1" },
  );
  await world.clock.advance(6 * MINUTE_MS);
  expect(newest(world)?.status).toBe("SUCCESSFUL");
  world.deploy("v2");
  await world.clock.advance(4 * MINUTE_MS);
  expect(newest(world)?.status).toBe("IN_PROGRESS");
  expect(world.runningTasks().every((task) => task.taskDefinitionArn.includes("v2"))).toBe(true);
  world.setAlarm("ALARM");
  await world.clock.advance(2 * MINUTE_MS);
  expect(newest(world)?.status).toBe("ROLLBACK_SUCCESSFUL");
  expect(world.runningTasks().every((task) => task.taskDefinitionArn.includes("v1"))).toBe(true);
});

describe("deployments that move traffic in steps, on virtual time", () => {
  const weights = (seen: readonly string[]) => [
    ...new Set(seen.map((line) => Number(line.split("/")[1])).filter((weight) => weight > 0)),
  ];

  it("moves a canary's share first and the rest after its bake time", async () => {
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
    expect(world.invariants.broken).toEqual([]);
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
    expect(world.invariants.broken).toEqual([]);
  });

  it("waits with a step while a task of the new fleet is replaced", async () => {
    const rollout = { canary: { percent: 20, bakeMinutes: 5 }, linear: undefined, bakeTimeMinutes: 0 };
    const world = await newStagedWorld(
      { strategy: "CANARY", ...rollout },
      { circuitBreaker: { enable: false, rollback: false } },
    );
    const seen = follow(world);
    world.deploy("v2");
    while (weights(seen).length === 0) await world.clock.advance(100);
    await world.clock.advance(5 * MINUTE_MS - 500);
    const killed = world.runningTasks().find((task) => task.taskDefinitionArn.includes("v2"));
    world.kill(killed);
    const statusOf = (arn = "") => world.tasks().find((task) => task.arn === arn)?.lastStatus;
    while (statusOf(killed?.arn) !== "STOPPED") await world.clock.advance(1);
    // No container starts in place of the killed one until the agent is back.
    world.killAgent();
    await world.clock.advance(600);
    expect(weights(seen)).toEqual([20]);
    await world.clock.advance(2 * MINUTE_MS);
    expect(weights(seen)).toEqual([20, 100]);
    expect(newest(world)?.status).toBe("SUCCESSFUL");
    expect(world.invariants.broken).toEqual([]);
  });
});

const SEEDS = 100;

const shown = ({ seed, trace, problems }: Awaited<ReturnType<typeof runSchedule>>): string =>
  problems.length === 0 ? "" : [`seed ${seed}`, ...trace, ...problems].join("\n");

it(`the invariants of traffic hold in ${SEEDS} runs`, async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1)
    expect(shown(await runSchedule(seed, { staged: true }))).toBe("");
});
