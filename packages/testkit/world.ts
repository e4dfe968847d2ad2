import { namingOf } from "@gantry/agent";
import type { FindImage } from "@gantry/controllers";
import { present, seededIds, silentLogger, VirtualClock, type Logger } from "@gantry/kernel";
import {
  DEFAULT_OVERCOMMIT,
  MemoryStore,
  type AlarmState,
  type Overcommit,
  type Resources,
  type TaskRecord,
} from "@gantry/state";
import { codeDeployOf, deploymentActions, serviceActions, serviceViews } from "./simulation/callers.ts";
import { checkCodeDeployInvariants } from "./simulation/code-deploy-invariants.ts";
import { SimulatedControlPlane, type CallsOf } from "./simulation/control-plane.ts";
import { newDice } from "./simulation/dice.ts";
import { checkInvariants } from "./simulation/invariants.ts";
import { FAIR, type LinkFaults } from "./simulation/link.ts";
import { SimulatedNode, type CrashPoint } from "./simulation/node.ts";
import { putAlarm, putGround, putTask } from "./simulation/records.ts";
import { checkTrafficInvariants } from "./simulation/traffic-invariants.ts";

const NODE_IDS = ["n", "n2", "n3"] as const;
/** The size of a node unless the test gives another. */
const CAPACITY: Resources = { cpuUnits: 4_096, memoryMiB: 8_192 };
const LOOK_MS = 100;
interface WorldOptions {
  seed?: number;
  /** Whether the invariants are checked; they read the whole state at every change. */
  checked?: boolean;
  /** Called with the duration of each reconcile. */
  onReconcile?: (ms: number) => void;
  /** Finds an image in the platform's registry; by default every image belongs to another registry. */
  findImage?: FindImage;
  overcommit?: Overcommit;
  nodeCount?: 1 | 2 | 3;
  /** The capacity of each node. */
  capacity?: Resources;
  /** What runs the API's operations for Auto Scaling groups; absent: there are no groups. */
  callsOf?: CallsOf;
}

/**
 * The whole control plane and the real agents of one to three nodes on virtual time, over a memory store and
 * fake engines, connected by links with injectable faults. Each process can be killed at any write and
 * restarts automatically; the store, the engines and the agents' persisted state outlive it. The invariants
 * are checked at every change (`simulation/invariants.ts`).
 */
export function newWorld(options: WorldOptions = {}) {
  const world = startWorld(options);
  const { clock, store, ids, nodes, controlPlane, link } = world;
  const callers = { store, ids, now: () => clock.now() };
  return {
    ...world,
    /** The engine of the first node. */
    engine: present(nodes[0], "A world has a node.").engine,
    /** Sets the link faults for further messages. */
    setLinkFaults: (next: LinkFaults) => void (link.faults = next),
    /** Sets a crash point of the control plane, which restarts within seconds. */
    crashPoint: (crashPoint: CrashPoint) => void (controlPlane.crashPoint = { ...crashPoint }),
    spare(): void {
      for (const each of [controlPlane, ...nodes]) each.crashPoint = undefined;
    },
    /** Starts a task outside the service, as RunTask does. */
    runTask(image: string): TaskRecord {
      return store.transact((tx) => putTask(tx, ids, { image, now: clock.now() }));
    },
    cutConnection: () => nodes.forEach((node) => node.cut()),
    killControlPlane: () => controlPlane.kill(),
    killAgent: () => nodes.forEach((node) => node.kill()),
    stop(): void {
      controlPlane.stop();
      for (const node of nodes) node.stop();
    },
    /** CodeDeploy deployments, and the actions of API callers on the newest. */
    codeDeploy: codeDeployOf(callers),
    ...serviceActions(callers),
    ...deploymentActions(callers),
    ...serviceViews(store),
    /** Sets the state of an alarm. */
    setAlarm: (stateValue: AlarmState) =>
      store.transact((tx) => putAlarm(tx, { stateValue, now: clock.now() })),
    /** Ends a task's container externally, as `docker kill` would. */
    kill(task: TaskRecord | undefined): void {
      for (const { engine } of nodes)
        engine.kill(namingOf("w").container(`pod/${task?.arn.split("/").at(-1)}`, "web"));
    },
    killPause(task: TaskRecord | undefined): void {
      for (const { engine } of nodes)
        engine.kill(namingOf("w").pause(task?.placement?.networkInterfaceId ?? ""));
    },
  };
}

/** Starts the processes of a world, and the checks of its invariants. */
function startWorld(options: WorldOptions) {
  const { seed = 1, checked = true } = options;
  const { overcommit = DEFAULT_OVERCOMMIT, nodeCount = 1, capacity = CAPACITY } = options;
  const clock = new VirtualClock(undefined, 1);
  const store = new MemoryStore();
  const dice = newDice(seed);
  const ids = seededIds(seed);
  const bugs: string[] = [];
  const log: Logger = {
    ...silentLogger,
    error: (sentence, fields) => void bugs.push(`${sentence}: ${JSON.stringify(fields)}`),
    with: () => log,
  };
  const permissions = { deniedBecause: (): string | undefined => undefined };
  /** The answer of deployment hook functions. */
  const hooks = { answer: (_payload: object): unknown => ({ hookStatus: "SUCCEEDED" }) };
  /** The messages of CodeDeploy's triggers. A test may refuse one. */
  const topics = {
    messages: [] as string[],
    publish: (message: string) => void topics.messages.push(message),
  };
  const link = { faults: FAIR };
  store.transact(putGround);
  const nodes = NODE_IDS.slice(0, nodeCount).map(
    (id) =>
      new SimulatedNode({ id, capacity, clock, dice, log, linkFaults: () => link.faults, servingSince }),
  );
  const invariants = checkInvariants({
    store: checked ? store : new MemoryStore(),
    nodes,
    clock,
    overcommit,
  });
  if (checked) checkTrafficInvariants({ store, clock, broken: invariants.broken });
  if (checked) checkCodeDeployInvariants({ store, clock, broken: invariants.broken });
  if (!checked) for (const { engine } of nodes) engine.onStart = () => {};

  function servingSince(address: string): number | undefined {
    return nodes.flatMap(({ engine }) => engine.servingSince(address) ?? [])[0];
  }

  const controlPlane = new SimulatedControlPlane({
    ...{ store, clock, ids, log, dice, nodes, overcommit, hooks, topics, permissions },
    findImage: options.findImage ?? (() => ({ type: "foreign" })),
    ...{ onReconcile: options.onReconcile, callsOf: options.callsOf },
  });

  /** Connects agents whenever both ends run. */
  function connect(): void {
    clock.after(LOOK_MS, connect);
    for (const node of nodes) node.connect(controlPlane.current);
  }

  controlPlane.start();
  for (const node of nodes) node.start();
  connect();
  return { clock, store, ids, dice, bugs, hooks, topics, permissions, link, nodes, invariants, controlPlane };
}

export type World = ReturnType<typeof newWorld>;
