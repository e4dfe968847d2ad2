import type { Placed, Tags } from "./common.ts";

/** The log store has the streams and events. Key: the ARN without `:*`. */
export interface LogGroupRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly retentionDays: number | undefined;
  readonly createdAt: number;
  /** Undefined: STANDARD. */
  readonly class?: "INFREQUENT_ACCESS" | "DELIVERY";
  /** Whether the group cannot be deleted. */
  readonly deletionProtected?: boolean;
  /** The KMS key that new events are encrypted with. */
  readonly kmsKeyArn?: string;
  /** The data keys of the group's events, the one for new events last where the group has a KMS key. */
  readonly dataKeys?: readonly LogDataKey[];
  /** The fields that queries are to find by an index, as JSON text. */
  readonly indexPolicy?: { readonly document: string; readonly updatedAt: number };
  readonly tags: Tags;
}

/** A data key of a log group, encrypted by a KMS key. */
export interface LogDataKey {
  readonly id: string;
  readonly kmsKeyArn: string;
  readonly sealedKey: string;
}

/** A filter that makes metrics of events. Key: `GROUP-ARN#NAME`. */
export interface MetricFilterRecord extends LogFilterRecord {
  readonly transformations: readonly MetricTransformationRecord[];
}

/** What metric filters and subscription filters have in common. */
export interface LogFilterRecord extends Placed {
  readonly groupArn: string;
  readonly name: string;
  readonly pattern: string;
  readonly createdAt: number;
  /** The id of the last event before the filter was made: those after it are looked at. */
  readonly afterEventId: number;
}

export interface MetricTransformationRecord {
  readonly namespace: string;
  readonly name: string;
  /** A number, or a selector or a field's name that begins with `$`. */
  readonly value: string;
  /** Reported for a minute with events of which none matches. */
  readonly defaultValue: number | undefined;
  readonly unit: string | undefined;
  /** Selectors or names of fields by the dimension's name. */
  readonly dimensions: Readonly<Record<string, string>> | undefined;
}

/** A filter that sends events to a destination. Key: `GROUP-ARN#NAME`. */
export interface SubscriptionFilterRecord extends LogFilterRecord {
  readonly destinationArn: string;
  readonly roleArn: string | undefined;
  readonly distribution: "ByLogStream" | "Random" | undefined;
}

/** A policy for all log groups of an account in a region. Key: `ACCOUNT/REGION/TYPE/NAME`. */
export interface LogAccountPolicyRecord extends Placed {
  readonly name: string;
  readonly type: "SUBSCRIPTION_FILTER_POLICY" | "FIELD_INDEX_POLICY";
  readonly document: string;
  readonly selectionCriteria: string | undefined;
  /** What a subscription filter policy sends on, and the names of log groups that it does not cover. */
  readonly subscription?: {
    readonly destinationArn: string;
    readonly pattern: string;
    readonly except: readonly string[];
  };
  readonly updatedAt: number;
  /** The id of the last event before the policy was made: those after it are looked at. */
  readonly afterEventId: number;
}

/** A name under which other accounts send events to a stream of this account. Key: its ARN. */
export interface LogDestinationRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly targetArn: string;
  readonly roleArn: string;
  readonly policy?: string;
  readonly policyPrincipals?: Readonly<Record<string, string>>;
  readonly tags: Tags;
  readonly createdAt: number;
}

/** A policy that lets services write to log groups. Key: `ACCOUNT/REGION/NAME`. */
export interface LogResourcePolicyRecord extends Placed {
  readonly name: string;
  readonly document: string;
  readonly policyPrincipals: Readonly<Record<string, string>>;
  readonly revisionId: string;
  readonly updatedAt: number;
}

/** A query of Insights that is kept for later. Key: `ACCOUNT/REGION/ID`. */
export interface LogQueryDefinitionRecord extends Placed {
  readonly id: string;
  readonly name: string;
  readonly query: string;
  readonly groups: readonly string[];
  readonly modifiedAt: number;
}

/** A query of Insights that was started. Key: `ACCOUNT/REGION/ID`; its results are content, under the same key. */
export interface LogQueryRecord extends Placed {
  readonly id: string;
  readonly query: string;
  /** ARNs. */
  readonly groups: readonly string[];
  /** The time of the events, from inclusive and until exclusive. */
  readonly from: number;
  readonly until: number;
  readonly limit: number;
  readonly startedBy: string;
  readonly status: "Scheduled" | "Running" | "Complete" | "Failed" | "Cancelled" | "Timeout";
  readonly createdAt: number;
  readonly endedAt?: number;
  readonly statistics: LogQueryStatistics;
  /** Rows of the result, and the characters in them. */
  readonly resultCount: number;
  readonly resultSize: number;
}

/** A task that copies events of a log group to a bucket. Key: `ACCOUNT/REGION/ID`. */
export interface LogExportRecord extends Placed {
  readonly id: string;
  readonly name: string | undefined;
  readonly groupArn: string;
  readonly groupName: string;
  /** Streams whose name begins so are copied; undefined: all. */
  readonly streamPrefix: string | undefined;
  /** The time of the events, from inclusive and until exclusive. */
  readonly from: number;
  readonly until: number;
  readonly bucket: string;
  readonly prefix: string;
  readonly status: "PENDING" | "RUNNING" | "COMPLETED" | "CANCELLED" | "FAILED";
  /** Why it failed. */
  readonly message?: string;
  readonly createdAt: number;
  readonly endedAt?: number;
}

export interface LogQueryStatistics {
  readonly recordsMatched: number;
  readonly recordsScanned: number;
  readonly bytesScanned: number;
  readonly logGroupsScanned: number;
}

/** The kinds of records of CloudWatch Logs. */
export interface LogRecords {
  readonly logGroup: LogGroupRecord;
  readonly metricFilter: MetricFilterRecord;
  readonly subscriptionFilter: SubscriptionFilterRecord;
  readonly logAccountPolicy: LogAccountPolicyRecord;
  readonly logDestination: LogDestinationRecord;
  readonly logResourcePolicy: LogResourcePolicyRecord;
  readonly logQueryDefinition: LogQueryDefinitionRecord;
  readonly logQuery: LogQueryRecord;
  readonly logExport: LogExportRecord;
}
