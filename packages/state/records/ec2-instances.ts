import type { Placed, Tags } from "./common.ts";

export interface KeyPairRecord extends Placed {
  readonly id: string;
  readonly name: string;
  readonly type: "rsa" | "ed25519";
  /** The public key as a line of `authorized_keys`; the private key is not stored. */
  readonly publicKey: string;
  readonly fingerprint: string;
  readonly createdAt: number;
  readonly tags: Tags;
}

export type InstanceState = "pending" | "running" | "stopping" | "stopped" | "shutting-down" | "terminated";

/** Source: API_InstanceMetadataOptionsRequest. */
export interface InstanceMetadataSettings {
  readonly httpTokens: "optional" | "required";
  readonly httpEndpoint: "enabled" | "disabled";
  readonly hopLimit: number;
  readonly instanceTags: "enabled" | "disabled";
}

/** An EC2 instance: a system container on a node. */
export interface Ec2InstanceRecord extends Placed {
  readonly id: string;
  readonly reservationId: string;
  /** The client token of RunInstances, and a digest of its request. */
  readonly clientToken: string | undefined;
  readonly requestDigest: string;
  readonly launchIndex: number;
  readonly imageId: string;
  readonly instanceType: string;
  readonly keyName: string | undefined;
  /** The public key of the key pair at launch: a key pair that is deleted later keeps its access. */
  readonly publicKey: string | undefined;
  readonly vpcId: string;
  readonly subnetId: string;
  readonly availabilityZone: string;
  readonly networkInterfaceId: string;
  readonly attachmentId: string;
  readonly rootVolumeId: string;
  /** The account's own image that it was launched from; absent: one of AWS's. */
  readonly ownImage?: OwnImage;
  /** Numbers the range of block devices of the instance on its node; absent in older records: none. */
  readonly deviceSlot?: number;
  readonly nodeId: string | undefined;
  /** Whether the instance has a public address while it runs, besides an elastic one. */
  readonly hasPublicAddress: boolean;
  /** base64. */
  readonly userData: string | undefined;
  readonly profile: { readonly arn: string; readonly associationId: string } | undefined;
  readonly metadataOptions: InstanceMetadataSettings;
  readonly disableApiTermination: boolean;
  readonly disableApiStop: boolean;
  /** Settings that are returned as they were given, by their API names. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** ← api where a caller asks for a change, the node's report where it has happened. */
  readonly state: InstanceState;
  readonly stateReason: { readonly code: string; readonly message: string } | undefined;
  readonly transitionReason: string;
  /** ← api; cleared by the node's report: the containers stop and start again. */
  readonly rebooting: boolean;
  /** ← the node's report: the terminated instance has stopped, and its node removes it. */
  readonly halted: boolean;
  /** ← the node's report: whether the instance passes its health check. */
  readonly reachable: boolean;
  /** ← the node's report: since when an instance that passed its health check fails it (ms, real time). */
  readonly unreachableSince?: number | undefined;
  /** ← the node's report: when it was last rebooted (ms, real time). */
  readonly restartedAt?: number | undefined;
  /** ← the instance controller: the access key id of the session of the profile's role. */
  readonly sessionId: string | undefined;
  /** When it was last started. */
  readonly launchedAt: number;
  readonly terminatedAt: number | undefined;
  readonly tags: Tags;
}

/** What an instance keeps of its image, which may be deregistered before it ends. */
export interface OwnImage {
  readonly rootSnapshotId: string;
  readonly rootDevice: string;
  readonly architecture: "x86_64" | "arm64";
}

/** An image that an account has made: a snapshot of a root file system, and snapshots of volumes beside it. */
export interface MachineImageRecord extends Placed, OwnImage {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly sourceInstanceId: string | undefined;
  /** The client token of CopyImage. */
  readonly clientToken?: string | undefined;
  /** Settings of RegisterImage that are returned as they were given, by their API names. */
  readonly shown?: {
    readonly EnaSupport: boolean;
    readonly BootMode: string | undefined;
    readonly ImdsSupport: string | undefined;
    readonly SriovNetSupport: string | undefined;
  };
  readonly sizeGiB: number;
  /** Settings of the root volume and further devices, by the names of the request (`BlockDeviceMappings`). */
  readonly mappings: readonly {
    readonly device: string;
    readonly snapshotId: string | undefined;
    readonly sizeGiB: number | undefined;
    readonly type: string | undefined;
    readonly iops: number | undefined;
    readonly throughput: number | undefined;
    readonly deleteOnTermination: boolean;
  }[];
  readonly createdAt: number;
  readonly tags: Tags;
}

/** A placement group, which has no effect on where instances are. */
export interface PlacementGroupRecord extends Placed {
  readonly id: string;
  readonly name: string;
  readonly strategy: "cluster" | "spread" | "partition";
  /** Of the strategy `partition` alone. */
  readonly partitionCount: number | undefined;
  /** Of the strategy `spread` alone. */
  readonly spreadLevel: "rack" | undefined;
  readonly tags: Tags;
}

/** What an instance wrote to its console, of which the last part is kept. */
export interface InstanceConsoleRecord {
  readonly instanceId: string;
  readonly text: string;
  /** Time of the last line (ms). */
  readonly at: number;
  /** The container that wrote it, and the cursor of its last line. */
  readonly containerId: string;
  readonly cursor: string;
}

/** A volume: the root file system of an instance, or a block device of its own. */
export interface VolumeRecord extends Placed {
  readonly id: string;
  /** The node that stores its bytes; undefined: the node that registered first. Absent for root volumes. */
  readonly nodeId?: string | undefined;
  /** Whether it is the root file system of an instance, which is part of its container. Absent: see `nodeId`. */
  readonly isRoot?: boolean;
  /** The client token of CreateVolume, and a digest of its request. */
  readonly clientToken?: string | undefined;
  readonly requestDigest?: string;
  readonly availabilityZone: string;
  readonly sizeGiB: number;
  readonly type: string;
  readonly iops: number | undefined;
  readonly throughput: number | undefined;
  readonly encrypted: boolean;
  readonly kmsKeyId: string | undefined;
  readonly snapshotId: string | undefined;
  /** ← the node's report: the size of its file in bytes; absent: there is none yet. */
  readonly storedBytes?: number;
  /** ← api: it is deleted once no snapshot of it is pending. */
  readonly deleting?: boolean;
  /** The last modification, which ends when the file has the new size. */
  readonly modification?: VolumeModification;
  readonly attachment:
    | {
        readonly instanceId: string;
        readonly device: string;
        /** Its place among the block devices of the instance; absent for root volumes. */
        readonly index?: number;
        /** ← api; the node's report ends it. Absent: attached. */
        readonly state?: "attaching" | "detaching";
        readonly attachedAt: number;
        readonly deleteOnTermination: boolean;
      }
    | undefined;
  readonly createdAt: number;
  readonly tags: Tags;
}

/** What a modification changed, and when. */
export interface VolumeModification {
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly original: VolumeSettings;
  readonly target: VolumeSettings;
}

export interface VolumeSettings {
  readonly sizeGiB: number;
  readonly type: string;
  readonly iops: number | undefined;
  readonly throughput: number | undefined;
}

/** A snapshot of a volume: a copy of its bytes on the same node. */
export interface SnapshotRecord extends Placed {
  readonly id: string;
  readonly nodeId: string | undefined;
  /** The volume, or of a copy `vol-ffffffff`. */
  readonly volumeId: string;
  /** The volume or snapshot whose bytes are copied. */
  readonly source: string;
  readonly sizeGiB: number;
  readonly description: string;
  readonly encrypted: boolean;
  readonly kmsKeyId: string | undefined;
  readonly startedAt: number;
  /**
   * The instance whose root file system it is, or of a copy the one of its source; absent: it is of a volume with a
   * file of its own.
   */
  readonly rootOf?: string;
  /** ← the node's report: absent while it is pending. */
  readonly completedAt?: number;
  readonly tags: Tags;
}

/** Settings of an account in a region that concern all its instances, images and snapshots. Key: `ACCOUNT/REGION`. */
export interface Ec2SecurityRecord extends Placed {
  /** Options of new instances that their launch does not give; an absent one is that of the image. */
  readonly metadataDefaults: Partial<InstanceMetadataSettings>;
  /** Whether instances must take version 2 of the metadata service alone. */
  readonly tokensEnforced: boolean;
  readonly imageBlock: "block-new-sharing" | "unblocked";
  readonly snapshotBlock: "block-all-sharing" | "block-new-sharing" | "unblocked";
  readonly serialConsole: boolean;
}

/** The defaults of new volumes in an account's region. Key: `ACCOUNT/REGION`. */
export interface EbsDefaultsRecord extends Placed {
  readonly encryptByDefault: boolean;
  readonly kmsKeyId: string | undefined;
}
