import { createHash } from "node:crypto";
import { Agent, AgentSession, FakeEngine, namingOf, PAUSE_IMAGE } from "@gantry/agent";
import type { Envelope, ToAgent, ToControlPlane } from "@gantry/agent-protocol";
import {
  NodeGateway,
  schedulerController,
  hookController,
  serviceController,
  drainingController,
  targetController,
  taskController,
  warmPoolController,
  type FindImage,
  type NodeConnection,
} from "@gantry/controllers";
import {
  Controller,
  newVault,
  seededIds,
  silentLogger,
  VirtualClock,
  type Logger,
  type Reconciler,
} from "@gantry/kernel";
import {
  DEFAULT_OVERCOMMIT,
  MemoryStore,
  answerHook,
  ongoingDeploymentOf,
  requestRollback,
  serviceEventsOf,
  setDesiredCount,
  taskSetsOf,
  type AlarmState,
  type Overcommit,
  type ServiceRecord,
  type TaskRecord,
} from "@gantry/state";
import { newDice } from "./simulation/dice.ts";
import { fakeHost, fakePrograms } from "./simulation/fake-host.ts";
import { keepLaws } from "./simulation/laws.ts";
import { keepTrafficLaws } from "./simulation/traffic-laws.ts";
import { Killed, Life, mortalClock, mortalEngine, mortalStore, type Fate } from "./simulation/life.ts";
import { FAIR, Link, type Weather } from "./simulation/link.ts";
import {
  ACCOUNT_OF_WORLD,
  putAlarm,
  putDeployment,
  putGround,
  putService,
  putTask,
  serviceArnOf,
} from "./simulation/records.ts";

const NODE = "n";
const VAULT = newVault(Buffer.alloc(32, 3));
/** Whether execution roles may log is not what the world is about. */
const ALLOW_ALL = { deniedBecause: () => undefined };
const LOOK_MS = 100;
const AWAY_MAX_MS = 3_000;

/** After how many more writes, or engine calls, an incarnation dies, and on which side of the last. */
interface Doom {
  left: number;
  readonly fate: Fate;
}

/**
 * The whole control plane and a node's real agent on virtual time, over a memory store and a fake engine, joined by a
 * link that can be made bad. Either process can be killed at any write and comes back by itself; the store, the engine
 * and what the agent wrote down outlive it. The laws are checked at every change (`simulation/laws.ts`).
 */
export function newWorld(
  options: {
    seed?: number;
    /** Whether the laws are kept; they look at everything at every change. */
    checked?: boolean;
    /** Told how long each reconcile took. */
    onReconcile?: (ms: number) => void;
    /** What the platform's registry says of an image; every image is another registry's unless given. */
    findImage?: FindImage;
    overcommit?: Overcommit;
  } = {},
) {
  const { seed = 1, checked = true, onReconcile, findImage = () => ({ type: "foreign" }) } = options;
  const { overcommit = DEFAULT_OVERCOMMIT } = options;
  const clock = new VirtualClock(undefined, 1);
  const store = new MemoryStore();
  const engine = new FakeEngine(clock, [PAUSE_IMAGE]);
  const dice = newDice(seed);
  const ids = seededIds(seed);
  const remembered = { text: undefined as string | undefined };
  const bugs: string[] = [];
  const log: Logger = {
    ...silentLogger,
    error: (sentence, fields) => void bugs.push(`${sentence}: ${JSON.stringify(fields)}`),
    with: () => log,
  };
  const dooms: { controlPlane: Doom | undefined; agent: Doom | undefined } = {
    controlPlane: undefined,
    agent: undefined,
  };
  /** What functions of deployment hooks answer. */
  const hooks = { answer: (_payload: object): unknown => ({ hookStatus: "SUCCEEDED" }) };
  let weather = FAIR;
  let incarnations = 0;
  let controlPlane: ReturnType<typeof startControlPlane> | undefined;
  let agent: { readonly life: Life; readonly agent: Agent } | undefined;
  let connection: { readonly end: () => void } | undefined;
  let stopped = false;
  store.transact(putGround);
  const laws = keepLaws({ store: checked ? store : new MemoryStore(), engine, clock });
  if (checked) keepTrafficLaws({ store, clock, broken: laws.broken });
  if (!checked) engine.onStart = () => {};

  const fateOf = (of: "controlPlane" | "agent") => (): Fate => {
    const doom = dooms[of];
    if (doom === undefined || (doom.left -= 1) > 0) return "lives";
    dooms[of] = undefined;
    return doom.fate;
  };

  function startControlPlane() {
    const life = new Life();
    const own = mortalClock(clock, life);
    const deps = { store: mortalStore(store, life, fateOf("controlPlane")), clock: own, ids, log };
    const gateway = new NodeGateway({
      ...deps,
      assignments: {
        vault: VAULT,
        secretId: (text) => createHash("sha256").update(text).digest("hex").slice(0, 32),
        resolveImage: (image) => ({ image, registryAuth: undefined }),
        databaseImage: "db",
      },
      settings: { tlsHost: "127.0.0.1", tlsPort: 443, caPem: "", account: ACCOUNT_OF_WORLD },
      takeLogs: () => undefined,
      takeMetrics: () => Promise.resolve(),
      provideImage: async () => {},
    });
    const controllers = [
      schedulerController({
        ...deps,
        publicPool: "198.18.9.0/24",
        findImage,
        permissions: ALLOW_ALL,
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
      connection?.end();
      comeBack(() => (controlPlane = startControlPlane()));
    });
    gateway.start();
    for (const controller of controllers) controller.start();
    return { life, gateway };
  }

  function startAgent() {
    const life = new Life();
    incarnations += 1;
    const own = mortalClock(clock, life);
    const mortal = mortalEngine(engine, life, fateOf("agent"));
    const host = fakeHost({ engine, clock, remembered });
    const written = {
      ...host,
      memory: {
        ...host.memory,
        write: (text: string) => (life.isAlive ? host.memory.write(text) : undefined),
      },
    };
    const one = new Agent({
      engine: mortal,
      programs: fakePrograms,
      naming: namingOf("w"),
      clock: own,
      log,
      host: written,
    });
    life.atEnd(() => {
      agent = undefined;
      connection?.end();
      comeBack(() => (agent = startAgent()));
    });
    void one.start(); // The fake host prepares at once.
    return { life, agent: one };
  }

  function comeBack(start: () => void): void {
    clock.after(dice.number(50, AWAY_MAX_MS), () => {
      if (!stopped) start();
    });
  }

  /** The agent connects whenever both are there; what was under way when a connection ends is lost. */
  function connect(): void {
    clock.after(LOOK_MS, connect);
    // One that died while it started is there as a corpse until the next.
    if (connection !== undefined || controlPlane?.life.isAlive !== true || agent?.life.isAlive !== true)
      return;
    const { gateway, life } = controlPlane;
    const own = agent;
    const link = { clock, dice, weather: () => weather };
    const toAgent = new Link<Envelope<ToAgent>>({
      ...link,
      deliver: (envelope) => session.receive(envelope),
    });
    const peer: NodeConnection = { send: (envelope) => toAgent.send(envelope) };
    const toControlPlane = new Link<Envelope<ToControlPlane>>({
      ...link,
      deliver(envelope) {
        try {
          gateway.receive(peer, envelope);
        } catch (thrown) {
          if (!(thrown instanceof Killed)) throw thrown;
        }
      },
    });
    gateway.connect(peer);
    connection = {
      end() {
        connection = undefined;
        toAgent.cut();
        toControlPlane.cut();
        if (life.isAlive) gateway.disconnect(peer);
        if (own.life.isAlive) session.close();
      },
    };
    const session = new AgentSession({
      agent: own.agent,
      clock: mortalClock(clock, own.life),
      hello: { type: "hello", nodeId: NODE, hostname: NODE, cpu: 4_096, memoryMiB: 8_192, pid: incarnations },
      send: (envelope) => toControlPlane.send(envelope),
    });
  }

  controlPlane = startControlPlane();
  agent = startAgent();
  connect();
  const arn = serviceArnOf("s");
  return {
    clock,
    store,
    engine,
    dice,
    bugs,
    laws,
    /** What befalls messages from now on. */
    setWeather: (next: Weather) => void (weather = next),
    /** The control plane dies at a write to come, or the agent at a call of its engine; it comes back within seconds. */
    doom: (who: "controlPlane" | "agent", doom: Doom) => void (dooms[who] = { ...doom }),
    spare: () => void Object.assign(dooms, { controlPlane: undefined, agent: undefined }),
    /** Starts a task outside of the service, as RunTask does. */
    runTask(image: string): TaskRecord {
      return store.transact((tx) => putTask(tx, ids, { image, now: clock.now() }));
    },
    cutConnection: () => connection?.end(),
    killControlPlane: () => controlPlane?.life.end(),
    killAgent: () => agent?.life.end(),
    /** The node loses power: whatever runs on it ends, its agent too. */
    powerCut(): void {
      engine.powerCut();
      agent?.life.end();
    },
    stop(): void {
      stopped = true;
      controlPlane?.life.end();
      agent?.life.end();
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
    deploy(image: string): void {
      store.transact((tx) => {
        const service = tx.get("service", arn);
        if (service === undefined) throw new Error("Create the service first.");
        putDeployment(tx, ids, { service, image, now: clock.now() });
      });
    },
    /** Gives the tasks of an image's definition another size. */
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
    /** Asks for the deployment under way to be turned back, as StopServiceDeployment does; says whether there was one. */
    stopDeployment(): boolean {
      return store.transact((tx) => {
        const ongoing = ongoingDeploymentOf(tx, arn);
        if (ongoing?.status !== "IN_PROGRESS" || ongoing.lifecycleStage === "CLEAN_UP") return false;
        requestRollback(tx, ongoing, clock.now());
        return true;
      });
    },
    /** Decides every hook that awaits an action; says how many there were. */
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
    /** Puts an alarm into a state. */
    setAlarm: (stateValue: AlarmState) =>
      store.transact((tx) => putAlarm(tx, { stateValue, now: clock.now() })),
    deployments: () => store.listBy("serviceDeployment", "service", arn),
    /** Ends a task's container from outside, as `docker kill` would. */
    kill(task: TaskRecord | undefined): void {
      engine.kill(namingOf("w").container(`pod/${task?.arn.split("/").at(-1)}`, "web"));
    },
    killPause(task: TaskRecord | undefined): void {
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
