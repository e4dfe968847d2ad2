import type { Placed, Tags } from "./common.ts";

export interface FileSystemRecord extends Placed {
  /** The node that stores its data; absent in older records: the node that registered first. */
  readonly nodeId?: string | undefined;
  readonly id: string;
  readonly arn: string;
  readonly creationToken: string;
  readonly performanceMode: string;
  readonly throughputMode: string;
  /** With the throughput mode `provisioned`. */
  readonly provisionedMibps?: number | undefined;
  readonly encrypted: boolean;
  /** While this key cannot be used, no task mounts the file system. */
  readonly kmsKeyArn?: string | undefined;
  /** The one zone of its storage class, as given. */
  readonly availabilityZone?: string | undefined;
  /** JSON of its lifecycle policies, as given. */
  readonly lifecycle?: string;
  readonly backup?: "ENABLED" | "DISABLED";
  readonly overwriteProtection?: "ENABLED" | "DISABLED";
  readonly policy?: string;
  /** Unique ids of the principals in the policy, by their ARN when it was written. */
  readonly policyPrincipals?: Readonly<Record<string, string>>;
  readonly createdAt: number;
  readonly tags: Tags;
}

export interface MountTargetRecord extends Placed {
  readonly id: string;
  readonly fileSystemId: string;
  readonly subnetId: string;
  readonly networkInterfaceId: string;
  readonly ipAddress: string;
}

export interface AccessPointRecord extends Placed {
  readonly id: string;
  readonly arn: string;
  readonly fileSystemId: string;
  readonly clientToken: string;
  readonly posixUser:
    | { readonly uid: number; readonly gid: number; readonly secondaryGids?: readonly number[] }
    | undefined;
  readonly rootDirectory: {
    readonly path: string;
    readonly creation:
      | { readonly ownerUid: number; readonly ownerGid: number; readonly permissions: string }
      | undefined;
  };
  readonly tags: Tags;
}
