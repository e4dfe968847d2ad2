import type { CodeDeployEventName, CodeDeployStatus } from "./codedeploy.ts";
import type { HookRunRecord, LifecycleStage, ServiceDeploymentStatus } from "./ecs-services.ts";
import type { Placed } from "./common.ts";

/** The fleet that a deployment creates, and the one that served before it. */
export type FleetRole = "source" | "target";

/** A wait of a deployment of CodeDeploy: for ContinueDeployment, or until the old fleet is terminated. */
export type CodeDeployWait = "WaitForContinue" | "WaitForTermination";

/** How many of a fleet's tasks run, and how many of them are healthy. */
export interface FleetHealth {
  readonly running: number;
  readonly healthy: number;
}

/** Something that happened in a deployment, at a time of the platform's clock. */
export type DeploymentEvent = { readonly at: number } & (
  | {
      readonly type: "status";
      readonly status: ServiceDeploymentStatus | CodeDeployStatus;
      readonly reason: string | undefined;
    }
  | { readonly type: "stage"; readonly stage: LifecycleStage | CodeDeployEventName | CodeDeployWait }
  /** The target fleet's shares of the traffic, in percent. */
  | { readonly type: "traffic"; readonly production: number; readonly test: number }
  | {
      readonly type: "hook";
      readonly id: string;
      readonly stage: string;
      readonly status: HookRunRecord["status"];
      readonly reason: string | undefined;
    }
  | { readonly type: "alarm"; readonly name: string; readonly state: string; readonly reason: string }
  | {
      readonly type: "health";
      readonly desired: number;
      readonly source: FleetHealth;
      readonly target: FleetHealth;
    }
);

/** What a load balancer measured for one fleet. */
export interface FleetTraffic {
  readonly requests: number;
  /** Responses with a status of 500 or more, and failed connections. */
  readonly errors: number;
  /** Milliseconds; undefined if there was no response. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
}

/**
 * An interval of a deployment. In a rolling deployment both fleets are in one target group: all traffic
 * counts as the target's.
 */
export interface ReportInterval {
  readonly from: number;
  readonly until: number;
  /** The target fleet's share of production traffic at the end, in percent; undefined for ROLLING. */
  readonly weight: number | undefined;
  readonly source: FleetTraffic | undefined;
  readonly target: FleetTraffic | undefined;
}

/**
 * The events and traffic of a deployment of ECS or CodeDeploy. Key: the deployment's ARN. It is removed with
 * the deployment.
 */
export interface DeploymentReportRecord extends Placed {
  readonly deploymentArn: string;
  readonly timeline: readonly DeploymentEvent[];
  readonly intervals: readonly ReportInterval[];
  /** The intervals contain the traffic before this time. */
  readonly measuredUntil: number;
}
