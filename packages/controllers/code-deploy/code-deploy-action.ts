import type { RealTime } from "@gantry/kernel";
import type {
  CodeDeployEnd,
  CodeDeployEventName,
  CodeDeploymentRecord,
  TargetGroupWeight,
  TaskSetRecord,
  TrafficRoute,
} from "@gantry/state";

/** The input of the decision on a deployment's next step. */
export interface CodeDeployView {
  readonly deployment: CodeDeploymentRecord;
  /** Whether the service is there and ACTIVE. */
  readonly isActive: boolean;
  /** The service's fleets; none where it is gone. */
  readonly taskSets: readonly TaskSetRecord[];
  /** Ids of fleets that run their whole share, all of it healthy. */
  readonly steady: ReadonlySet<string>;
  /** The target groups as the deployment group names them, by ARN; one that is gone is left out. */
  readonly pair: readonly string[];
  /** Where the production and test listeners split traffic between the two target groups. */
  readonly routes: { readonly production: readonly TrafficRoute[]; readonly test: readonly TrafficRoute[] };
  /** Why CodeDeploy cannot continue: a resource is missing, or its role lacks a permission. */
  readonly problem: { readonly code: string; readonly message: string } | undefined;
  /** Those of the deployment's alarms that are in ALARM. */
  readonly alarms: readonly string[];
  readonly now: number;
  /** For what containers and functions do, which is never faster than real. */
  readonly real: Pick<RealTime, "elapsedSince" | "wait">;
}

/** The actions of a deployment; the code-deploy controller carries each out in one transaction. */
export type CodeDeployAction =
  | {
      readonly type: "begin";
      readonly blueTaskSetId: string;
      readonly blueGroupArn: string;
      readonly greenGroupArn: string;
    }
  | { readonly type: "beginEvent"; readonly event: CodeDeployEventName }
  | { readonly type: "endEvent"; readonly event: CodeDeployEventName }
  | {
      readonly type: "shiftTraffic";
      readonly route: TrafficRoute;
      readonly targets: readonly TargetGroupWeight[];
    }
  | {
      readonly type: "recordTraffic";
      readonly traffic: Partial<CodeDeploymentRecord["traffic"]>;
    }
  | { readonly type: "createTaskSet" }
  | { readonly type: "makePrimary"; readonly taskSetId: string }
  | { readonly type: "drainTaskSet"; readonly taskSetId: string }
  | { readonly type: "beginReadyWait" }
  | { readonly type: "beginTerminationWait" }
  | { readonly type: "succeed" }
  | ({ readonly type: "end" } & CodeDeployEnd);

export interface CodeDeployPlan {
  readonly actions: readonly CodeDeployAction[];
  /** The time (ms) after which the plan changes although no record does; undefined where it does not. */
  readonly lookAgainInMs: number | undefined;
}
