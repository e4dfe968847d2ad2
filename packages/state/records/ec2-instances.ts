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
  /** ← the instance controller: the access key id of the session of the profile's role. */
  readonly sessionId: string | undefined;
  /** When it was last started. */
  readonly launchedAt: number;
  readonly terminatedAt: number | undefined;
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

/** A volume of an instance. */
export interface VolumeRecord extends Placed {
  readonly id: string;
  readonly availabilityZone: string;
  readonly sizeGiB: number;
  readonly type: string;
  readonly iops: number | undefined;
  readonly throughput: number | undefined;
  readonly encrypted: boolean;
  readonly kmsKeyId: string | undefined;
  readonly snapshotId: string | undefined;
  readonly attachment:
    | {
        readonly instanceId: string;
        readonly device: string;
        readonly attachedAt: number;
        readonly deleteOnTermination: boolean;
      }
    | undefined;
  readonly createdAt: number;
  readonly tags: Tags;
}
