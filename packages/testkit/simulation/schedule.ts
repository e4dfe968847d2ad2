import { EngineError } from "@gantry/agent";
import type { RolloutSpec, ServiceDeploymentHook, ServiceRecord } from "@gantry/state";
import { newWorld, type World } from "../world.ts";
import { newDice, type Dice } from "./dice.ts";
import { FAIR } from "./link.ts";
import { INFRASTRUCTURE_ROLE } from "./balancers.ts";
import { ALARM } from "./records.ts";

const DAY_MS = 24 * 60 * 60_000;
export const STEPS_MAX = 14;
const PAUSE_MAX_MS = 4_000;
const REST_LOOK_MS = 1_000;
/** Time limit for convergence: failed work backs off by up to 15 minutes. */
const REST_WAIT_MS = 40 * 60_000;

/**
 * By memory, three such nodes have room for twice as many tasks as a simulation needs, so that they are full
 * now and then.
 */
const TIGHT = {
  capacity: { cpuUnits: 4_096, memoryMiB: 2_048 },
  overcommit: { cpu: 1, memory: 1 },
};

export interface Outcome {
  readonly seed: number;
  readonly trace: readonly string[];
  /** Violated invariants, and deviations from the expected state at the end; empty where there are none. */
  readonly problems: readonly string[];
}

/** The possible events. Each returns a description of what it did. */
export const EVENTS: readonly ((world: World) => string)[] = [
  (world) => {
    const desired = world.dice.number(0, 6);
    world.scale(desired);
    return `scale to ${desired}`;
  },
  (world) => {
    const image = world.dice.pick(["v1", "v2", "v3"]);
    world.deploy(image);
    return `deploy ${image}`;
  },
  (world) => {
    world.kill(pickTask(world));
    return "kill a container";
  },
  (world) => {
    world.killPause(pickTask(world));
    return "kill a pause";
  },
  (world) => crashPoint(world, "controlPlane"),
  (world) => crashPoint(world, "controlPlane"),
  (world) => crashPoint(world, "agent"),
  (world) => crashPoint(world, "agent"),
  (world) => {
    world.killControlPlane();
    pickNode(world).kill();
    return "kill both processes";
  },
  (world) => {
    pickNode(world).cut();
    return "cut the connection";
  },
  (world) => {
    const linkFaults = {
      lost: world.dice.pick([0, 0.1, 0.3]),
      doubled: world.dice.pick([0, 0.2]),
      delayed: world.dice.pick([0, 0.2, 0.5]),
    };
    world.setLinkFaults(linkFaults);
    return `messages ${JSON.stringify(linkFaults)}`;
  },
  (world) => {
    const { engine } = pickNode(world);
    engine.latencyMs = world.dice.pick([0, 50, 1_000, 3_000]);
    return `engine takes ${engine.latencyMs} ms`;
  },
  (world) => {
    const share = world.dice.pick([0, 0.1, 0.4]);
    pickNode(world).engine.fault = (operation, name) => {
      if (world.dice.chance(share))
        throw new EngineError(
          WORDS[operation] ?? "CannotInspectContainerError",
          `the engine does not want to (${name})`,
        );
    };
    return `engine refuses ${share * 100} % of calls`;
  },
  (world) => {
    pickNode(world).powerCut();
    return "the node loses power";
  },
  (world) => {
    const byMs = world.dice.pick([-DAY_MS, DAY_MS]);
    world.clock.jump(byMs);
    return `the clock is set by ${byMs} ms`;
  },
  (world) => {
    const behaviour = world.dice.pick(["fails", "crashes"] as const);
    for (const { engine } of world.nodes) engine.behaviour = (image) => (image === "v3" ? behaviour : "runs");
    return `v3 ${behaviour}`;
  },
];

/** Additional events for a service whose strategy shifts traffic. */
const STAGED_EVENTS: typeof EVENTS = [
  ...EVENTS,
  (world) => (world.stopDeployment() ? "stop the deployment" : "no deployment to stop"),
  (world) => {
    const action = world.dice.pick(["CONTINUE", "CONTINUE", "ROLLBACK"] as const);
    return `${action} ${world.answerHooks(action)} hooks`;
  },
  (world) => {
    const hookStatus = world.dice.pick(["SUCCEEDED", "SUCCEEDED", "IN_PROGRESS", "FAILED", "nothing"]);
    world.hooks.answer = () => ({ hookStatus, callBackDelay: 1 });
    return `functions answer ${hookStatus}`;
  },
  (world) => {
    const hookStatus = world.dice.pick(["SUCCEEDED", "FAILED"]);
    world.hooks.answer = () =>
      new Promise((answer) => void world.clock.after(LATE_ANSWER_MS, () => answer({ hookStatus })));
    return `functions answer ${hookStatus} after their timeout`;
  },
  (world) => {
    const state = world.dice.pick(["OK", "ALARM"] as const);
    world.setAlarm(state);
    return `the alarm is ${state}`;
  },
];
/** Longer than the timeout of the hooks below. */
const LATE_ANSWER_MS = 75_000;
export const STAGED_PAUSE_MAX_MS = 20_000;

const ROLLOUTS: readonly RolloutSpec[] = [
  { strategy: "BLUE_GREEN", bakeTimeMinutes: 0, canary: undefined, linear: undefined },
  { strategy: "BLUE_GREEN", bakeTimeMinutes: 1, canary: undefined, linear: undefined },
  {
    strategy: "CANARY",
    bakeTimeMinutes: 0,
    canary: { percent: 0.1, bakeMinutes: 1 },
    linear: undefined,
  },
  {
    strategy: "LINEAR",
    bakeTimeMinutes: 1,
    canary: undefined,
    linear: { percent: 30, bakeMinutes: 0 },
  },
];

const HOOKS: readonly (readonly ServiceDeploymentHook[])[] = [
  [],
  [
    {
      type: "AWS_LAMBDA",
      targetArn: "arn:aws:lambda:eu-south-1:000000000000:function:check",
      roleArn: INFRASTRUCTURE_ROLE,
      stages: ["PRE_SCALE_UP", "TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"],
      timeoutMinutes: 1,
      timeoutAction: "ROLLBACK",
    },
  ],
  [
    {
      type: "AWS_LAMBDA",
      targetArn: "arn:aws:lambda:eu-south-1:000000000000:function:check",
      roleArn: INFRASTRUCTURE_ROLE,
      stages: ["POST_SCALE_UP", "PRODUCTION_TRAFFIC_SHIFT"],
      timeoutMinutes: 1,
      timeoutAction: "CONTINUE",
    },
  ],
  [
    {
      type: "PAUSE",
      targetArn: undefined,
      stages: ["RECONCILE_SERVICE", "POST_SCALE_UP", "PRE_PRODUCTION_TRAFFIC_SHIFT"],
      timeoutMinutes: 1,
      timeoutAction: "CONTINUE",
    },
    {
      type: "PAUSE",
      targetArn: undefined,
      stages: ["PRE_PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT"],
      timeoutMinutes: 1,
      timeoutAction: "ROLLBACK",
    },
  ],
];

/** Additional events where there are several nodes. */
const EVENTS_OF_NODES: readonly ((world: World) => string)[] = [
  (world) => {
    const node = pickNode(world);
    const awayMs = world.dice.pick([5_000, 15_000, 40_000]);
    node.isolatedUntil = world.clock.now() + awayMs;
    node.cut();
    return `${node.id} is away for ${awayMs} ms`;
  },
  (world) => {
    const node = pickNode(world);
    node.isolatedUntil = world.clock.now() + 20_000;
    node.powerCut();
    return `${node.id} loses power and is away for 20,000 ms`;
  },
];

const WORDS: Readonly<Record<string, EngineError["name"]>> = {
  pull: "CannotPullContainerError",
  create: "CannotCreateContainerError",
  start: "CannotStartContainerError",
  stop: "CannotStopContainerError",
  remove: "CannotRemoveContainerError",
};

function pickTask(world: World) {
  const tasks = world.runningTasks();
  return tasks.length === 0 ? undefined : world.dice.pick(tasks);
}

/**
 * Selects one of the nodes. A single node is selected without a random number, so that the runs of existing
 * seeds stay the same.
 */
function pickNode(world: World): World["nodes"][number] {
  const [only, ...others] = world.nodes;
  return only !== undefined && others.length === 0 ? only : world.dice.pick(world.nodes);
}

function crashPoint(world: World, who: "controlPlane" | "agent"): string {
  const sentence = {
    left: world.dice.number(1, 12),
    fate: world.dice.pick(["dies before", "dies after"] as const),
  };
  if (who === "controlPlane") world.crashPoint(sentence);
  else pickNode(world).crashPoint = sentence;
  return `${who} ${sentence.fate} its write number ${sentence.left}`;
}

/**
 * Runs one simulation, determined by the seed: a service is created, events affect it and its infrastructure,
 * then the faults end and the world must converge to the state that it would have without them.
 */
export async function runSchedule(
  seed: number,
  { staged = false, nodeCount = 1, pairs = 1 }: { staged?: boolean; nodeCount?: 1 | 3; pairs?: 1 | 2 } = {},
): Promise<Outcome> {
  const dice = newDice(seed);
  const world = nodeCount === 1 ? newWorld({ seed }) : newWorld({ seed, nodeCount, ...TIGHT });
  const events = [...(staged ? STAGED_EVENTS : EVENTS), ...(nodeCount === 1 ? [] : EVENTS_OF_NODES)];
  const trace: string[] = [];
  const begin = world.clock.now();
  const say = (what: string): void =>
    void trace.push(`${String(world.clock.now() - begin).padStart(8)} ${what}`);
  const [minimumHealthyPercent, maximumPercent] = dice.pick([
    [100, 200],
    [50, 100],
    [50, 150],
    [0, 100],
  ] as const);
  say(createService(world, { minimumHealthyPercent, maximumPercent, staged, pairs }));
  await world.clock.advance(dice.number(0, 15_000));
  const steps = dice.number(1, STEPS_MAX);
  for (let step = 0; step < steps && world.invariants.broken.length === 0; step += 1) {
    say(dice.pick(events)(world));
    await world.clock.advance(dice.number(1, staged ? STAGED_PAUSE_MAX_MS : PAUSE_MAX_MS));
  }
  endFaults(world);
  if (staged) {
    world.setAlarm("OK");
    world.hooks.answer = () => ({ hookStatus: "SUCCEEDED" });
  }
  say("the faults end");
  // A service with at least one and at most one task cannot replace it, as on AWS.
  if (
    desiredOf(world) > 0 &&
    Math.ceil((desiredOf(world) * minimumHealthyPercent) / 100) >=
      Math.floor((desiredOf(world) * maximumPercent) / 100)
  )
    world.scale(2);
  const rest = await comeToRest(world);
  say(`${rest.length === 0 ? "at rest" : "no rest"}: ${rest.join(", ")}`);
  world.stop();
  return { seed, trace, problems: [...world.invariants.broken, ...world.bugs, ...rest] };
}

/** Creates a random service within the percentages; returns its description. */
function createService(
  world: World,
  options: { minimumHealthyPercent: number; maximumPercent: number; staged: boolean; pairs: 1 | 2 },
): string {
  const { dice } = world;
  const { staged, pairs, ...percentages } = options;
  const balanced = staged || dice.chance(0.5);
  const circuitBreaker = dice.pick([
    { enable: false, rollback: false },
    { enable: true, rollback: true },
  ]);
  const rollout = staged ? dice.pick(ROLLOUTS) : undefined;
  world.createService(
    {
      desiredCount: dice.number(1, 4),
      ...percentages,
      circuitBreaker,
      ...(rollout === undefined ? {} : stagedSpec(dice, rollout)),
    },
    { balanced, pairs },
  );
  const traits = [
    `${percentages.minimumHealthyPercent} to ${percentages.maximumPercent} %`,
    ...(balanced ? ["balanced"] : []),
    ...(circuitBreaker.enable ? ["with a breaker"] : []),
    ...(rollout === undefined ? [] : [rollout.strategy]),
  ];
  return `a service, ${traits.join(", ")}`;
}

function stagedSpec(dice: Dice, rollout: RolloutSpec): Partial<ServiceRecord["spec"]> {
  return {
    rollout,
    lifecycleHooks: dice.pick(HOOKS),
    ...(dice.chance(0.5) ? { deploymentAlarms: { names: [ALARM], rollback: dice.chance(0.7) } } : {}),
  };
}

export function endFaults(world: World): void {
  world.spare();
  world.setLinkFaults(FAIR);
  for (const node of world.nodes) {
    node.isolatedUntil = 0;
    node.engine.latencyMs = 0;
    node.engine.fault = () => {};
    node.engine.behaviour = () => "runs";
  }
}

export function desiredOf(world: World): number {
  return world.service()?.spec.desiredCount ?? 0;
}

/**
 * Advances the time until the world has converged, or the time limit is reached. An open circuit breaker is
 * reset.
 */
async function comeToRest(world: World): Promise<readonly string[]> {
  const deadline = world.clock.now() + REST_WAIT_MS;
  for (let lookMs = REST_LOOK_MS; ; lookMs = Math.min(60_000, lookMs * 1.5)) {
    await world.clock.advance(lookMs);
    if (world.taskSets().some((set) => set.status === "PRIMARY" && set.rollout.state === "FAILED"))
      world.deploy("last");
    const problems = await world.invariants.unrest(world.service());
    if (problems.length === 0 || world.invariants.broken.length > 0 || world.clock.now() > deadline)
      return problems;
  }
}
