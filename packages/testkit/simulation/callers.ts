import type { Ids } from "@gantry/kernel";
import {
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
  type CodeDeployAppSpec,
  type CodeDeployRouting,
  type CodeDeploySettings,
  type MemoryStore,
  type Reader,
  type ServiceRecord,
  type TaskRecord,
} from "@gantry/state";
import {
  codeDeploymentsOf,
  putCodeDeployment,
  putCodeDeployService,
  putCodeDeployTrigger,
} from "./code-deploy-records.ts";
import { putDeployment, putService, serviceArnOf } from "./records.ts";

/** What callers of the API do with the service of the world. */
export function serviceActions({ store, ids, now }: { store: MemoryStore; ids: Ids; now: () => number }) {
  const arn = serviceArnOf("s");
  return {
    createService(
      spec: Partial<ServiceRecord["spec"]> = {},
      {
        image = "good",
        balanced = false,
        pairs = 1,
        name = "s",
      }: { image?: string; balanced?: boolean; pairs?: 1 | 2; name?: string } = {},
    ): void {
      store.transact((tx) =>
        putService(tx, ids, { name, image, pairs: balanced ? pairs : 0, spec, now: now() }),
      );
    },
    deploy(image: string): void {
      store.transact((tx) => {
        const service = tx.get("service", arn);
        if (service === undefined) throw new Error("Create the service first.");
        putDeployment(tx, ids, { service, image, now: now() });
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
  };
}

/** What callers of the API do with the deployment in progress of the service of the world. */
export function deploymentActions({ store, now }: { store: MemoryStore; now: () => number }) {
  const arn = serviceArnOf("s");
  return {
    /**
     * Requests a rollback of the deployment in progress, as StopServiceDeployment does; returns whether there
     * was one.
     */
    stopDeployment(): boolean {
      return store.transact((tx) => {
        const ongoing = ongoingDeploymentOf(tx, arn);
        if (ongoing?.status !== "IN_PROGRESS" || ongoing.lifecycleStage === "CLEAN_UP") return false;
        requestRollback(tx, ongoing, now());
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
          if (ongoing !== undefined) answerHook(tx, ongoing, { hookId: id, action, now: now() });
        }
        return waiting.length;
      });
    },
  };
}

/** The records of the service of the world. */
export function serviceViews(store: MemoryStore) {
  const arn = serviceArnOf("s");
  return {
    deployments: () => store.listBy("serviceDeployment", "service", arn),
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
export function codeDeployOf({ store, ids, now }: { store: MemoryStore; ids: Ids; now: () => number }) {
  const ongoing = (reader: Reader) => codeDeploymentsOf(reader).find((each) => !hasEnded(each));
  return {
    createService: (spec: Partial<ServiceRecord["spec"]>, settings: Partial<CodeDeploySettings> = {}): void =>
      store.transact((tx) => putCodeDeployService(tx, ids, { image: "v1", spec, settings, now: now() })),
    /** Lets a trigger of the group tell a topic of every event. */
    addTrigger: (): void => store.transact(putCodeDeployTrigger),
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
