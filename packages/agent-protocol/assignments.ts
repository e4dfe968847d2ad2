import type { BalancersAssignment } from "./balancers.ts";

/** A network interface as a node makes it: a namespace held by a pause container, a veth pair into the VPC's bridge, an address. */
export interface InterfaceAssignment {
  readonly id: string;
  readonly vpcId: string;
  readonly ip: string;
  readonly mac: string;
  /** Prefix length of the subnet, and its router's address. */
  readonly prefix: number;
  readonly gateway: string;
  readonly hostname: string;
  /** The VPC's resolver and search domain. */
  readonly dnsServer: string;
  readonly dnsSearch: string;
  /** Other resolvers and domains that the VPC's DHCP options name. */
  readonly dnsServers?: readonly string[] | undefined;
  readonly dnsSearches?: readonly string[] | undefined;
}

/** Label that records the settings a restarted container was created with. */
export const REVISION_LABEL = "gantry.revision";

export interface ContainerAssignment {
  readonly name: string;
  readonly image: string;
  /** Docker's X-Registry-Auth, for images of our own registry. */
  readonly registryAuth: string | undefined;
  readonly essential: boolean;
  readonly command: readonly string[] | undefined;
  readonly entryPoint: readonly string[] | undefined;
  readonly workingDirectory: string | undefined;
  readonly user: string | undefined;
  readonly environment: readonly string[];
  readonly cpuShares: number;
  /** Hard limit of this container, in MiB. */
  readonly memoryMiB: number | undefined;
  readonly memoryReservationMiB: number | undefined;
  /** Volumes of the pod, by their ids. */
  readonly mounts: readonly {
    readonly volume: string;
    readonly containerPath: string;
    readonly readOnly: boolean;
  }[];
  readonly privileged: boolean;
  readonly pidHost: boolean;
  readonly dependsOn: readonly {
    readonly containerName: string;
    readonly condition: "START" | "COMPLETE" | "SUCCESS" | "HEALTHY";
  }[];
  readonly healthCheck:
    | {
        readonly command: readonly string[];
        readonly intervalSeconds: number;
        readonly timeoutSeconds: number;
        readonly retries: number;
        readonly startPeriodSeconds: number;
      }
    | undefined;
  readonly startTimeoutSeconds: number | undefined;
  /** Starts again, in its pod, when it exited after at least this time with another code; absent: never. */
  readonly restartPolicy?: {
    readonly ignoredExitCodes: readonly number[];
    readonly attemptPeriodSeconds: number;
  };
  readonly stopTimeoutSeconds: number;
  readonly readonlyRootFilesystem: boolean;
  readonly interactive: boolean;
  readonly pseudoTerminal: boolean;
  readonly init: boolean;
  readonly capabilitiesAdd: readonly string[];
  readonly capabilitiesDrop: readonly string[];
  readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly logs: LogDestination | undefined;
  /** Reported by the task metadata endpoint. */
  readonly arn: string;
}

export interface LogDestination {
  readonly region: string;
  readonly group: string;
  readonly stream: string;
  /** Regular expression. A matching line starts an event; other lines are appended to the event before. */
  readonly multilinePattern: string | undefined;
  readonly nonBlocking: boolean;
  /** In non-blocking mode the oldest buffered lines are dropped beyond this size. */
  readonly bufferMaxBytes: number;
}

/** Where the bytes of a pod's volume are. `id` is unique in the pod; it is made by the control plane, never by a caller. */
export type VolumeAssignment =
  /** A folder of the node itself, where the operator allows it. */
  | { readonly type: "host"; readonly id: string; readonly path: string }
  /** A folder of the data volume that the platform names; it is created where it is missing. */
  | { readonly type: "folder"; readonly id: string; readonly path: string }
  /** Files in the node's memory, readable for root alone: what must be neither on its disk nor in the engine's records. */
  | { readonly type: "secrets"; readonly id: string; readonly files: Readonly<Record<string, string>> }
  | FileSystemVolume;

/** A directory of an EFS file system. It is resolved inside the file system, where tasks may have planted links. */
export interface FileSystemVolume {
  readonly type: "fileSystem";
  readonly id: string;
  readonly fileSystemId: string;
  /** DNS name of the file system, for messages. */
  readonly dnsName: string;
  readonly directory: string;
  /** Owner and mode (octal) with which the directory is created where it is missing; undefined: it must exist. */
  readonly creation: { readonly uid: number; readonly gid: number; readonly mode: string } | undefined;
  /** Whether an access point gives the directory: its absence is then an access error, as on AWS. */
  readonly accessPoint: boolean;
}

/** Containers that start and stop together behind one network interface: a task, or a system task such as a database. */
export interface PodAssignment {
  readonly kind: "pod";
  readonly key: string;
  readonly role: "task" | "database";
  readonly desired: "RUNNING" | "STOPPED";
  readonly interface: InterfaceAssignment;
  /** Task-level limits, over all containers together. CPU in units of 1/1024 core. */
  readonly cpuUnits: number | undefined;
  readonly memoryMiB: number | undefined;
  readonly containers: readonly ContainerAssignment[];
  readonly volumes: readonly VolumeAssignment[];
  /** Folders of the data volume to delete once the pod has stopped. */
  readonly purge: readonly string[];
  /** Restart what exits instead of stopping the pod. */
  readonly restart: boolean;
  readonly metadata: TaskMetadata | undefined;
  /** Credentials that the pod's containers may fetch, addressed by the id in the path. */
  readonly credentials: readonly CredentialsAssignment[];
  /** Whether the platform's CA bundle is mounted into the containers. */
  readonly trustBundle: boolean;
}

export interface CredentialsAssignment {
  readonly id: string;
  readonly roleArn: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly token: string;
  readonly expiresAt: number;
}

export interface TaskMetadata {
  readonly endpointId: string;
  readonly cluster: string;
  readonly taskArn: string;
  readonly family: string;
  readonly revision: string;
  readonly availabilityZone: string;
  readonly launchType: string;
  readonly serviceName: string | undefined;
  /** The task's tags; assignments of an earlier version lack them. */
  readonly tags?: Readonly<Record<string, string>>;
  readonly vpcId: string;
  readonly subnetCidr: string;
}

/** A pause container with its interface, created before a task needs it. */
export interface WarmAssignment {
  readonly kind: "interface";
  readonly key: string;
  readonly interface: InterfaceAssignment;
}

export interface SecurityRule {
  readonly direction: "ingress" | "egress";
  readonly protocol: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly cidr: string | undefined;
  readonly groupId: string | undefined;
}

/** A numbered rule of a network ACL. */
export interface NetworkAclRule {
  readonly number: number;
  readonly egress: boolean;
  /** The IANA number of the protocol, or -1 for all. */
  readonly protocol: string;
  readonly action: "allow" | "deny";
  readonly cidr: string;
  /** For TCP and UDP the destination ports; for ICMP the type and the code, of which -1 matches all. */
  readonly fromPort: number | undefined;
  readonly toPort: number | undefined;
}

/** Everything that a VPC's router on a node needs. */
export interface VpcAssignment {
  readonly kind: "vpc";
  readonly key: string;
  readonly vpcId: string;
  readonly index: number;
  readonly cidr: string;
  readonly region: string;
  readonly subnets: readonly {
    readonly id: string;
    readonly cidr: string;
    readonly egress: "internet" | "nat" | "none";
    readonly natPublicIp: string | undefined;
    /** The network ACL of the subnet, and that of the subnet of its NAT gateway. Undefined in assignments of older versions. */
    readonly aclId?: string | undefined;
    readonly natAclId?: string | undefined;
  }[];
  /** Blocks besides the first. */
  readonly secondaryCidrs?: readonly string[] | undefined;
  /** Whether the VPC's resolver answers; undefined: it does. */
  readonly dnsSupport?: boolean | undefined;
  /** Network ACLs; undefined in assignments of older versions. */
  readonly acls?: readonly { readonly id: string; readonly rules: readonly NetworkAclRule[] }[] | undefined;
  readonly interfaces: readonly {
    readonly id: string;
    readonly ip: string;
    readonly mac: string;
    readonly groups: readonly string[];
    readonly publicIp: string | undefined;
    readonly local: boolean;
    /** Whether the interface is that of an endpoint, which leads to the platform's services. */
    readonly endpoint?: boolean | undefined;
  }[];
  readonly groups: readonly { readonly id: string; readonly rules: readonly SecurityRule[] }[];
  /** Names answered inside the VPC besides the AWS service names. */
  readonly names: Readonly<Record<string, readonly string[]>>;
}

/** A folder of the node's data volume that outlives pods: a file system's. It is removed with its content when it is no longer assigned. */
export interface FolderKeptAssignment {
  readonly kind: "folder";
  readonly key: string;
  readonly path: string;
}

export type Assignment =
  | PodAssignment
  | WarmAssignment
  | VpcAssignment
  | BalancersAssignment
  | FolderKeptAssignment;

/** Settings of the whole node: where tasks reach the platform, and which CA they trust. */
export interface NodeSettings {
  /** Host and port of the control plane's TLS side, as the agent reaches it. */
  readonly tlsHost: string;
  readonly tlsPort: number;
  readonly caPem: string;
  readonly account: string;
  /** Signs the headers of relayed connections (`relay-header.ts`), in hexadecimal. Undefined in settings that an older version stored. */
  readonly relayKey?: string;
}
