import { newWorld, runCodeDeploySchedule } from "@gantry/testkit";
import { actionsOf, hasEnded, weightOf, writeActions, type CodeDeploySettings } from "@gantry/state";
import { describe, expect, it } from "vitest";

const MINUTE_MS = 60_000;
const FUNCTION = "arn:aws:lambda:eu-south-1:000000000000:function:check";
const CANARY = { type: "TimeBasedCanary", percent: 10, minutes: 5 } as const;

async function newDeployedWorld(settings: Partial<CodeDeploySettings> = {}, seed = 1) {
  const world = newWorld({ seed });
  world.codeDeploy.createService({ desiredCount: 2 }, settings);
  await world.clock.advance(MINUTE_MS);
  return world;
}
type DeployedWorld = Awaited<ReturnType<typeof newDeployedWorld>>;

const newest = (world: DeployedWorld) => world.codeDeploy.deployments()[0];
const fleets = (world: DeployedWorld) => [
  ...new Set(
    world
      .tasks()
      .filter((task) => task.lastStatus !== "STOPPED")
      .map((task) => /task-definition\/(\w+)/.exec(task.taskDefinitionArn)?.[1]),
  ),
];

/** The events and weights that a deployment goes through. */
function follow(world: DeployedWorld) {
  const seen: string[] = [];
  world.store.watch(() => {
    const ongoing = world.codeDeploy.deployments().find((each) => !hasEnded(each));
    if (ongoing === undefined) return;
    const event = ongoing.events.find((each) => each.status === "InProgress")?.name;
    const line = `${event ?? ongoing.status} ${ongoing.traffic.test}/${ongoing.traffic.production}`;
    if (seen.at(-1) !== line) seen.push(line);
  });
  return seen;
}

describe("a deployment of CodeDeploy, on virtual time", () => {
  it("goes through its lifecycle events in order, and keeps the old fleet for its time", async () => {
    const world = await newDeployedWorld();
    const seen = follow(world);
    world.codeDeploy.deploy("v2", { routing: CANARY });
    await world.clock.advance(5 * MINUTE_MS);
    expect(fleets(world)).toEqual(["v1", "v2"]);
    expect(newest(world)?.traffic.production).toBe(10);
    await world.clock.advance(MINUTE_MS);
    expect(newest(world)).toMatchObject({ status: "InProgress", traffic: { production: 100 } });
    await world.clock.advance(2 * MINUTE_MS);
    expect(newest(world)?.status).toBe("Succeeded");
    expect(fleets(world)).toEqual(["v2"]);
    expect(seen.filter((line) => !line.startsWith("InProgress"))).toEqual([
      "Created 0/0",
      "BeforeInstall 0/0",
      "Install 0/0",
      "AfterInstall 0/0",
      "AllowTestTraffic 0/0",
      "AfterAllowTestTraffic 100/0",
      "BeforeAllowTraffic 100/0",
      "AllowTraffic 100/0",
      "AllowTraffic 100/10",
      "AllowTraffic 100/100",
      "AfterAllowTraffic 100/100",
    ]);
    expect(world.laws.broken).toEqual([]);
    world.codeDeploy.deploy("v3", { routing: { type: "TimeBasedLinear", percent: 40, minutes: 1 } });
    await world.clock.advance(6 * MINUTE_MS);
    expect(newest(world)?.status).toBe("Succeeded");
    expect(fleets(world)).toEqual(["v3"]);
    expect(world.laws.broken).toEqual([]);
  });

  it.each<[string, (world: DeployedWorld) => void, string, string]>([
    ["an alarm", (world) => world.setAlarm("ALARM"), "Stopped", "ALARM_ACTIVE"],
    ["a request", (world) => void world.codeDeploy.stop(true), "Stopped", "MANUAL_STOP"],
  ])("returns to the old fleet on %s, at once and for good", async (_, cause, status, code) => {
    const world = await newDeployedWorld();
    world.codeDeploy.deploy("v2", { routing: CANARY });
    await world.clock.advance(3 * MINUTE_MS);
    cause(world);
    await world.clock.advance(MINUTE_MS);
    const [back, ended] = world.codeDeploy.deployments();
    expect(ended).toMatchObject({ status, error: { code }, rollback: { deploymentId: back?.id } });
    expect(back).toMatchObject({ status: "Succeeded", creator: "codeDeployRollback", isReturn: true });
    expect(fleets(world)).toEqual(["v1"]);
    expect(world.laws.broken).toEqual([]);
  });

  it("gives a version that never becomes healthy no request, and fails after an hour", async () => {
    const world = await newDeployedWorld();
    world.engine.behaviour = (image) => (image === "v2" ? "crashes" : "runs");
    world.codeDeploy.deploy("v2");
    await world.clock.advance(62 * MINUTE_MS);
    expect(world.codeDeploy.deployments()[1]).toMatchObject({
      status: "Failed",
      error: { code: "TIMEOUT" },
      traffic: { production: 0 },
    });
    await world.clock.advance(MINUTE_MS);
    expect(newest(world)?.status).toBe("Succeeded");
    expect(fleets(world)).toEqual(["v1"]);
    expect(world.laws.broken).toEqual([]);
  });

  it("fails, and moves nothing, where a listener forwards to a third target group as well", async () => {
    const world = await newDeployedWorld();
    const [listener] = world.store.list("listener");
    const route = { kind: "listener", arn: listener?.arn ?? "" } as const;
    const third = { targetGroupArn: "arn:third", weight: 1 };
    world.store.transact((tx) => {
      const actions = actionsOf(tx, route).map((action) =>
        action.type === "forward" ? { ...action, targets: [...action.targets, third] } : action,
      );
      writeActions(tx, route, actions);
    });
    world.codeDeploy.deploy("v2");
    await world.clock.advance(2 * MINUTE_MS);
    expect(world.codeDeploy.deployments().at(-1)).toMatchObject({
      status: "Failed",
      error: { code: "ELASTIC_LOAD_BALANCING_INVALID" },
    });
    expect(weightOf(world.store, route, third.targetGroupArn)).toBe(1);
    expect(fleets(world)).toEqual(["v1"]);
  });

  // An attacker, or a careless administrator, takes the role away while traffic shifts.
  it("fails and ends, as does its rollback, where its role is taken away in mid-shift; it goes on once the role is back", async () => {
    const world = await newDeployedWorld();
    world.codeDeploy.deploy("v2", { routing: CANARY });
    await world.clock.advance(3 * MINUTE_MS);
    const arn = newest(world)?.settings.serviceRoleArn ?? "";
    const role = world.store.get("role", arn);
    world.store.transact((tx) => tx.delete("role", arn));
    await world.clock.advance(5 * MINUTE_MS);
    expect(world.codeDeploy.deployments().filter((each) => !hasEnded(each))).toEqual([]);
    expect(world.codeDeploy.deployments().at(-1)).toMatchObject({
      status: "Failed",
      error: { code: "IAM_ROLE_MISSING" },
    });
    expect(fleets(world)).toContain("v1");
    world.store.transact((tx) => {
      if (role !== undefined) tx.put("role", arn, role);
    });
    world.codeDeploy.deploy("v3");
    await world.clock.advance(10 * MINUTE_MS);
    expect(newest(world)?.status).toBe("Succeeded");
    expect(fleets(world)).toEqual(["v3"]);
  });

  it("leaves both fleets where it is stopped without rollback; the next deployment removes the second", async () => {
    const world = await newDeployedWorld();
    world.codeDeploy.deploy("v2", { routing: CANARY });
    await world.clock.advance(3 * MINUTE_MS);
    world.codeDeploy.stop(false);
    await world.clock.advance(MINUTE_MS);
    expect(newest(world)?.status).toBe("Stopped");
    expect(fleets(world)).toEqual(["v1", "v2"]);
    world.codeDeploy.deploy("v3");
    await world.clock.advance(6 * MINUTE_MS);
    expect(newest(world)?.status).toBe("Succeeded");
    expect(fleets(world)).toEqual(["v3"]);
    expect(world.laws.broken).toEqual([]);
  });

  it("waits for a caller where the group says so, and for hooks", async () => {
    const world = await newDeployedWorld({ ready: { action: "STOP_DEPLOYMENT", waitMinutes: 30 } });
    const calls: unknown[] = [];
    world.hooks.answer = (payload) => void calls.push(payload);
    world.codeDeploy.deploy("v2", { hooks: { BeforeInstall: FUNCTION } });
    await world.clock.advance(10 * MINUTE_MS);
    expect(calls).toEqual([
      {
        DeploymentId: newest(world)?.id,
        LifecycleEventHookExecutionId: newest(world)?.events[0]?.hook?.executionId,
      },
    ]);
    expect(fleets(world)).toEqual(["v1"]);
    expect(world.codeDeploy.answer("Succeeded")).toBe(true);
    await world.clock.advance(5 * MINUTE_MS);
    expect(newest(world)).toMatchObject({ status: "Ready", traffic: { test: 100, production: 0 } });
    world.codeDeploy.continue("ready");
    await world.clock.advance(10_000);
    expect(newest(world)?.traffic.production).toBe(100);
    world.codeDeploy.continue("termination");
    await world.clock.advance(MINUTE_MS / 2);
    expect(newest(world)?.status).toBe("Succeeded");
    expect(world.laws.broken).toEqual([]);
  });

  it("fails on a hook that reports Failed, that cannot be called, and that is silent for an hour", async () => {
    const world = await newDeployedWorld();
    for (const hook of ["Failed", "uncallable", "silent"] as const) {
      world.hooks.answer = () => {
        if (hook === "uncallable") throw new Error("connect ECONNREFUSED");
        return {};
      };
      world.codeDeploy.deploy("v2", { hooks: { AfterAllowTraffic: FUNCTION } });
      await world.clock.advance(2 * MINUTE_MS);
      if (hook === "Failed") world.codeDeploy.answer("Failed");
      await world.clock.advance(62 * MINUTE_MS);
      const [back, ended] = world.codeDeploy.deployments();
      expect(ended).toMatchObject({ status: "Failed", error: { code: "HOOK_EXECUTION_FAILURE" } });
      expect(back).toMatchObject({ status: "Succeeded", isReturn: true });
      expect(fleets(world)).toEqual(["v1"]);
    }
    expect(world.laws.broken).toEqual([]);
  });
});

const SEEDS = 100;
const shown = ({ seed, trace, problems }: Awaited<ReturnType<typeof runCodeDeploySchedule>>): string =>
  problems.length === 0 ? "" : [`seed ${seed}`, ...trace, ...problems].join("\n");

it(`the laws of CodeDeploy hold in ${SEEDS} histories`, { timeout: 120_000 }, async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) expect(shown(await runCodeDeploySchedule(seed))).toBe("");
});
