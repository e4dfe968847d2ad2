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
  readonly publiclyAccessible: boolean;
  readonly storageEncrypted: boolean;
  readonly deletionProtection: boolean;
  /** Settings that are returned as they were given, by their API names. Absent: none was given. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  readonly deleting: boolean;
  /** ← the database controller: the server has ended; only its data remains to be removed. */
  readonly stopped: boolean;
  /** ← the database controller: the status that the server itself reports. */
  readonly status: DatabaseStatus;
  /** ← the node's report: the container of the server that was available last. */
  readonly serverId?: string | undefined;
  /** ← the database-certificate controller: the server's certificate for its endpoint's name; PostgreSQL alone. */
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
  /** The option group; absent: the default one of its version. */
  readonly optionGroupName?: string | undefined;
  readonly createdAt: number;
  readonly tags: Tags;
}
