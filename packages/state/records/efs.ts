import type { Placed, Tags } from "./common.ts";

export interface FileSystemRecord extends Placed {
  /** The node that stores its data; absent in older records: the node that registered first. */
  readonly nodeId?: string | undefined;
  readonly id: string;
  readonly arn: string;
  readonly creationToken: string;
  readonly performanceMode: string;
  readonly throughputMode: string;
  readonly encrypted: boolean;
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
  readonly posixUser: { readonly uid: number; readonly gid: number } | undefined;
  readonly rootDirectory: {
    readonly path: string;
    readonly creation:
      | { readonly ownerUid: number; readonly ownerGid: number; readonly permissions: string }
      | undefined;
  };
  readonly tags: Tags;
}
