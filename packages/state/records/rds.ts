import type { Placed, Tags } from "./common.ts";
import type { OwnCertificateRecord } from "./elbv2.ts";

export interface DatabaseSubnetGroupRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly description: string;
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly tags: Tags;
}

/** A group of parameters that its owner made; the default groups have no records. */
export interface DatabaseParameterGroupRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  /** `mysql8.0` */
  readonly family: string;
  readonly description: string;
  /** The parameters that were set, by name; values as they were given. */
  readonly parameters: Readonly<
    Record<string, { readonly value: string; readonly applyMethod: "immediate" | "pending-reboot" }>
  >;
  readonly tags: Tags;
}

/** A group of options that its owner made; the default groups have no records. */
export interface DatabaseOptionGroupRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly engine: string;
  /** `8.0` */
  readonly majorVersion: string;
  readonly description: string;
  /** Options by name, each with the settings that were given. */
  readonly options: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly tags: Tags;
}

export type DatabaseStatus =
  | "creating"
  | "available"
  | "rebooting"
  | "stopping"
  | "stopped"
  | "starting"
  | "resetting-master-credentials"
  | "deleting";

export interface DatabaseInstanceRecord extends Placed {
  readonly arn: string;
  readonly identifier: string;
  readonly resourceId: string;
  /** The node that runs it and stores its data; absent in older records: the node that registered first. */
  readonly nodeId?: string | undefined;
  readonly engine: "mysql" | "mariadb" | "postgres";
  readonly engineVersion: string;
  readonly instanceClass: string;
  readonly allocatedStorageGiB: number;
  readonly databaseName: string | undefined;
  readonly masterUsername: string;
  readonly sealedPassword: string;
  readonly endpointName: string;
  readonly port: number;
  readonly subnetGroupName: string;
  readonly vpcId: string;
  readonly securityGroups: readonly string[];
  readonly networkInterfaceId: string;
  readonly availabilityZone: string;
  readonly multiAz: boolean;
  /** The name of the server that is the primary: of its pod and its folder. Absent: the resource id. */
  readonly primaryId?: string | undefined;
  /** Whether the first standby since the conversion to Multi-AZ has all that the primary has. Absent: Single-AZ. */
  readonly conversion?: "pending" | "done" | undefined;
  /** Whether a standby takes over: until it is available. */
  readonly failingOver?: boolean | undefined;
  /** ← the node's report: since when the server that should be available is not, in real time. */
  readonly unhealthySince?: number | undefined;
  readonly publiclyAccessible: boolean;
  readonly storageEncrypted: boolean;
  /** The KMS key of encrypted storage; absent in records from before keys were looked up. */
  readonly kmsKeyArn?: string | undefined;
  /** The secret that RDS keeps the master password in; absent: the caller chose the password. */
  readonly managedSecretArn?: string | undefined;
  readonly deletionProtection: boolean;
  /** Whether members of the role `rds_iam` log in with tokens. Absent: they do not. */
  readonly iamAuthentication?: boolean | undefined;
  /** Settings that are returned as they were given, by their API names. Absent: none was given. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  readonly deleting: boolean;
  /** ← the database controller: the server has ended; only its data remains to be removed. */
  readonly stopped: boolean;
  /** ← the database controller: the status that the server itself reports. */
  readonly status: DatabaseStatus;
  /** ← the node's report: the container of the server that was available last. */
  readonly serverId?: string | undefined;
  /** ← the database-certificate controller: the server's certificate for its endpoint's name. */
  readonly certificate?: OwnCertificateRecord | undefined;
  /** How often the server was asked to start anew. */
  readonly restarts?: number;
  /** The parameter group; absent: the default one of its family. */
  readonly parameterGroupName?: string | undefined;
  /**
   * What the server runs with: the values of its group at its last start, and what was applied since. Null
   * stands for a parameter that was reset since the start. Absent: the engine's defaults.
   */
  readonly parameters?: {
    readonly groupName: string;
    readonly values: Readonly<Record<string, string | null>>;
  };
  /** Enhanced monitoring. Absent: none. */
  readonly monitoring?: { readonly intervalSeconds: number; readonly roleArn: string } | undefined;
  /** The types of logs that are published to CloudWatch Logs, sorted. Absent: none. */
  readonly logExports?: readonly string[] | undefined;
  /** The option group; absent: the default one of its version. */
  readonly optionGroupName?: string | undefined;
  /** The id of the snapshot whose files it begins with. It is needed until the instance is available. */
  readonly restoredFrom?: string;
  /** The instance that it is a read replica of; absent: none. */
  readonly replicaOf?: { readonly arn: string; readonly resourceId: string } | undefined;
  /** ← the node's report: whether the replica receives and applies the changes of its source. */
  readonly replicating?: boolean | undefined;
  /** ← the automated-backup controller: the latest time that it can be restored to, by the platform's clock. */
  readonly restorableAt?: number | undefined;
  readonly createdAt: number;
  readonly tags: Tags;
}

/**
 * Another server of a Multi-AZ instance than its primary. The key is its id.
 * - `joining`: it copies the primary's files or catches up. The primary does not wait for it before a commit.
 * - `synchronous`: it has every commit that the primary has acknowledged. It alone may take over.
 * - `replaced`: it was the primary. Its files are kept until the new primary is available.
 * - `deleting`: it is stopped, and its files are removed.
 */
export interface DatabaseStandbyRecord extends Placed {
  /** `db-` and 26 characters: the name of its pod and of its folder. */
  readonly id: string;
  readonly instanceArn: string;
  readonly nodeId: string | undefined;
  readonly networkInterfaceId: string;
  readonly availabilityZone: string;
  readonly state: "joining" | "synchronous" | "replaced" | "deleting";
  /** How often the primary was told to rely on it no more: what a server reports counts for one epoch alone. */
  readonly epoch: number;
  /** When the epoch began, in real time. */
  readonly epochAt: number;
  /** How many epochs before this one ended without it having joined, since it last had. Absent: none. */
  readonly failedJoins?: number | undefined;
  /** ← the node's report: the container that ran last. */
  readonly serverId?: string | undefined;
  /** The container that ran in the epoch before: what is reported of it does not count. */
  readonly formerServerId?: string | undefined;
  /** ← the node's report: whether its container runs. */
  readonly running: boolean;
  /** ← the node's report: since when it does not follow the primary although it did, in real time. */
  readonly lostSince?: number | undefined;
  /** ← the node's report, while it is deleted: its server has ended. */
  readonly stopped: boolean;
  readonly createdAt: number;
}

/** What a snapshot keeps of its instance, besides the files. */
type SnapshotContent = Pick<
  DatabaseInstanceRecord,
  | "engine"
  | "engineVersion"
  | "instanceClass"
  | "allocatedStorageGiB"
  | "databaseName"
  | "masterUsername"
  | "sealedPassword"
  | "port"
  | "vpcId"
  | "availabilityZone"
  | "settings"
  | "optionGroupName"
>;

/** A copy of a database's files at one moment. The key is `ARN#ID`: another snapshot may have its name later. */
export interface DatabaseSnapshotRecord extends Placed, SnapshotContent {
  /** `snapshot-` and 17 hexadecimal digits: the name of its folder on the node. */
  readonly id: string;
  readonly arn: string;
  /** `mine`, or `rds:INSTANCE-DATE` for one that RDS takes by itself. */
  readonly identifier: string;
  /** `replica`: what a read replica begins with. It is shown to nobody, and goes when the replica is available. */
  readonly type: "manual" | "automated" | "replica";
  /** The node that has the files: that of the instance. */
  readonly nodeId: string | undefined;
  /** The resource id of the instance, or the id of the snapshot, that the files are copied from. */
  readonly source: string;
  /** The snapshot that it is a copy of. */
  readonly sourceArn?: string | undefined;
  readonly instance: {
    readonly arn: string;
    readonly identifier: string;
    readonly resourceId: string;
    readonly createdAt: number;
  };
  readonly storageEncrypted: boolean;
  readonly kmsKeyArn?: string | undefined;
  /** Accounts that may restore and copy it, and `all`. */
  readonly sharedWith: readonly string[];
  readonly startedAt: number;
  /** Of automated snapshots: the begin of the backup window that it is of, by the platform's clock. */
  readonly windowAt?: number;
  /** When the moment was of which it, or the snapshot that it is a copy of, has the files. */
  readonly originalAt: number;
  /** ← the node's report: the files are there, with these bytes. */
  readonly completedAt?: number;
  readonly storedBytes?: number;
  readonly tags: Tags;
}

/** The types of sources that events are about. */
export type DatabaseEventSource = "db-instance" | "db-snapshot" | "db-parameter-group" | "db-security-group";

/** Something that happened to a resource of RDS. The key is its id: the time, and a number. */
export interface DatabaseEventRecord extends Placed {
  readonly id: string;
  readonly at: number;
  readonly sourceType: DatabaseEventSource;
  readonly sourceIdentifier: string;
  readonly sourceArn: string;
  readonly categories: readonly string[];
  readonly message: string;
}

/** Events that are published to a topic. */
export interface DatabaseSubscriptionRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly topicArn: string;
  /** Absent: sources of all types. */
  readonly sourceType: DatabaseEventSource | undefined;
  /** Empty: all sources. */
  readonly sourceIds: readonly string[];
  /** Empty: events of all categories. */
  readonly categories: readonly string[];
  readonly enabled: boolean;
  readonly createdAt: number;
  readonly tags: Tags;
}
