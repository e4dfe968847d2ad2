import type { Placed, Tags } from "./common.ts";

export interface DatabaseSubnetGroupRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly description: string;
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly tags: Tags;
}

export interface DatabaseInstanceRecord extends Placed {
  readonly arn: string;
  readonly identifier: string;
  readonly resourceId: string;
  /** The node that runs it and stores its data; absent in older records: the node that registered first. */
  readonly nodeId?: string | undefined;
  readonly engine: "mysql" | "mariadb";
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
  readonly status: "creating" | "available" | "resetting-master-credentials" | "deleting";
  readonly createdAt: number;
  readonly tags: Tags;
}
