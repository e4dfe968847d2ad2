import { LIFECYCLE_STAGES } from "@gantry/controllers/service/plan-blue-green";
import { newWorld, type World } from "@gantry/testkit";
import type { RolloutSpec, ServiceDeploymentHook, ServiceDeploymentRecord } from "@gantry/state";
import { expect, it } from "vitest";
import { VICTIMS } from "./victims.ts";

// `kill -9` of the control plane, the agent and the proxy at every stage of every strategy. The deployment
// goes on, or it is turned back where it was asked to be; it never does both, and it always ends.

const MINUTE_MS = 60_000;
const LOOK_MS = 5_000;
const WAIT_MAX_MS = 30 * MINUTE_MS;

const ROLLOUTS: Readonly<Record<string, RolloutSpec>> = {
  ROLLING: { strategy: "ROLLING", bakeTimeMinutes: 1, canary: undefined, linear: undefined },
  BLUE_GREEN: { strategy: "BLUE_GREEN", bakeTimeMinutes: 1, canary: undefined, linear: undefined },
  CANARY: {
    strategy: "CANARY",
    bakeTimeMinutes: 1,
    canary: { percent: 10, bakeMinutes: 1 },
    linear: undefined,
  },
  LINEAR: {
    strategy: "LINEAR",
    bakeTimeMinutes: 1,
    canary: undefined,
    linear: { percent: 40, bakeMinutes: 1 },
  },
};

/** A function is called in stages that have hooks, so that a kill may come between the call and its answer. */
const HOOK: ServiceDeploymentHook = {
  type: "AWS_LAMBDA",
  targetArn: "arn:aws:lambda:eu-south-1:000000000000:function:check",
  roleArn: "arn:aws:iam::000000000000:role/ecs-infrastructure",
  stages: ["PRE_SCALE_UP", "POST_SCALE_UP", "TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"],
  timeoutMinutes: 10,
  timeoutAction: "ROLLBACK",
};

/** A moment of a deployment, by the name of its stage. */
interface Moment {
  readonly name: string;
  readonly isNow: (world: World, deployment: ServiceDeploymentRecord) => boolean;
}

const newTasks = (world: World) =>
  world.tasks().filter((task) => task.taskDefinitionArn.includes("v2") && task.lastStatus !== "STOPPED");

const ROLLING_MOMENTS: readonly Moment[] = [
  { name: "begins", isNow: () => true },
  {
    name: "new tasks are placed",
    isNow: (world) => newTasks(world).some((task) => task.placement !== undefined),
  },
  {
    name: "a new task runs",
    isNow: (world) => newTasks(world).some((task) => task.lastStatus === "RUNNING"),
  },
  {
    name: "old tasks stop",
    isNow: (world) =>
      newTasks(world).length > 0 &&
      world.tasks().some((task) => task.taskDefinitionArn.includes("v1") && task.desiredStatus === "STOPPED"),
  },
  {
    name: "bakes",
    isNow: (world, { stageStartedAt }) => stageStartedAt !== undefined && newTasks(world).length === 2,
  },
];

const momentsOf = (strategy: string): readonly Moment[] =>
  strategy === "ROLLING"
    ? ROLLING_MOMENTS
    : [
        ...LIFECYCLE_STAGES.map((stage) => ({
          name: stage,
          isNow: (_: World, deployment: ServiceDeploymentRecord) => deployment.lifecycleStage === stage,
        })),
        {
          name: "PRODUCTION_TRAFFIC_SHIFT with traffic",
          isNow: (_, deployment) =>
            deployment.lifecycleStage === "PRODUCTION_TRAFFIC_SHIFT" &&
            (deployment.traffic?.production ?? 0) > 0,
        },
      ];

/** What the owner of the service does at the moment of the kill, and how the deployment must end. */
const ENDINGS = {
  "goes on": { ask: () => {}, status: "SUCCESSFUL", image: "v2" },
  "is stopped": {
    ask: (world: World) => world.stopDeployment(),
    status: "ROLLBACK_SUCCESSFUL",
    image: "v1",
  },
  "meets an alarm": {
    ask: (world: World) => world.setAlarm("ALARM"),
    status: "ROLLBACK_SUCCESSFUL",
    image: "v1",
  },
} as const;
const TERMINAL = ["SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"];

/** RECONCILE_SERVICE comes where a deployment takes the place of another, here of one that has no traffic yet. */
async function beginEarlierDeployment(world: World): Promise<void> {
  world.deploy("v0");
  for (let ms = 0; ms < MINUTE_MS; ms += 100) {
    if (world.deployments().some((each) => each.lifecycleStage === "SCALE_UP")) return;
    await world.clock.advance(100);
  }
  throw new Error("The earlier deployment does not reach SCALE_UP.");
}

/** Runs one cell. Answers what is wrong; empty where nothing is. */
async function runCell(cell: {
  rollout: RolloutSpec;
  moment: Moment;
  victim: (world: World) => void;
  ending: keyof typeof ENDINGS;
}): Promise<string> {
  const { rollout, moment, victim } = cell;
  // What removes the source fleet has nothing to turn back to: alarms are not looked at any more.
  const { status, image } = ENDINGS[moment.name === "CLEAN_UP" ? "goes on" : cell.ending];
  const { ask } = ENDINGS[cell.ending];
  const world = newWorld();
  const isStaged = rollout.strategy !== "ROLLING";
  world.createService(
    {
      desiredCount: 2,
      rollout,
      deploymentAlarms: { names: ["errors"], rollback: true },
      ...(isStaged ? { lifecycleHooks: [HOOK] } : {}),
    },
    { image: "v1", balanced: true },
  );
  await world.clock.advance(3 * MINUTE_MS);
  const old = world
    .runningTasks()
    .map((task) => task.arn)
    .toSorted();
  if (moment.name === "RECONCILE_SERVICE") await beginEarlierDeployment(world);
  const earlier = world.deployments().map(({ arn }) => arn);
  const seen: string[] = [];
  let struck = false;
  world.store.watch(() => {
    const deployment = world.deployments().find((each) => !earlier.includes(each.arn));
    if (deployment === undefined) return;
    if (seen.at(-1) !== deployment.status) seen.push(deployment.status);
    if (struck || !moment.isNow(world, deployment)) return;
    struck = true;
    // Not within the transaction that announces the stage: a process dies between two of its writes, or at one of them.
    world.clock.after(0, () => {
      ask(world);
      victim(world);
    });
  });
  world.deploy("v2");
  const deadline = world.clock.now() + WAIT_MAX_MS;
  let rest: readonly string[] = ["not begun"];
  while (rest.length > 0 && world.clock.now() < deadline && world.invariants.broken.length === 0) {
    await world.clock.advance(LOOK_MS);
    const isOver = world.deployments().every((each) => each.finishedAt !== undefined);
    rest = isOver ? await world.invariants.unrest(world.service()) : ["under way"];
  }
  const running = world.runningTasks();
  const left = running.map((task) => task.arn).toSorted();
  const ends = seen.filter((each) => TERMINAL.includes(each));
  world.stop();
  return [
    struck ? "" : "the moment never came",
    ...world.invariants.broken,
    ...world.bugs,
    ...rest,
    ends.join() === status ? "" : `it ended as ${seen.join(" → ")}`,
    running.every((task) => task.taskDefinitionArn.includes(image)) ? "" : `tasks other than ${image} run`,
    isStaged && image === "v1" && left.join() !== old.join() ? "the old fleet is not as it was" : "",
  ]
    .filter((problem) => problem !== "")
    .join("; ");
}

it.each(Object.entries(ROLLOUTS))(
  "%s survives a kill of each process at every stage",
  async (strategy, rollout) => {
    const problems: string[] = [];
    for (const moment of momentsOf(strategy))
      for (const [name, victim] of Object.entries(VICTIMS))
        for (const ending of Object.keys(ENDINGS) as (keyof typeof ENDINGS)[]) {
          const problem = await runCell({ rollout, moment, victim, ending });
          if (problem !== "") problems.push(`${moment.name}, ${name}, ${ending}: ${problem}`);
        }
    expect(problems).toEqual([]);
  },
);
