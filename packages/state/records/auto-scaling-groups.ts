import type { ScalingCooldown } from "./auto-scaling.ts";
import type { Placed } from "./common.ts";

/** A launch template as a group names it: by its id, and a version by its number, `$Latest` or `$Default`. */
export interface GroupTemplate {
  readonly id: string;
  readonly name: string;
  readonly version: string;
}

export interface GroupTag {
  readonly key: string;
  readonly value: string;
  readonly propagate: boolean;
}

export interface LifecycleHook {
  readonly name: string;
  readonly transition: "launching" | "terminating";
  readonly heartbeatSeconds: number;
  readonly defaultResult: "CONTINUE" | "ABANDON";
  readonly metadata: string | undefined;
  readonly targetArn: string | undefined;
  readonly roleArn: string | undefined;
}

/** What a caller sets of a group. */
export interface GroupSettings {
  readonly template: GroupTemplate;
  /** Instance types that are tried in this order; empty where the template has the type. */
  readonly instanceTypes: readonly string[];
  /** The mixed instances policy as it was given. */
  readonly mixed: Readonly<Record<string, unknown>> | undefined;
  readonly minSize: number;
  readonly maxSize: number;
  readonly defaultCooldownSeconds: number;
  readonly zones: readonly string[];
  readonly subnetIds: readonly string[];
  readonly checksBalancers: boolean;
  readonly graceSeconds: number;
  readonly terminationPolicies: readonly string[];
  readonly protectsNew: boolean;
  readonly maxLifetimeSeconds: number | undefined;
  readonly warmupSeconds: number | undefined;
  /** Members that are shown as they were given. */
  readonly recorded: Readonly<Record<string, unknown>>;
}

/** A rolling replacement of a group's instances. ← api; the rest ← auto-scaling-group controller. */
export interface InstanceRefresh {
  readonly id: string;
  readonly status: "InProgress" | "Cancelling" | "Cancelled" | "Successful";
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly minHealthyPercentage: number;
  readonly maxHealthyPercentage: number;
  readonly warmupSeconds: number;
  readonly skipsMatching: boolean;
  /** Instances launched up to this number are replaced. */
  readonly upTo: number;
  readonly total: number;
  readonly preferences: Readonly<Record<string, unknown>>;
}

/** An Auto Scaling group of EC2 instances. Key: the ARN. */
export interface AutoScalingGroupRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly settings: GroupSettings;
  /** ← api, and the auto-scaling-group controller for policies and scheduled actions. */
  readonly desired: number;
  readonly targetGroupArns: readonly string[];
  /** Reasons by the names of suspended processes. */
  readonly suspended: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** The keys of tags that new instances get. */
  readonly propagated: readonly string[];
  readonly metrics: readonly string[];
  readonly hooks: readonly LifecycleHook[];
  /** Types of notifications by the ARN of the topic. */
  readonly notifications: Readonly<Record<string, readonly string[]>>;
  readonly refreshes: readonly InstanceRefresh[];
  /** Deleted: it goes once it has no instances. */
  readonly isDeleting: boolean;
  /** Launches wait until this time after failures. ← auto-scaling-group controller. */
  readonly failures: { readonly count: number; readonly until: number } | undefined;
  /** ← auto-scaling-group controller. */
  readonly cooldown: ScalingCooldown | undefined;
  readonly createdAt: number;
}

export type GroupInstanceState =
  | "Pending"
  | "Pending:Wait"
  | "InService"
  | "Standby"
  | "Terminating"
  | "Terminating:Wait"
  | "Terminating:Proceed";

/**
 * An instance of a group, recorded before it is launched. Key: `GROUP-ARN#NUMBER`. ← auto-scaling-group
 * controller, besides what callers set.
 */
export interface GroupInstanceRecord extends Placed {
  readonly groupArn: string;
  readonly groupName: string;
  readonly number: number;
  /** Of RunInstances: a launch that a crash repeats makes no second instance. */
  readonly clientToken: string;
  /** Undefined until it is launched. */
  readonly instanceId: string | undefined;
  readonly instanceType: string | undefined;
  readonly template: GroupTemplate;
  readonly subnetId: string | undefined;
  readonly zone: string;
  readonly state: GroupInstanceState;
  readonly isHealthy: boolean;
  readonly isProtected: boolean;
  readonly inServiceSince: number | undefined;
  /** Since when its status check fails (ms, real time). */
  readonly unreachableSince: number | undefined;
  /** By when the state that waits for a lifecycle hook ends; whether the hook's target knows. */
  readonly waiting:
    | {
        readonly until: number;
        readonly token: string;
        readonly result?: string;
        readonly announced?: boolean;
      }
    | undefined;
  readonly activityKey: string;
  readonly createdAt: number;
}

/** A line of a group's history. Key: `GROUP-ARN#NUMBER`. */
export interface GroupActivityRecord extends Placed {
  readonly id: string;
  readonly groupArn: string;
  readonly groupName: string;
  readonly description: string;
  readonly cause: string;
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly statusCode: "InProgress" | "Successful" | "Failed" | "Cancelled" | "WaitingForInstanceId";
  readonly statusMessage: string | undefined;
  readonly details: string;
  /** The type of a notification that is not published yet, and the instance that it is about. */
  readonly unsent: { readonly type: string; readonly instanceId: string } | undefined;
}
