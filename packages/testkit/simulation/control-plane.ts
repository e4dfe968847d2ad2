import { createHash } from "node:crypto";
import {
  autoScalingGroupController,
  codeDeployController,
  codeDeployHookController,
  codeDeployTriggerController,
  drainingController,
  hookController,
  NodeGateway,
  schedulerController,
  serviceController,
  targetController,
  discoveryController,
  instanceController,
  taskController,
  warmPoolController,
  type FindImage,
  type NodeGatewayDeps,
} from "@gantry/controllers";
import { Controller, newVault, type Clock, type Ids, type Logger, type Reconciler } from "@gantry/kernel";
import type { MemoryStore, Overcommit } from "@gantry/state";
import type { Dice } from "./dice.ts";
import { Life, mortalClock, mortalStore } from "./life.ts";
import { fateOf, survive, type CrashPoint, type SimulatedNode } from "./node.ts";
import { ACCOUNT_OF_WORLD } from "./place.ts";

const VAULT = newVault(Buffer.alloc(32, 3));
const AWAY_MAX_MS = 3_000;

/** What nodes ship besides observations is not kept in the simulated world. */
const DROPS_REPORTS: Pick<
  NodeGatewayDeps,
  "takeLogs" | "takeMetrics" | "takeBalancerLog" | "takeFlows" | "provideImage"
> = {
  takeLogs: () => undefined,
  takeMetrics: () => Promise.resolve(),
  takeBalancerLog: () => Promise.resolve(),
  takeFlows: () => Promise.resolve(),
  provideImage: async () => {},
};

/** Makes what runs operations of the API for a control plane, over its own view of the store. */
export type CallsOf = (
  deps: Pick<NodeGatewayDeps, "store" | "clock" | "ids" | "log">,
) => Parameters<typeof autoScalingGroupController>[0]["callApi"];

interface ControlPlaneDeps {
  readonly store: MemoryStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly dice: Dice;
  readonly nodes: readonly SimulatedNode[];
  readonly overcommit: Overcommit;
  /** Finds an image in the platform's registry. */
  readonly findImage: FindImage;
  /** What roles may do. Logging permissions of execution roles are outside the scope of the simulation. */
  readonly permissions: { deniedBecause: () => string | undefined };
  /** The answer of deployment hook functions. */
  readonly hooks: { answer: (payload: object) => unknown };
  /** Takes the messages of CodeDeploy's triggers. Errors: why a message is refused. */
  readonly topics: { publish: (message: string) => void };
  /** Called with the duration of each reconcile. */
  readonly onReconcile: ((ms: number) => void) | undefined;
  /** Absent: there are no Auto Scaling groups. */
  readonly callsOf: CallsOf | undefined;
}

/** The control plane of the simulation, which can be killed at any write and restarts automatically. */
export class SimulatedControlPlane {
  /** The next crash point, where there is one. */
  crashPoint: CrashPoint | undefined;
  /** The process, while it runs. */
  current: { readonly life: Life; readonly gateway: NodeGateway } | undefined;
  readonly #deps: ControlPlaneDeps;
  #stopped = false;

  constructor(deps: ControlPlaneDeps) {
    this.#deps = deps;
  }

  start(): void {
    const { store, clock, ids, log, dice, nodes, onReconcile } = this.#deps;
    const life = new Life();
    const own = mortalClock(clock, life);
    const deps = { store: mortalStore(store, life, () => fateOf(this)), clock: own, ids, log };
    const gateway = newGateway(deps);
    const controllers = reconcilersOf(deps, this.#deps).map(
      (reconciler) =>
        new Controller(onReconcile === undefined ? reconciler : timed(reconciler, onReconcile), {
          clock: own,
          log,
        }),
    );
    life.atEnd(() => {
      this.current = undefined;
      for (const node of nodes) node.cut();
      clock.after(dice.number(50, AWAY_MAX_MS), () => {
        if (!this.#stopped) this.start();
      });
    });
    survive(() => {
      gateway.start();
      for (const controller of controllers) controller.start();
    });
    this.current = { life, gateway };
  }

  kill(): void {
    this.current?.life.end();
  }

  /** Ends the process for good. */
  stop(): void {
    this.#stopped = true;
    this.kill();
  }
}

/** The node gateway of a control plane. */
function newGateway(deps: Pick<NodeGatewayDeps, "store" | "clock" | "ids" | "log">): NodeGateway {
  return new NodeGateway({
    ...deps,
    assignments: {
      vault: VAULT,
      secretId: (text) => createHash("sha256").update(text).digest("hex").slice(0, 32),
      resolveImage: (image) => ({ image, registryAuth: undefined }),
      databaseImage: "db",
      postgresImage: "pg",
      machineImage: "machine",
    },
    settings: () => ({ tlsHost: "127.0.0.1", tlsPort: 443, caPem: "", account: ACCOUNT_OF_WORLD }),
    ...DROPS_REPORTS,
  });
}

/** The control loops of a control plane. */
function reconcilersOf(
  deps: Pick<NodeGatewayDeps, "store" | "clock" | "ids" | "log">,
  {
    findImage,
    overcommit,
    hooks,
    topics,
    permissions,
    callsOf,
  }: Pick<ControlPlaneDeps, "findImage" | "overcommit" | "hooks" | "topics" | "permissions" | "callsOf">,
): readonly Reconciler[] {
  const callHook = async (_: string, payload: object) => hooks.answer(payload);
  const callApi = async ({ input }: { input: Record<string, unknown> }) => {
    topics.publish(String(input["Message"]));
    return {};
  };
  return [
    schedulerController({
      ...deps,
      publicPool: "198.18.9.0/24",
      findImage,
      permissions,
      vault: VAULT,
      overcommit,
      readObject: async () => Buffer.of(),
    }),
    warmPoolController(deps),
    taskController({ ...deps, vault: VAULT }),
    instanceController({ ...deps, vault: VAULT }),
    serviceController({ ...deps, permissions }),
    hookController({ ...deps, permissions, callHook }),
    codeDeployController({ ...deps, permissions }),
    codeDeployHookController({ ...deps, permissions, callHook }),
    codeDeployTriggerController({ ...deps, callApi }),
    targetController(deps),
    discoveryController(deps),
    drainingController(deps),
    ...(callsOf === undefined
      ? []
      : [
          autoScalingGroupController({
            ...{ ...deps, callApi: callsOf(deps), publish: () => {} },
            metrics: { read: async () => [] },
          }),
        ]),
  ];
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
