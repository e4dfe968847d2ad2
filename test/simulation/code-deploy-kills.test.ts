import { newWorld, type World } from "@gantry/testkit";
import {
  CODE_DEPLOY_EVENTS,
  hasEnded,
  type CodeDeploymentRecord,
  type CodeDeployRouting,
} from "@gantry/state";
import { expect, it } from "vitest";
import { VICTIMS } from "./victims.ts";

// `kill -9` of the control plane, the agent and the proxy at every lifecycle event of CodeDeploy. The
// deployment goes on, or it ends as it was asked to; it never does both, and it always ends.

const MINUTE_MS = 60_000;
const LOOK_MS = 5_000;
const WAIT_MAX_MS = 40 * MINUTE_MS;
const FUNCTION = "arn:aws:lambda:eu-south-1:000000000000:function:check";
const REPORT_MS = 2_000;

/** Functions at every event that may have one, so that a kill may come between the call and the report. */
const HOOKS = {
  BeforeInstall: FUNCTION,
  AfterInstall: FUNCTION,
  AfterAllowTestTraffic: FUNCTION,
  BeforeAllowTraffic: FUNCTION,
  AfterAllowTraffic: FUNCTION,
};

const CANARY: CodeDeployRouting = { type: "TimeBasedCanary", percent: 10, minutes: 1 };
const LINEAR: CodeDeployRouting = { type: "TimeBasedLinear", percent: 40, minutes: 1 };

/** A moment of a deployment, by the name of its event. */
interface Moment {
  readonly name: string;
  readonly isNow: (deployment: CodeDeploymentRecord) => boolean;
}

const MOMENTS: readonly Moment[] = [
  { name: "Created", isNow: ({ status }) => status === "Created" },
  ...CODE_DEPLOY_EVENTS.map((name) => ({
    name,
    isNow: ({ events }: CodeDeploymentRecord) =>
      events.some((event) => event.name === name && event.status === "InProgress"),
  })),
  { name: "Install with a task set", isNow: ({ greenTaskSetId }) => greenTaskSetId !== undefined },
  { name: "Ready", isNow: ({ status }) => status === "Ready" },
  { name: "AllowTraffic with traffic", isNow: ({ traffic }) => traffic.production > 0 },
  { name: "the wait for termination", isNow: ({ terminationSince }) => terminationSince !== undefined },
];

/** What the owner of the deployment does at the moment of the kill, and how the deployment must end. */
const ENDINGS = {
  "goes on": { ask: () => {}, status: "Succeeded", isBack: false },
  "is stopped with rollback": {
    ask: (world: World) => world.codeDeploy.stop(true),
    status: "Stopped",
    isBack: true,
  },
  "is stopped without rollback": {
    ask: (world: World) => world.codeDeploy.stop(false),
    status: "Stopped",
    isBack: false,
  },
  "meets an alarm": { ask: (world: World) => world.setAlarm("ALARM"), status: "Stopped", isBack: true },
} as const;

interface Cell {
  readonly routing: CodeDeployRouting;
  readonly moment: Moment;
  readonly victim: (world: World) => void;
  readonly ending: keyof typeof ENDINGS;
}

/** Runs one cell. Returns what is wrong; empty where nothing is. */
async function runCell({ routing, moment, victim, ending }: Cell): Promise<string> {
  const world = newWorld();
  world.codeDeploy.createService(
    { desiredCount: 2 },
    { ready: { action: "STOP_DEPLOYMENT", waitMinutes: 30 } },
  );
  world.codeDeploy.addTrigger();
  world.hooks.answer = () => world.clock.after(REPORT_MS, () => void world.codeDeploy.answer("Succeeded"));
  await world.clock.advance(2 * MINUTE_MS);
  const old = taskArns(world);
  const ends: string[] = [];
  let struck = false;
  world.store.watch(({ kind }) => {
    const deployment = first(world);
    if (kind !== "codeDeployment" || deployment === undefined) return;
    if (hasEnded(deployment) && ends.at(-1) !== deployment.status) ends.push(deployment.status);
    if (struck || !moment.isNow(deployment)) return;
    struck = true;
    // Not within the transaction that announces the event: a process dies between two of its writes, or at one of them.
    world.clock.after(0, () => {
      ENDINGS[ending].ask(world);
      victim(world);
    });
  });
  world.codeDeploy.deploy("v2", { routing, hooks: HOOKS });
  const deadline = world.clock.now() + WAIT_MAX_MS;
  let isOver = false;
  while (!isOver && world.clock.now() < deadline && world.invariants.broken.length === 0) {
    await world.clock.advance(LOOK_MS);
    if (first(world)?.status === "Ready") world.codeDeploy.continue("ready");
    isOver = world.codeDeploy.deployments().every(hasEnded);
  }
  // A killed agent brings its tasks back.
  await world.clock.advance(MINUTE_MS);
  const problems = [
    struck ? "" : "the moment never came",
    isOver ? "" : "it does not end",
    ...world.invariants.broken,
    ...world.bugs,
    ends.join() === ENDINGS[ending].status ? "" : `it ended as ${ends.join(" → ")}`,
    problemOfEnd(world, { ending, old }),
    problemOfMessages(world),
  ];
  world.stop();
  return problems.filter((problem) => problem !== "").join("; ");
}

/** Which fleets and which return must be there at the end. */
function problemOfEnd(
  world: World,
  { ending, old }: { ending: keyof typeof ENDINGS; old: readonly string[] },
): string {
  const back = world.codeDeploy.deployments().filter((each) => each.isReturn);
  const hasGreen = first(world)?.greenTaskSetId !== undefined;
  const wanted = ENDINGS[ending].isBack && hasGreen ? "Succeeded" : "";
  if (back.map(({ status }) => status).join() !== wanted) return `${back.length} returns to the old fleet`;
  const images = [...new Set(world.runningTasks().map((task) => imageOf(task.taskDefinitionArn)))].toSorted();
  if (ending === "goes on") return images.join() === "v2" ? "" : `${images.join()} run`;
  if (ENDINGS[ending].isBack || !hasGreen)
    return taskArns(world).join() === old.join() ? "" : "the old fleet is not as it was";
  return images.join() === "v1,v2" ? "" : `${images.join()} run, and both were to stay`;
}

const STATUSES = ["CREATED", "IN_PROGRESS", "READY", "SUCCEEDED", "FAILED", "STOPPED"];

/** A topic is told of each event in order. A kill may repeat the last one. */
function problemOfMessages(world: World): string {
  const told = new Map<string, string[]>();
  for (const text of world.topics.messages) {
    const message = JSON.parse(text) as { deploymentId: string; status: string }; // Our own message.
    const statuses = told.get(message.deploymentId) ?? [];
    if (statuses.at(-1) !== message.status) statuses.push(message.status);
    told.set(message.deploymentId, statuses);
  }
  return world.codeDeploy
    .deployments()
    .map(({ id, status, isReturn, readySince }) => {
      const wanted = ["CREATED", isReturn && "IN_PROGRESS", readySince && "READY", status.toUpperCase()];
      const found = told.get(id) ?? [];
      const isRight = found.join() === STATUSES.filter((each) => wanted.includes(each)).join();
      return isRight ? "" : `the topic was told ${found.join(" → ")}`;
    })
    .join("");
}

const first = (world: World) => world.codeDeploy.deployments().find((each) => !each.isReturn);
const imageOf = (arn: string) => /task-definition\/(\w+)/.exec(arn)?.[1];
const taskArns = (world: World) =>
  world
    .runningTasks()
    .map((task) => task.arn)
    .toSorted();

it.each([
  ["a canary", CANARY, MOMENTS],
  // Up to AllowTraffic the routing makes no difference.
  ["in equal steps", LINEAR, MOMENTS.filter(({ name }) => name === "AllowTraffic with traffic")],
] as const)(
  "a deployment of CodeDeploy, %s, survives a kill of each process at every event",
  async (_, routing, moments) => {
    const problems: string[] = [];
    for (const moment of moments)
      for (const [name, victim] of Object.entries(VICTIMS))
        for (const ending of Object.keys(ENDINGS) as (keyof typeof ENDINGS)[]) {
          const problem = await runCell({ routing, moment, victim, ending });
          if (problem !== "") problems.push(`${moment.name}, ${name}, ${ending}: ${problem}`);
        }
    expect(problems).toEqual([]);
  },
);
