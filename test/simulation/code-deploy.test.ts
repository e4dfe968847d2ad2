import { newWorld, runCodeDeploySchedule } from "@gantry/testkit";
import {
  actionsOf,
  deploymentKeyOf,
  hasEnded,
  weightOf,
  writeActions,
  type CodeDeploySettings,
} from "@gantry/state";
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
const fleets = (world: DeployedWorld) =>
  [
    ...new Set(
      world
        .tasks()
        .filter((task) => task.lastStatus !== "STOPPED")
        .map((task) => /task-definition\/(\w+)/.exec(task.taskDefinitionArn)?.[1]),
    ),
  ].toSorted();

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
  it("places the new fleet by the strategy of its AppSpec", async () => {
    const world = await newDeployedWorld();
    world.codeDeploy.deploy("v2");
    const capacityProviderStrategy = [{ provider: "FARGATE_SPOT", base: 0, weight: 1 }] as const;
    world.store.transact((tx) => {
      const [begun = expect.fail("It has begun.")] = tx.list("codeDeployment");
      const appSpec = { ...begun.appSpec, capacityProviderStrategy };
      tx.put("codeDeployment", deploymentKeyOf(begun, begun.id), { ...begun, appSpec });
    });
    await world.clock.advance(MINUTE_MS);
    const fleetOf = (image: string) =>
      world.store.list("taskSet").find(({ taskDefinitionArn }) => taskDefinitionArn.includes(image));
    expect(fleetOf("v1")?.capacityProviderStrategy).toBeUndefined();
    expect(fleetOf("v2")?.capacityProviderStrategy).toEqual(capacityProviderStrategy);
  });

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
    expect(world.invariants.broken).toEqual([]);
    world.codeDeploy.deploy("v3", { routing: { type: "TimeBasedLinear", percent: 40, minutes: 1 } });
    await world.clock.advance(6 * MINUTE_MS);
    expect(newest(world)?.status).toBe("Succeeded");
    expect(fleets(world)).toEqual(["v3"]);
    expect(world.invariants.broken).toEqual([]);
  });

  it.each<[string, (world: DeployedWorld) => void, string, string]>([
    ["an alarm", (world) => world.setAlarm("ALARM"), "Stopped", "ALARM_ACTIVE"],
    ["a request", (world) => void world.codeDeploy.stop(true), "Stopped", "MANUAL_STOP"],
  ])("returns to the old fleet on %s, at once and finally", async (_, cause, status, code) => {
    const world = await newDeployedWorld();
    world.codeDeploy.deploy("v2", { routing: CANARY });
    await world.clock.advance(3 * MINUTE_MS);
    cause(world);
    await world.clock.advance(MINUTE_MS);
    const [back, ended] = world.codeDeploy.deployments();
    expect(ended).toMatchObject({ status, error: { code }, rollback: { deploymentId: back?.id } });
    expect(back).toMatchObject({ status: "Succeeded", creator: "codeDeployRollback", isReturn: true });
    expect(fleets(world)).toEqual(["v1"]);
    expect(world.invariants.broken).toEqual([]);
  });

  it("sends no request to an unhealthy version, and fails after an hour", async () => {
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
    expect(world.invariants.broken).toEqual([]);
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

  // Before: the names of the group were looked up without their VPC, and traffic of one VPC was sent into another.
  it("fails, and moves nothing, where a target group is in another VPC than the load balancer", async () => {
    const world = await newDeployedWorld();
    world.store.transact((tx) => {
      for (const group of tx.list("targetGroup"))
        if (!group.arn.includes("blue")) tx.put("targetGroup", group.arn, { ...group, vpcId: "vpc-2" });
    });
    world.codeDeploy.deploy("v2");
    await world.clock.advance(2 * MINUTE_MS);
    expect(world.codeDeploy.deployments().at(-1)).toMatchObject({
      status: "Failed",
      error: { code: "ELASTIC_LOAD_BALANCING_INVALID" },
    });
    expect(newest(world)?.traffic.production).toBe(0);
    expect(fleets(world)).toEqual(["v1"]);
  });

  it("fails and ends, as does its rollback, where its role loses its permissions in mid-shift", async () => {
    const world = await newDeployedWorld();
    world.codeDeploy.deploy("v2", { routing: CANARY });
    await world.clock.advance(3 * MINUTE_MS);
    const { deniedBecause } = world.permissions;
    world.permissions.deniedBecause = () => "AccessDenied";
    await world.clock.advance(5 * MINUTE_MS);
    expect(world.codeDeploy.deployments().filter((each) => !hasEnded(each))).toEqual([]);
    expect(world.codeDeploy.deployments().at(-1)).toMatchObject({
      status: "Failed",
      error: { code: "IAM_ROLE_PERMISSIONS", message: "AccessDenied" },
    });
    // The old fleet serves, and nothing is moved with permissions that the role does not have.
    expect(fleets(world)).toContain("v1");
    world.permissions.deniedBecause = deniedBecause;
    world.codeDeploy.deploy("v3");
    await world.clock.advance(10 * MINUTE_MS);
    expect(newest(world)?.status).toBe("Succeeded");
    expect(fleets(world)).toEqual(["v3"]);
  });

  // An attacker, or a careless administrator, takes the role away while traffic shifts.
  it("fails, as does its rollback, if its role is deleted in the shift, and continues with a new role", async () => {
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

  it("deploys an earlier revision again, and returns to the revision before one that is rolled back", async () => {
    const world = await newDeployedWorld();
    for (const image of ["v2", "v3", "v2"]) {
      world.codeDeploy.deploy(image);
      await world.clock.advance(4 * MINUTE_MS);
      expect(newest(world)?.status).toBe("Succeeded");
      expect(fleets(world)).toEqual([image]);
    }
    expect(newest(world)?.previousRevision?.content).toBe("v3");
    world.codeDeploy.deploy("v4", { routing: CANARY });
    await world.clock.advance(3 * MINUTE_MS);
    world.codeDeploy.stop(true);
    await world.clock.advance(2 * MINUTE_MS);
    expect(newest(world)).toMatchObject({ isReturn: true, revision: { content: "v2" } });
    expect(fleets(world)).toEqual(["v2"]);
    expect(world.invariants.broken).toEqual([]);
  });

  it("tells topics of its events, and goes on where a message is refused or cannot be taken", async () => {
    const world = await newDeployedWorld();
    const told = () =>
      world.topics.messages.map((text) => {
        const { deploymentId, status } = JSON.parse(text) as { deploymentId: string; status: string }; // Our own.
        return `${deploymentId} ${status}`;
      });
    world.codeDeploy.addTrigger();
    world.codeDeploy.deploy("v2", { routing: CANARY });
    await world.clock.advance(3 * MINUTE_MS);
    world.setAlarm("ALARM");
    await world.clock.advance(MINUTE_MS);
    const [back, ended] = world.codeDeploy.deployments();
    expect(told()).toEqual([
      `${ended?.id} CREATED`,
      `${ended?.id} STOPPED`,
      `${back?.id} CREATED`,
      `${back?.id} IN_PROGRESS`,
      `${back?.id} SUCCEEDED`,
    ]);
    expect(JSON.parse(world.topics.messages[3] ?? "")).toMatchObject({
      rollbackInformation: JSON.stringify({
        RollbackMessage: `Deployment ${back?.id} is triggered to roll back deployment ${ended?.id}.`,
        RollbackTriggeringDeploymentId: ended?.id,
      }),
    });
    world.setAlarm("OK");
    world.topics.messages.length = 0;
    const { publish } = world.topics;
    let calls = 0;
    world.topics.publish = (message) => {
      calls += 1;
      // The first is refused for good; the second is taken once the topic has room again.
      if (calls === 1) throw Object.assign(new Error("denied"), { code: "AuthorizationError", status: 403 });
      if (calls === 2) throw Object.assign(new Error("Rate exceeded"), { code: "ThrottledException" });
      publish(message);
    };
    world.codeDeploy.deploy("v3");
    await world.clock.advance(10 * MINUTE_MS);
    expect(told()).toEqual([`${newest(world)?.id} SUCCEEDED`]);
    expect(calls).toBe(3);
    expect(world.store.list("codeDeployment").filter((each) => each.unpublished !== undefined)).toEqual([]);
    expect(world.invariants.broken).toEqual([]);
  });

  it("keeps both fleets if it is stopped without rollback; the next deployment removes the second", async () => {
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
    expect(world.invariants.broken).toEqual([]);
  });

  it("waits for a caller if the group is configured so, and for hooks", async () => {
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
    expect(world.invariants.broken).toEqual([]);
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
    expect(world.invariants.broken).toEqual([]);
  });
});

const SEEDS = 100;
const shown = ({ seed, trace, problems }: Awaited<ReturnType<typeof runCodeDeploySchedule>>): string =>
  problems.length === 0 ? "" : [`seed ${seed}`, ...trace, ...problems].join("\n");

it(`the invariants of CodeDeploy hold in ${SEEDS} runs`, async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) expect(shown(await runCodeDeploySchedule(seed))).toBe("");
});
