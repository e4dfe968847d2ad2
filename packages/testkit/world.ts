import { createHash } from "node:crypto";
import { namingOf } from "@gantry/agent";
import {
  codeDeployController,
  codeDeployHookController,
  NodeGateway,
  type NodeGatewayDeps,
  schedulerController,
  hookController,
  serviceController,
  drainingController,
  targetController,
  taskController,
  warmPoolController,
  type FindImage,
} from "@gantry/controllers";
import {
  Controller,
  newVault,
  present,
  seededIds,
  silentLogger,
  VirtualClock,
  type Ids,
  type Logger,
  type Reconciler,
} from "@gantry/kernel";
import {
  DEFAULT_OVERCOMMIT,
  MemoryStore,
  answerCodeDeployHook,
  answerHook,
  continueCodeDeployment,
  hasEnded,
  ongoingDeploymentOf,
  requestCodeDeployStop,
  requestRollback,
  serviceEventsOf,
  setDesiredCount,
  taskSetsOf,
  type AlarmState,
  type CodeDeployAppSpec,
  type CodeDeployRouting,
  type CodeDeploySettings,
  type Overcommit,
  type Reader,
  type Resources,
  type ServiceRecord,
  type TaskRecord,
} from "@gantry/state";
import { keepCodeDeployLaws } from "./simulation/code-deploy-laws.ts";
import {
  codeDeploymentsOf,
  putCodeDeployment,
  putCodeDeployService,
} from "./simulation/code-deploy-records.ts";
import { newDice } from "./simulation/dice.ts";
import { keepLaws } from "./simulation/laws.ts";
import { Life, mortalClock, mortalStore } from "./simulation/life.ts";
import { FAIR, type Weather } from "./simulation/link.ts";
import { fateOf, SimulatedNode, survive, type Doom } from "./simulation/node.ts";
import { keepTrafficLaws } from "./simulation/traffic-laws.ts";
import {
  ACCOUNT_OF_WORLD,
  putAlarm,
  putDeployment,
  putGround,
  putService,
  putTask,
  serviceArnOf,
} from "./simulation/records.ts";

const NODE_IDS = ["n", "n2", "n3"] as const;
/** The size of a node unless the test gives another. */
const CAPACITY: Resources = { cpuUnits: 4_096, memoryMiB: 8_192 };
const VAULT = newVault(Buffer.alloc(32, 3));
/** Logging permissions of execution roles are outside the scope of the simulation. */
const ALLOW_ALL = { deniedBecause: () => undefined };
const LOOK_MS = 100;
const AWAY_MAX_MS = 3_000;

/** What nodes ship besides observations is not kept in the simulated world. */
const DROPS_REPORTS: Pick<NodeGatewayDeps, "takeLogs" | "takeMetrics" | "takeBalancerLog" | "provideImage"> =
  {
    takeLogs: () => undefined,
    takeMetrics: () => Promise.resolve(),
    takeBalancerLog: () => Promise.resolve(),
    provideImage: async () => {},
  };

/**
 * The whole control plane and the real agents of one to three nodes on virtual time, over a memory store and
 * fake engines, connected by links with injectable faults. Each process can be killed at any write and
 * restarts automatically; the store, the engines and the agents' persisted state outlive it. The invariants
 * are checked at every change (`simulation/laws.ts`).
 */
export function newWorld(
  options: {
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
  } = {},
) {
  const { seed = 1, checked = true, onReconcile, findImage = () => ({ type: "foreign" }) } = options;
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
  /** The next crash point of the control plane, where it has one. */
  const dooms = { doom: undefined as Doom | undefined };
  /** The answer of deployment hook functions. */
  const hooks = { answer: (_payload: object): unknown => ({ hookStatus: "SUCCEEDED" }) };
  let weather = FAIR;
  let controlPlane: ReturnType<typeof startControlPlane> | undefined;
  let stopped = false;
  store.transact(putGround);
  const nodes = NODE_IDS.slice(0, nodeCount).map(
    (id) => new SimulatedNode({ id, capacity, clock, dice, log, weather: () => weather, servingSince }),
  );
  const laws = keepLaws({ store: checked ? store : new MemoryStore(), nodes, clock, overcommit });
  if (checked) keepTrafficLaws({ store, clock, broken: laws.broken });
  if (checked) keepCodeDeployLaws({ store, clock, broken: laws.broken });
  if (!checked) for (const { engine } of nodes) engine.onStart = () => {};

  function servingSince(address: string): number | undefined {
    return nodes.flatMap(({ engine }) => engine.servingSince(address) ?? [])[0];
  }

  function startControlPlane() {
    const life = new Life();
    const own = mortalClock(clock, life);
    const deps = { store: mortalStore(store, life, () => fateOf(dooms)), clock: own, ids, log };
    const gateway = new NodeGateway({
      ...deps,
      assignments: {
        vault: VAULT,
        secretId: (text) => createHash("sha256").update(text).digest("hex").slice(0, 32),
        resolveImage: (image) => ({ image, registryAuth: undefined }),
        databaseImage: "db",
      },
      settings: { tlsHost: "127.0.0.1", tlsPort: 443, caPem: "", account: ACCOUNT_OF_WORLD },
      ...DROPS_REPORTS,
    });
    const controllers = [
      schedulerController({
        ...deps,
        publicPool: "198.18.9.0/24",
        findImage,
        permissions: ALLOW_ALL,
        vault: VAULT,
        overcommit,
      }),
      warmPoolController(deps),
      taskController({ ...deps, vault: VAULT }),
      serviceController({ ...deps, permissions: ALLOW_ALL }),
      hookController({
        ...deps,
        permissions: ALLOW_ALL,
        callHook: async (_, payload) => hooks.answer(payload),
      }),
      codeDeployController({ ...deps, permissions: ALLOW_ALL }),
      codeDeployHookController({
        ...deps,
        permissions: ALLOW_ALL,
        callHook: async (_, payload) => hooks.answer(payload),
      }),
      targetController(deps),
      drainingController(deps),
    ].map(
      (reconciler) =>
        new Controller(onReconcile === undefined ? reconciler : timed(reconciler, onReconcile), {
          clock: own,
          log,
        }),
    );
    life.atEnd(() => {
      controlPlane = undefined;
      for (const node of nodes) node.cut();
      comeBack(() => (controlPlane = startControlPlane()));
    });
    survive(() => {
      gateway.start();
      for (const controller of controllers) controller.start();
    });
    return { life, gateway };
  }

  function comeBack(start: () => void): void {
    clock.after(dice.number(50, AWAY_MAX_MS), () => {
      if (!stopped) start();
    });
  }

  /** Connects agents whenever both ends run. */
  function connect(): void {
    clock.after(LOOK_MS, connect);
    for (const node of nodes) node.connect(controlPlane);
  }

  controlPlane = startControlPlane();
  for (const node of nodes) node.start();
  connect();
  const arn = serviceArnOf("s");
  return {
    clock,
    store,
    nodes,
    /** The engine of the first node. */
    engine: present(nodes[0], "A world has a node.").engine,
    dice,
    bugs,
    laws,
    /** Sets the link faults for further messages. */
    setWeather: (next: Weather) => void (weather = next),
    /** Sets a crash point of the control plane, which restarts within seconds. */
    doom: (doom: Doom) => void (dooms.doom = { ...doom }),
    spare(): void {
      for (const each of [dooms, ...nodes]) each.doom = undefined;
    },
    /** Starts a task outside the service, as RunTask does. */
    runTask(image: string): TaskRecord {
      return store.transact((tx) => putTask(tx, ids, { image, now: clock.now() }));
    },
    cutConnection: () => nodes.forEach((node) => node.cut()),
    killControlPlane: () => controlPlane?.life.end(),
    killAgent: () => nodes.forEach((node) => node.kill()),
    stop(): void {
      stopped = true;
      controlPlane?.life.end();
      for (const node of nodes) node.stop();
    },
    createService(
      spec: Partial<ServiceRecord["spec"]> = {},
      {
        image = "good",
        balanced = false,
        name = "s",
      }: { image?: string; balanced?: boolean; name?: string } = {},
    ): void {
      store.transact((tx) => putService(tx, ids, { name, image, balanced, spec, now: clock.now() }));
    },
    /** CodeDeploy deployments, and the actions of API callers on the newest. */
    codeDeploy: codeDeployOf({ store, ids, now: () => clock.now() }),
    deploy(image: string): void {
      store.transact((tx) => {
        const service = tx.get("service", arn);
        if (service === undefined) throw new Error("Create the service first.");
        putDeployment(tx, ids, { service, image, now: clock.now() });
      });
    },
    /** Changes the size of the tasks of an image's definition. */
    resize(image: string, size: { cpu: number; memoryMiB: number }): void {
      store.transact((tx) => {
        for (const definition of tx.listBy("taskDefinition", "family", image))
          tx.put("taskDefinition", definition.arn, {
            ...definition,
            spec: { ...definition.spec, ...size },
          });
      });
    },
    scale(desiredCount: number): void {
      store.transact((tx) => {
        if (tx.get("service", arn) !== undefined) setDesiredCount(tx, arn, desiredCount);
      });
    },
    /**
     * Requests a rollback of the deployment in progress, as StopServiceDeployment does; returns whether there
     * was one.
     */
    stopDeployment(): boolean {
      return store.transact((tx) => {
        const ongoing = ongoingDeploymentOf(tx, arn);
        if (ongoing?.status !== "IN_PROGRESS" || ongoing.lifecycleStage === "CLEAN_UP") return false;
        requestRollback(tx, ongoing, clock.now());
        return true;
      });
    },
    /** Answers every hook that awaits an action; returns the number of hooks. */
    answerHooks(action: "CONTINUE" | "ROLLBACK"): number {
      return store.transact((tx) => {
        const waiting = (ongoingDeploymentOf(tx, arn)?.hookRuns ?? []).filter(
          (run) => run.status === "AWAITING_ACTION",
        );
        for (const { id } of waiting) {
          const ongoing = ongoingDeploymentOf(tx, arn);
          if (ongoing !== undefined) answerHook(tx, ongoing, { hookId: id, action, now: clock.now() });
        }
        return waiting.length;
      });
    },
    hooks,
    /** Sets the state of an alarm. */
    setAlarm: (stateValue: AlarmState) =>
      store.transact((tx) => putAlarm(tx, { stateValue, now: clock.now() })),
    deployments: () => store.listBy("serviceDeployment", "service", arn),
    /** Ends a task's container externally, as `docker kill` would. */
    kill(task: TaskRecord | undefined): void {
      for (const { engine } of nodes)
        engine.kill(namingOf("w").container(`pod/${task?.arn.split("/").at(-1)}`, "web"));
    },
    killPause(task: TaskRecord | undefined): void {
      for (const { engine } of nodes)
        engine.kill(namingOf("w").pause(task?.placement?.networkInterfaceId ?? ""));
    },
    service: () => store.get("service", arn),
    taskSets: () => taskSetsOf(store, arn),
    events: () => serviceEventsOf(store, arn).map((event) => event.message),
    runningTasks: (): readonly TaskRecord[] =>
      store
        .listBy("task", "service", arn)
        .filter((task) => task.lastStatus === "RUNNING" && task.desiredStatus === "RUNNING"),
    tasks: (): readonly TaskRecord[] => store.listBy("task", "service", arn),
  };
}

/** The records that the CodeDeploy API writes in a world. */
function codeDeployOf({ store, ids, now }: { store: MemoryStore; ids: Ids; now: () => number }) {
  const ongoing = (reader: Reader) => codeDeploymentsOf(reader).find((each) => !hasEnded(each));
  return {
    createService: (spec: Partial<ServiceRecord["spec"]>, settings: Partial<CodeDeploySettings> = {}): void =>
      store.transact((tx) => putCodeDeployService(tx, ids, { image: "v1", spec, settings, now: now() })),
    /** Starts a deployment and returns whether it began: only one can be in progress at a time. */
    deploy: (
      image: string,
      {
        routing = { type: "AllAtOnce" },
        hooks = {},
      }: { routing?: CodeDeployRouting; hooks?: CodeDeployAppSpec["hooks"] } = {},
    ): boolean =>
      store.transact((tx) => putCodeDeployment(tx, ids, { image, routing, hooks, now: now() }) !== undefined),
    stop: (rollback: boolean): boolean =>
      store.transact((tx) => {
        const found = ongoing(tx);
        if (found === undefined || found.isReturn) return false;
        requestCodeDeployStop(tx, found, { rollback, now: now() });
        return true;
      }),
    continue: (wait: "ready" | "termination"): void =>
      store.transact((tx) => {
        const found = ongoing(tx);
        if (found !== undefined) continueCodeDeployment(tx, found, { wait, now: now() });
      }),
    /** Answers the waiting hook, as PutLifecycleEventHookExecutionStatus does. */
    answer: (answer: "Succeeded" | "Failed"): boolean =>
      store.transact((tx) => {
        const found = ongoing(tx);
        const executionId = found?.events.find((event) => event.status === "InProgress")?.hook?.executionId;
        if (found === undefined || executionId === undefined) return false;
        return answerCodeDeployHook(tx, found, { executionId, answer, now: now() });
      }),
    /** The newest first. */
    deployments: () => codeDeploymentsOf(store),
  };
}

function timed(reconciler: Reconciler, onReconcile: (ms: number) => void): Reconciler {
  return {
    ...reconciler,
    async reconcile(key) {
      const began = performance.now();
      const answer = await reconciler.reconcile(key);
      onReconcile(performance.now() - began);
      return answer;
    },
  };
}

export type World = ReturnType<typeof newWorld>;
