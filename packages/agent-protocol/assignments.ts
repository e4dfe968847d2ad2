import type { DnsZone } from "@gantry/kernel/dns/zone-content";
import type { AttachedInterface } from "./attached-interfaces.ts";
import type { BalancersAssignment, ClientTarget } from "./balancers.ts";
import type { BlockDevices, RootSnapshotAssignment, VolumeFileAssignment } from "./block-devices.ts";
import type { DatabaseSnapshotAssignment } from "./database-snapshots.ts";
import type {
  AssignedFlowLog,
  AssignedPeering,
  AssignedStandby,
  NetworkAclRule,
  SecurityRule,
} from "./vpc-rules.ts";

/**
 * A network interface as a node makes it: a namespace held by a pause container, a veth pair into the VPC's
 * bridge, an address.
 */
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
  /** Variables (`NAME=value`) that the engine must not record; they replace those of the same name. Absent: none. */
  readonly secretEnvironment?: readonly string[];
  /** Files with secrets, by their paths in the container; its user, a number, alone may read them. Absent: none. */
  readonly secretFiles?: readonly { readonly path: string; readonly value: string }[];
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
  /** The instance whose console the lines are; group and stream are then empty. Absent: they are a log group's. */
  readonly instanceId?: string;
  /** The resource id of the database whose log files the lines are of; group and stream are then empty. */
  readonly databaseId?: string;
  readonly region: string;
  readonly group: string;
  readonly stream: string;
  /** Regular expression. A matching line starts an event; other lines are appended to the event before. */
  readonly multilinePattern: string | undefined;
  readonly nonBlocking: boolean;
  /** In non-blocking mode the oldest buffered lines are dropped beyond this size. */
  readonly bufferMaxBytes: number;
}

/**
 * Where the bytes of a pod's volume are. `id` is unique in the pod; it is made by the control plane, never by
 * a caller.
 */
export type VolumeAssignment =
  /** A folder of the node itself, where the operator allows it. */
  | { readonly type: "host"; readonly id: string; readonly path: string }
  /**
   * A folder of the data volume that the platform names. Where it is missing it is created, as a copy of the folder
   * `source` if that is given.
   */
  | { readonly type: "folder"; readonly id: string; readonly path: string; readonly source?: string }
  /**
   * Files in the node's memory, readable for root alone: what must be neither on its disk nor in the engine's
   * records.
   */
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
  /**
   * The identity under which files are accessed. `user`: every process is this user, with these groups.
   * `rootSquash`: processes keep their own, but root is nobody. Absent: processes keep their own.
   */
  readonly identity?:
    | {
        readonly type: "user";
        readonly uid: number;
        readonly gid: number;
        readonly secondaryGids: readonly number[];
      }
    | { readonly type: "rootSquash" };
}

/**
 * Containers that start and stop together behind one network interface: a task, or a system task such as a
 * database.
 */
export interface PodAssignment {
  readonly kind: "pod";
  readonly key: string;
  readonly role: "task" | "database" | "instance";
  readonly desired: "RUNNING" | "STOPPED";
  readonly interface: InterfaceAssignment;
  /** Interfaces besides it, of the same VPC; absent for pods that are no instances. */
  readonly attachedInterfaces?: readonly AttachedInterface[];
  /** Task-level limits, over all containers together. CPU in units of 1/1024 core. */
  readonly cpuUnits: number | undefined;
  readonly memoryMiB: number | undefined;
  readonly containers: readonly ContainerAssignment[];
  /** Whether the usage of each container is measured too. Absent: of the pod alone. */
  readonly containerMetrics?: boolean;
  /** Whether the ephemeral storage that the pod uses is measured. */
  readonly storageMetrics?: boolean;
  readonly volumes: readonly VolumeAssignment[];
  /** Folders of the data volume to delete once the pod has stopped. */
  readonly purge: readonly string[];
  /** Restart what exits instead of stopping the pod. */
  readonly restart: boolean;
  readonly metadata: TaskMetadata | undefined;
  /** What the instance metadata service answers; absent for pods that are no instances. */
  readonly instance?: InstanceMetadata;
  /** Absent for pods that are no instances. */
  readonly blockDevices?: BlockDevices;
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

/** What an EC2 instance reads about itself at 169.254.169.254. */
export interface InstanceMetadata {
  readonly instanceId: string;
  readonly httpTokens: "optional" | "required";
  /** Signs the session tokens of IMDSv2; in hexadecimal. */
  readonly tokenKey: string;
  /** base64; absent: none. */
  readonly userData?: string;
  /** The categories below `meta-data/` and their texts, such as `placement/region`. Credentials are apart. */
  readonly categories: Readonly<Record<string, string>>;
  /** The instance identity document. */
  readonly document: Readonly<Record<string, string | null>>;
  /** The name of the profile's role. */
  readonly roleName?: string;
}

/** A pause container with its interface, created before a task needs it. */
export interface WarmAssignment {
  readonly kind: "interface";
  readonly key: string;
  readonly interface: InterfaceAssignment;
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
    /**
     * The network ACL of the subnet, and that of the subnet of its NAT gateway. Undefined in assignments of
     * older versions.
     */
    readonly aclId?: string | undefined;
    readonly natAclId?: string | undefined;
    /** The only blocks that the way out leads to; undefined: everywhere. */
    readonly egressBlocks?: readonly string[] | undefined;
    /** Whether the route table leads to a gateway endpoint. */
    readonly hasGatewayEndpoint?: boolean | undefined;
    /** Routes to peerings; a destination without one leads nowhere. */
    readonly peerRoutes?:
      | readonly {
          readonly cidr: string;
          readonly peeringId: string | undefined;
          /** The address of the private NAT gateway that the route leads through. */
          readonly natIp?: string | undefined;
        }[]
      | undefined;
  }[];
  /** Whether the VPC has endpoints: the AWS services are then reached through these, or by a route out. */
  readonly hasEndpoints?: boolean | undefined;
  /** Active peerings; undefined: none. */
  readonly peerings?: readonly AssignedPeering[] | undefined;
  /** Groups of peers that rules of the VPC's groups name, with the addresses of their members. */
  readonly remoteGroups?: readonly { readonly id: string; readonly members: readonly string[] }[] | undefined;
  /** Blocks of peers whose host names the resolver answers as well. */
  readonly hostNameBlocks?: readonly string[] | undefined;
  /** Blocks besides the first. */
  readonly secondaryCidrs?: readonly string[] | undefined;
  /** Targets of network load balancers that see their clients' addresses; undefined: none. */
  readonly clientTargets?: readonly ClientTarget[] | undefined;
  /** Standbys of databases, by the addresses of both servers; undefined: none. */
  readonly standbys?: readonly AssignedStandby[] | undefined;
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
    /** Whether the interface is that of an endpoint at which listeners of another VPC's load balancer answer. */
    readonly serviceEndpoint?: boolean | undefined;
    /** The hop limit of answers of the instance metadata service; absent: the interface does not reach it. */
    readonly metadataHops?: number;
    /** Whether it reaches the platform without a route out or an endpoint: a database that asks about logins there. */
    readonly asksAboutLogins?: boolean | undefined;
  }[];
  readonly groups: readonly { readonly id: string; readonly rules: readonly SecurityRule[] }[];
  /** Flow logs of the VPC, of its subnets and of its interfaces; undefined: none. */
  readonly flowLogs?: readonly AssignedFlowLog[] | undefined;
  /** Names answered inside the VPC besides the AWS service names. */
  readonly names: Readonly<Record<string, readonly string[]>>;
}

/**
 * A folder of the node's data volume that outlives pods: a file system's. It is removed with its content when
 * it is no longer assigned.
 */
export interface FolderKeptAssignment {
  readonly kind: "folder";
  readonly key: string;
  readonly path: string;
}

/** A hosted zone that the node's resolvers answer. */
export interface ZoneAssignment {
  readonly kind: "zone";
  /** `zone/ID`. */
  readonly key: string;
  readonly zone: DnsZone;
}

export type Assignment =
  | PodAssignment
  | WarmAssignment
  | VpcAssignment
  | BalancersAssignment
  | FolderKeptAssignment
  | VolumeFileAssignment
  | RootSnapshotAssignment
  | DatabaseSnapshotAssignment
  | ZoneAssignment;

/** Settings of the whole node: where tasks reach the platform, and which CA they trust. */
export interface NodeSettings {
  /** Host and port of the control plane's TLS side, as the agent reaches it. */
  readonly tlsHost: string;
  readonly tlsPort: number;
  readonly caPem: string;
  readonly account: string;
  /**
   * Signs the headers of relayed connections (`relay-header.ts`), in hexadecimal. Undefined in settings that
   * an older version stored.
   */
  readonly relayKey?: string;
  /** The port of the node's loopback address at which public zones are answered; undefined: none. */
  readonly dnsPort?: number;
  /** How the node answers programs of its own host; undefined: it does not. */
  readonly hostResolver?: HostResolver | undefined;
}

/**
 * The resolver of a node's own host (`gantry dns install`): port 53 of the loopback address answers names, and its
 * ports 443 and 80 lead to the AWS services.
 */
export interface HostResolver {
  readonly address: string;
  /** The resolvers that are asked for names which are not the instance's. */
  readonly upstreams: readonly string[];
  /** The port of the control plane that takes plain HTTP. */
  readonly apiPort: number;
}
