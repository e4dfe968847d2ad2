import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededIds } from "@gantry/kernel";
import type { RolloutSpec, ServiceDeploymentHook } from "@gantry/state";
import { newWorld } from "@gantry/testkit";
import { expect, it } from "vitest";
import { HOOKS_FILE, hookCaller } from "./hook-endpoints.ts";
import { EVENT_VARIABLE } from "./hook-tasks.ts";

const FUNCTION = "arn:aws:lambda:eu-south-1:000000000000:function:check";
const FOREIGN = "arn:aws:lambda:eu-south-1:111111111111:function:check";
const TASK = {
  cluster: "c",
  taskDefinition: "check:1",
  subnets: ["subnet-1"],
  securityGroups: ["sg-1"],
};
const ROLLOUT: RolloutSpec = {
  ...{ strategy: "BLUE_GREEN", bakeTimeMinutes: 0, canary: undefined, linear: undefined },
};
const HOOK: ServiceDeploymentHook = {
  type: "AWS_LAMBDA",
  targetArn: FUNCTION,
  roleArn: "arn:aws:iam::000000000000:role/ecs-infrastructure",
  stages: ["POST_SCALE_UP"],
  timeoutMinutes: 60,
  timeoutAction: "ROLLBACK",
};

/** A world whose hooks are tasks, as the operator's file names them. */
function newHookedWorld() {
  const folder = mkdtempSync(join(tmpdir(), "gantry-hook-tasks-"));
  writeFileSync(
    join(folder, HOOKS_FILE),
    JSON.stringify({ [FUNCTION]: { task: TASK }, [FOREIGN]: { task: TASK }, "arn:incomplete": { task: {} } }),
  );
  const world = newWorld();
  const { store, clock } = world;
  world.runTask("check");
  store.transact((tx) =>
    tx.put("securityGroup", "sg-1", {
      ...{ account: "000000000000", region: "eu-south-1", id: "sg-1", vpcId: "vpc-1", name: "g" },
      ...{ description: "g", rules: [], tags: {} },
    }),
  );
  const call = hookCaller({ store, clock, ids: seededIds(7), folder });
  const tasks = () => store.list("task").filter((task) => task.startedBy?.startsWith("hook/") === true);
  /** Ends the hook's task as its node would report it. */
  const end = (exitCode: number) =>
    store.transact((tx) => {
      for (const task of tasks().filter(({ lastStatus }) => lastStatus !== "STOPPED"))
        tx.put("task", task.arn, {
          ...{ ...task, lastStatus: "STOPPED", desiredStatus: "STOPPED", stoppedAt: clock.now() },
          containers: task.containers.map((each) => ({ ...each, exitCode })),
        });
    });
  return { world, call, tasks, end };
}

it("runs one task for an execution, with the event, and answers by its exit code", async () => {
  const { call, tasks, end, world } = newHookedWorld();
  const event = { executionId: "e-1", lifecycleStage: "POST_SCALE_UP" };
  for (let again = 0; again < 3; again += 1)
    expect(await call(FUNCTION, event)).toEqual({ hookStatus: "IN_PROGRESS", callBackDelay: 5 });
  expect(tasks()).toMatchObject([
    {
      startedBy: "hook/e-1",
      overrides: { containers: [{ name: "web", environment: [{ name: EVENT_VARIABLE }] }] },
    },
  ]);
  expect(JSON.parse(tasks()[0]?.overrides.containers[0]?.environment[0]?.value ?? "")).toEqual(event);
  end(0);
  expect(await call(FUNCTION, event)).toEqual({ hookStatus: "SUCCEEDED" });
  await call(FUNCTION, { executionId: "e-2" });
  end(3);
  await expect(call(FUNCTION, { executionId: "e-2" })).rejects.toThrow("ended with exit code 3");
  world.stop();
});

// The file names a task for an ARN; the ARN's account decides where the task may run.
it.each([
  ["a function of another account", FOREIGN, "cluster c"],
  ["a task without its members", "arn:incomplete", "has no cluster"],
])("starts nothing for %s", async (_, arn, message) => {
  const { call, tasks, world } = newHookedWorld();
  await expect(call(arn, { executionId: "e-1" })).rejects.toThrow(message);
  expect(tasks()).toEqual([]);
  world.stop();
});

it.each([
  [0, "SUCCESSFUL", "v2"],
  [1, "ROLLBACK_SUCCESSFUL", "v1"],
])("holds a deployment until the task ends with exit code %i", async (exitCode, status, image) => {
  const { world, call, end } = newHookedWorld();
  world.hooks.answer = async (payload) => call(FUNCTION, payload);
  world.createService(
    { desiredCount: 1, rollout: ROLLOUT, lifecycleHooks: [HOOK] },
    { balanced: true, image: "v1" },
  );
  const newest = () => world.deployments().toSorted((a, b) => b.createdAt - a.createdAt)[0];
  const pass = async (seconds: number) => world.clock.advance(seconds * 1_000);
  await pass(20);
  end(0);
  await pass(30);
  expect(newest()?.status).toBe("SUCCESSFUL");
  world.deploy("v2");
  await pass(60);
  expect(newest()).toMatchObject({ status: "IN_PROGRESS", lifecycleStage: "POST_SCALE_UP" });
  end(exitCode);
  await pass(60);
  expect(newest()?.status).toBe(status);
  const services = world.runningTasks().map((task) => task.taskDefinitionArn);
  expect(services.every((arn) => arn.includes(image))).toBe(true);
  expect(world.invariants.broken).toEqual([]);
  world.stop();
});
