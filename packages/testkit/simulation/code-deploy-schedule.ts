import { hasEnded, type CodeDeployRouting, type CodeDeploySettings } from "@gantry/state";
import { newWorld, type World } from "../world.ts";
import { newDice } from "./dice.ts";
import { desiredOf, endFaults, EVENTS, STAGED_PAUSE_MAX_MS, STEPS_MAX, type Outcome } from "./schedule.ts";

/** Longer than the hour that an installation and a hook may take. */
const CODE_DEPLOY_MINUTES_MAX = 150;
const CODE_DEPLOY_SETTINGS: readonly Partial<CodeDeploySettings>[] = [
  {},
  { testListenerArn: undefined, termination: { action: "TERMINATE", waitMinutes: 0 } },
  { termination: { action: "KEEP_ALIVE", waitMinutes: 0 } },
  { ready: { action: "STOP_DEPLOYMENT", waitMinutes: 5 } },
  { autoRollback: { enabled: false, events: [] } },
];
const ROUTINGS: readonly CodeDeployRouting[] = [
  { type: "AllAtOnce" },
  { type: "TimeBasedCanary", percent: 10, minutes: 1 },
  { type: "TimeBasedLinear", percent: 40, minutes: 1 },
];
const FUNCTION = "arn:aws:lambda:eu-south-1:000000000000:function:check";

/** The events of a service with CodeDeploy deployments: faults, deployments, and callers' actions on them. */
const CODE_DEPLOY_EVENTS: readonly ((world: World) => string)[] = [
  ...EVENTS.filter((_, index) => index !== 1),
  ...Array.from({ length: 4 }, () => (world: World) => {
    const image = world.dice.pick(["v1", "v2", "v3"]);
    const routing = world.dice.pick(ROUTINGS);
    const event = world.dice.pick(["BeforeInstall", "AfterAllowTestTraffic", "AfterAllowTraffic"] as const);
    const hooks = world.dice.chance(0.3) ? { [event]: FUNCTION } : {};
    const began = world.codeDeploy.deploy(image, { routing, hooks });
    return `${began ? "deploy" : "cannot deploy"} ${image}, ${routing.type}`;
  }),
  (world) => {
    const rollback = world.dice.chance(0.5);
    return `${world.codeDeploy.stop(rollback) ? "stop" : "nothing to stop"}, rollback: ${rollback}`;
  },
  (world) => {
    const wait = world.dice.pick(["ready", "termination"] as const);
    world.codeDeploy.continue(wait);
    return `continue ${wait}`;
  },
  (world) => {
    const answer = world.dice.pick(["Succeeded", "Succeeded", "Failed"] as const);
    return `a hook ${world.codeDeploy.answer(answer) ? answer : "does not wait"}`;
  },
  (world) => {
    const answers = world.dice.chance(0.5)
      ? (["Succeeded", "Failed"] as const)
      : (["Failed", "Succeeded"] as const);
    const taken = answers.map((answer) => world.codeDeploy.answer(answer));
    return `a hook reports twice: ${taken.filter(Boolean).length} taken`;
  },
  breakNewFleet,
  breakNewFleet,
  (world) => {
    const state = world.dice.pick(["OK", "OK", "ALARM"] as const);
    world.setAlarm(state);
    return `the alarm is ${state}`;
  },
];

/** The tasks of the new fleet crash, and those that replace them as well, until the faults end. */
function breakNewFleet(world: World): string {
  const green = world.codeDeploy.deployments().find((each) => !hasEnded(each))?.greenTaskSetId;
  const tasks = world.tasks().filter((task) => task.deploymentId === green && task.lastStatus !== "STOPPED");
  const [image] = tasks.map((task) => /task-definition\/(\w+)/.exec(task.taskDefinitionArn)?.[1]);
  if (image === undefined) return "no new fleet to break";
  for (const { engine } of world.nodes) engine.behaviour = (each) => (each === image ? "crashes" : "runs");
  for (const task of tasks) world.kill(task);
  return `the new fleet of ${image} breaks`;
}

/** Runs one simulation of a service with CodeDeploy deployments. */
export async function runCodeDeploySchedule(seed: number): Promise<Outcome> {
  const dice = newDice(seed);
  const world = newWorld({ seed });
  const trace: string[] = [];
  const begin = world.clock.now();
  const say = (what: string): void =>
    void trace.push(`${String(world.clock.now() - begin).padStart(8)} ${what}`);
  const settings = dice.pick(CODE_DEPLOY_SETTINGS);
  world.codeDeploy.createService({ desiredCount: dice.number(1, 3) }, settings);
  say(`a service of CodeDeploy, ${JSON.stringify(settings)}`);
  await world.clock.advance(dice.number(0, 15_000));
  const steps = dice.number(1, STEPS_MAX);
  for (let step = 0; step < steps && world.invariants.broken.length === 0; step += 1) {
    say(dice.pick(CODE_DEPLOY_EVENTS)(world));
    await world.clock.advance(dice.number(1, STAGED_PAUSE_MAX_MS));
  }
  endFaults(world);
  world.setAlarm("OK");
  say("the faults end");
  if (desiredOf(world) === 0) world.scale(1);
  const rest = await restAfterCodeDeploy(world);
  say(`${rest.length === 0 ? "at rest" : "no rest"}: ${rest.join(", ")}`);
  world.stop();
  return { seed, trace, problems: [...world.invariants.broken, ...world.bugs, ...rest] };
}

/**
 * Waits until every deployment has ended, and deploys once more: this deployment must succeed in any state.
 */
async function restAfterCodeDeploy(world: World): Promise<readonly string[]> {
  const end = async (): Promise<boolean> => {
    for (let minute = 0; minute < CODE_DEPLOY_MINUTES_MAX; minute += 1) {
      world.codeDeploy.answer("Succeeded");
      if (world.codeDeploy.deployments().some((each) => each.status === "Ready"))
        world.codeDeploy.continue("ready");
      await world.clock.advance(60_000);
      if (world.codeDeploy.deployments().every(hasEnded)) return true;
    }
    return false;
  };
  if (!(await end())) return ["a deployment does not end"];
  world.codeDeploy.deploy("last");
  if (!(await end())) return ["the last deployment does not end"];
  const last = world.codeDeploy.deployments().find((each) => each.revision.content === "last");
  if (last?.status !== "Succeeded")
    return [`the last deployment is ${last?.status}: ${last?.error?.message}`];
  const left = world.tasks().filter((task) => task.lastStatus !== "STOPPED");
  const keeps = last.settings.termination.action === "KEEP_ALIVE";
  const green = left.filter((task) => task.deploymentId === last.greenTaskSetId);
  return [
    green.length === desiredOf(world) ? "" : `${green.length} tasks of ${desiredOf(world)}`,
    keeps || green.length === left.length ? "" : "tasks of other fleets are left",
  ].filter((problem) => problem !== "");
}
