import type { Placed, Tags } from "./common.ts";

/** A bus of the caller's own. The default bus has a record once it has tags or a policy. Key: the ARN. */
export interface EventBusRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly description: string | undefined;
  readonly tags: Tags;
  /** The policy's text, and the ids of the principals that it names. */
  readonly policy?: string | undefined;
  readonly policyPrincipals?: Readonly<Record<string, string>> | undefined;
  /** 0: the default bus, which was never created. */
  readonly createdAt: number;
  readonly modifiedAt: number;
}

/** What a rule or a schedule invokes. */
export interface EventTargetRecord {
  readonly id: string;
  readonly arn: string;
  readonly roleArn: string | undefined;
  /** The input of RunTask for a target of ECS, without what each invocation adds. */
  readonly runTask: Readonly<Record<string, unknown>> | undefined;
  /** How a schedule's input is put on a bus. */
  readonly putEvents: { readonly detailType: string; readonly source: string } | undefined;
  /** Members of the API's target as the caller gave them, which are returned; of them, the input's are read. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** The encrypted input of a schedule with a KMS key; `parameters` has none then. */
  readonly encryptedInput?: { readonly sealedValue: string; readonly kmsKeyArn: string | undefined };
  readonly retry: { readonly attempts: number; readonly ageSeconds: number };
  /** The group of the messages that a queue gets; absent: none. */
  readonly messageGroupId?: string;
  /** What a request to an API destination has besides the connection's; absent: nothing. */
  readonly http?: {
    readonly path: readonly string[];
    readonly headers: Readonly<Record<string, string>>;
    readonly query: Readonly<Record<string, string>>;
  };
  /** The queue for invocations that failed for good; absent: none. */
  readonly deadLetterArn?: string;
}

/** A rule of a bus: a pattern, a schedule, or both. Key: the ARN. */
export interface EventRuleRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly busArn: string;
  readonly busName: string;
  readonly description: string | undefined;
  /** The pattern's JSON text. */
  readonly pattern: string | undefined;
  readonly schedule: string | undefined;
  readonly enabled: boolean;
  readonly roleArn: string | undefined;
  readonly targets: readonly EventTargetRecord[];
  readonly tags: Tags;
  readonly createdAt: number;
  /** The next occurrence of its schedule. ← the schedule controller; begun by api. */
  readonly nextAt: number | undefined;
}

/** The services that invoke targets. */
export type DeliveringService = "events" | "scheduler" | "s3";

/** One invocation of a target that has not ended. Key: the id. */
export interface EventDeliveryRecord extends Placed {
  readonly id: string;
  /** The ARN of the rule, the schedule or the bucket. */
  readonly sourceArn: string;
  readonly service: DeliveringService;
  readonly target: EventTargetRecord;
  /**
   * The event, or the input of a schedule, as text; for an input under a KMS key the JSON of its attributes: it is
   * decrypted for each attempt.
   */
  readonly payload: string;
  readonly createdAt: number;
  readonly attempts: number;
  /** When the next attempt is. */
  readonly nextAt: number;
}

/** Key: the ARN. The group `default` has a record once it has tags. */
export interface ScheduleGroupRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly tags: Tags;
  readonly createdAt: number;
  readonly modifiedAt: number;
}

/** A schedule of EventBridge Scheduler. Key: the ARN. */
export interface ScheduleRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly groupName: string;
  readonly groupArn: string;
  readonly expression: string;
  readonly timezone: string | undefined;
  readonly startAt: number | undefined;
  readonly endAt: number | undefined;
  readonly description: string | undefined;
  readonly enabled: boolean;
  /** Undefined: the flexible time window is off. */
  readonly windowMinutes: number | undefined;
  readonly deleteAfterCompletion: boolean;
  /** The KMS key of its input; absent: none. */
  readonly kmsKeyArn?: string;
  readonly target: EventTargetRecord;
  readonly createdAt: number;
  readonly modifiedAt: number;
  /** The next occurrence; undefined where there is none. ← the schedule controller; begun by api. */
  readonly nextAt: number | undefined;
}
