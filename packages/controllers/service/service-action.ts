import type { RealTime } from "@gantry/kernel";
import type {
  DeploymentTraffic,
  HookStage,
  LifecycleStage,
  ServiceDeploymentRecord,
  ServiceRecord,
  TargetGroupWeight,
  TargetState,
  TaskRecord,
  TaskSetRecord,
  TrafficRoute,
} from "@gantry/state";

/** A task with the further state that decisions depend on. */
export interface ServiceTask {
  readonly task: TaskRecord;
  /** Its states in the service's target groups; empty where it has none. */
  readonly targets: readonly TargetState[];
  readonly hasHealthCheck: boolean;
  /** The availability zone it is placed in; undefined until it is placed. */
  readonly zone: string | undefined;
}

/** A load balancer of a deployment with traffic stages: its rules, and the target groups of the two fleets. */
export interface StagedBalancer {
  readonly groups: { readonly source: string; readonly target: string };
  readonly production: TrafficRoute | undefined;
  /** Undefined where the service has no test rule. */
  readonly test: TrafficRoute | undefined;
  /** Why the rules cannot be written: one is gone, or the role may not. */
  readonly problem: string | undefined;
}

/** The input of a strategy. */
export interface ServiceView {
  readonly service: ServiceRecord;
  /** The primary first. */
  readonly taskSets: readonly TaskSetRecord[];
  /** The deployment that has not ended; undefined where the service is at rest. */
  readonly deployment: ServiceDeploymentRecord | undefined;
  /** Every task of the service that is kept, stopped ones too. */
  readonly tasks: readonly ServiceTask[];
  /** The load balancers of a deployment with traffic stages; empty where none is under way. */
  readonly balancers: readonly StagedBalancer[];
  /** Those of the deployment's alarms that are in ALARM. */
  readonly alarms: readonly string[];
  readonly now: number;
  /** For what containers do, which is never faster than real; absent where `now` is real. */
  readonly real?: Pick<RealTime, "elapsedSince" | "wait">;
}

/** The actions of a strategy, which the service controller carries out. */
export type ServiceAction =
  | { readonly type: "startTask"; readonly taskSetId: string }
  | {
      readonly type: "stopTask";
      readonly taskArn: string;
      readonly reason: string;
      readonly unhealthy: boolean;
    }
  | {
      readonly type: "shiftTraffic";
      readonly route: TrafficRoute;
      readonly targets: readonly TargetGroupWeight[];
    }
  | { readonly type: "moveStage"; readonly stage: LifecycleStage }
  | { readonly type: "recordTraffic"; readonly traffic: Partial<DeploymentTraffic> }
  | { readonly type: "removeTaskSet"; readonly taskSetId: string }
  | {
      readonly type: "beginHook";
      readonly hook: number;
      readonly stage: HookStage;
      readonly production: number;
    }
  | { readonly type: "expireHook"; readonly id: string }
  | { readonly type: "recordAlarms"; readonly names: readonly string[] }
  | { readonly type: "beginBakeTime" }
  | { readonly type: "recordFailures"; readonly taskSetId: string; readonly failedTasks: number }
  | { readonly type: "recordHealthy"; readonly taskSetId: string }
  | { readonly type: "recordBlocked" }
  | { readonly type: "recordStabilizing"; readonly taskSetId: string }
  | { readonly type: "recordSteadyState"; readonly taskSetId: string }
  | { readonly type: "completeDeployment"; readonly taskSetId: string }
  | {
      readonly type: "failDeployment";
      readonly taskSetId: string;
      readonly reason: string;
      /** The task set whose revision is brought back; undefined: the failed one stays. */
      readonly rollBackTo: string | undefined;
    }
  | { readonly type: "finishDraining" };

export interface ServicePlan {
  readonly actions: readonly ServiceAction[];
  /** The time (ms) after which the plan changes although no record does; undefined where it does not. */
  readonly lookAgainInMs: number | undefined;
}
