import type { HookRunRecord, LifecycleStage, ServiceDeploymentStatus } from "./ecs-services.ts";
import type { Placed } from "./common.ts";

/** The fleet that a deployment brings up, and the one that served before it. */
export type FleetRole = "source" | "target";

/** How many of a fleet's tasks run, and how many of them are healthy. */
export interface FleetHealth {
  readonly running: number;
  readonly healthy: number;
}

/** Something that happened in a deployment, at a time of the platform's clock. */
export type DeploymentEvent = { readonly at: number } & (
  | {
      readonly type: "status";
      readonly status: ServiceDeploymentStatus;
      readonly reason: string | undefined;
    }
  | { readonly type: "stage"; readonly stage: LifecycleStage }
  /** Parts of the traffic that the target fleet has, in percent. */
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

/** What a load balancer measured of one fleet. */
export interface FleetTraffic {
  readonly requests: number;
  /** Answers with a status of 500 or more, and connections that failed. */
  readonly errors: number;
  /** Milliseconds; undefined where nothing was answered. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
}

/** A part of a deployment's time. In a rolling deployment both fleets are in one target group: all is the target's. */
export interface ReportInterval {
  readonly from: number;
  readonly until: number;
  /** The target fleet's part of production traffic at the end, in percent; undefined for ROLLING. */
  readonly weight: number | undefined;
  readonly source: FleetTraffic | undefined;
  readonly target: FleetTraffic | undefined;
}

/** What happened in a deployment. Key: the deployment's ARN. It goes with the deployment. */
export interface DeploymentReportRecord extends Placed {
  readonly deploymentArn: string;
  readonly timeline: readonly DeploymentEvent[];
  readonly intervals: readonly ReportInterval[];
  /** Traffic before this moment is in the intervals. */
  readonly measuredUntil: number;
}
