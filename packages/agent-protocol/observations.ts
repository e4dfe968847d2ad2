import type { LogDestination } from "./assignments.ts";
import type { BalancerLogKind } from "./balancers.ts";

export interface ContainerObservation {
  readonly name: string;
  readonly runtimeId: string | undefined;
  readonly imageDigest: string | undefined;
  /** Where the image comes from; `TaskContainerRecord` says what each means. Absent until it is known. */
  readonly imageSource?: "registry" | "engine" | "built";
  readonly status: "PENDING" | "RUNNING" | "STOPPED";
  readonly exitCode: number | undefined;
  readonly reason: string | undefined;
  readonly health: "HEALTHY" | "UNHEALTHY" | "UNKNOWN";
}

export interface PodObservation {
  readonly key: string;
  readonly phase: "pending" | "running" | "stopping" | "stopped";
  readonly containers: readonly ContainerObservation[];
  /** Why the pod stopped by itself; undefined where it was told to stop. */
  readonly stop:
    | { readonly code: "TaskFailedToStart" | "EssentialContainerExited"; readonly reason: string }
    | undefined;
  readonly connectivityAt: number | undefined;
  readonly pullStartedAt: number | undefined;
  readonly pullStoppedAt: number | undefined;
  readonly startedAt: number | undefined;
  readonly executionStoppedAt: number | undefined;
  /** The EBS volumes that are attached; absent for pods without block devices. */
  readonly attachedVolumes?: readonly string[];
  /** The interfaces that are attached besides the pod's own; absent for pods without, and while it is unknown. */
  readonly attachedInterfaces?: readonly string[];
}

export interface TargetObservation {
  readonly targetGroupArn: string;
  readonly address: string;
  readonly port: number;
  readonly health: "initial" | "healthy" | "unhealthy" | "unused";
  readonly reason: string | undefined;
  readonly description: string | undefined;
  /** Whether the configuration in effect sends no new requests to the target. */
  readonly draining: boolean;
  /** Requests in progress. A draining target without any has drained. */
  readonly inFlight: number;
}

export interface BalancersObservation {
  readonly targets: readonly TargetObservation[];
  /** Host ports by balancer ARN and listener port. */
  readonly hostPorts: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Parts of load balancers that the proxy rejects and that are left out of its configuration. */
  readonly leftOut?: readonly BalancerPartLeftOut[];
}

export interface LogLine {
  /** Docker's own nanosecond timestamp of the event's first line: the cursor. */
  readonly cursor: string;
  readonly timestamp: number;
  readonly message: string;
}

/** What a pod's containers used together between two moments (ms). */
export interface UsageSample {
  /** The pod's key. */
  readonly pod: string;
  readonly from: number;
  readonly until: number;
  readonly cpuSeconds: number;
  /** At the end, without file cache. */
  readonly memoryBytes: number;
  /** Received and sent by the pod's interface; these and what follows are absent where they are unknown. */
  readonly rxBytes?: number;
  readonly txBytes?: number;
  readonly rxPackets?: number;
  readonly txPackets?: number;
  /** Read from and written to block devices, and the operations that did so. */
  readonly readBytes?: number;
  readonly writeBytes?: number;
  readonly readOps?: number;
  readonly writeOps?: number;
  /** Of databases, at the end: connections of clients, and bytes of the data folder. */
  readonly connections?: number;
  readonly storedBytes?: number;
  /** Of read replicas, at the end: how far they are behind their source; -1 where they do not replicate. */
  readonly replicaLagSeconds?: number;
  /**
   * The file systems that the pod mounts. The bytes of each are measured every 15 minutes, and said by one
   * of its pods.
   */
  readonly fileSystems?: readonly { readonly id: string; readonly storedBytes?: number }[];
  /** Bytes of the task's ephemeral storage that are in use, at the end, where the assignment asks for it. */
  readonly ephemeralBytes?: number;
  /** By container, where the assignment asks for it. */
  readonly containers?: readonly ContainerSample[];
}

/** Usage of a container in the time of its pod's sample. A container that was started meanwhile has no usage. */
export interface ContainerSample {
  readonly name: string;
  readonly cpuSeconds?: number;
  /** At the end, without file cache. */
  readonly memoryBytes?: number;
  readonly readBytes?: number;
  readonly writeBytes?: number;
  /** How often its restart policy started it again; absent where it has none. */
  readonly restarts?: number;
}

/** Requests that the proxy answered, of one target of one target group behind one load balancer. */
export interface TrafficSample {
  readonly balancer: string;
  /** Undefined where the load balancer answered itself. */
  readonly targetGroup: string | undefined;
  /** The address of the target; undefined where none was chosen. */
  readonly target: string | undefined;
  /** Those that a target was chosen for. */
  readonly requests: number;
  /** Answers of targets with the statuses 2xx, 3xx, 4xx and 5xx. */
  readonly answered: readonly number[];
  /** Answers of the load balancer itself, by status. */
  readonly generated: Readonly<Record<string, number>>;
  /** Received and sent. */
  readonly bytes: number;
  readonly connectionErrors: number;
  /** Milliseconds until a target's answer began, each followed by the number of requests. */
  readonly latencies: readonly number[];
  /** Connections of clients to the load balancer as a whole: opened, open at the end, and their bytes. */
  readonly connections?: { readonly opened: number; readonly active: number; readonly bytes: number };
}

/** The ends of a flow, and what was counted of it. */
export interface Flow {
  readonly source: string;
  readonly destination: string;
  /** 0 where the protocol has no ports. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** The IANA number. */
  readonly protocol: number;
  readonly packets: number;
  readonly bytes: number;
}

/** Packets of one flow at one interface during an aggregation interval. Times are seconds since the epoch. */
export interface FlowRecord extends Flow {
  readonly interfaceId: string;
  readonly start: number;
  readonly end: number;
  readonly action: "ACCEPT" | "REJECT";
  readonly direction: "ingress" | "egress";
  /** The flags that the flow's packets had, of those that a flow log records; absent: none of them. */
  readonly tcpFlags?: number;
}

export type ToControlPlane =
  | {
      readonly type: "hello";
      readonly nodeId: string;
      readonly hostname: string;
      readonly cpu: number;
      readonly memoryMiB: number;
      /** The availability zone that the node serves; absent: all of them. */
      readonly zone?: string;
      readonly labels?: Readonly<Record<string, string>>;
      readonly architecture?: "x86_64" | "arm64";
      readonly pid: number;
    }
  | { readonly type: "pod"; readonly observation: PodObservation }
  | { readonly type: "removed"; readonly key: string }
  | { readonly type: "interface"; readonly id: string; readonly ready: boolean }
  | { readonly type: "balancers"; readonly observation: BalancersObservation }
  | {
      readonly type: "logs";
      readonly containerId: string;
      readonly destination: LogDestination;
      readonly lines: readonly LogLine[];
    }
  /**
   * What was measured since the batch before. A batch is sent again until it is taken: its number says
   * whether it is known.
   */
  | {
      readonly type: "metrics";
      /** One run of the agent. */
      readonly session: string;
      readonly sequence: number;
      readonly usage: readonly UsageSample[];
      /** The minute in which the traffic was counted (ms); absent from agents of an earlier version. */
      readonly at?: number;
      readonly traffic?: readonly TrafficSample[];
    }
  /** A finished file of a load balancer's log. It is sent again until it is taken. */
  | {
      readonly type: "balancerLog";
      /** Identifies the file; a part of its name in S3. */
      readonly id: string;
      readonly balancerArn: string;
      readonly log: BalancerLogKind;
      /** The end of the period that the file covers (ms). */
      readonly until: number;
      /** gzip, base64. */
      readonly content: string;
    }
  /** Flows of a flow log during an aggregation interval. They are sent again until they are taken. */
  | {
      readonly type: "flows";
      /** Identifies the batch; a part of its name in S3. Ids of a node are hexadecimal, of one length, and grow. */
      readonly id: string;
      readonly flowLogId: string;
      /** The aggregation interval: seconds since the epoch. */
      readonly from: number;
      readonly until: number;
      readonly flows: readonly FlowRecord[];
      /** Interfaces without a packet in the interval. */
      readonly idle: readonly string[];
      /** Interfaces some of whose flows were not counted, because there were too many. */
      readonly skipped: readonly string[];
    }
  /** Whether a VPC's rules are in effect. A closed VPC lets no new connection through. */
  | {
      readonly type: "firewall";
      readonly vpcId: string;
      readonly closed: boolean;
      readonly problems: readonly string[];
    }
  /** The version of a hosted zone that the node's resolvers answer from. */
  | { readonly type: "zone"; readonly key: string; readonly version: number }
  /** The file of an EBS volume or snapshot is there, with this size. */
  | { readonly type: "volumeFile"; readonly key: string; readonly bytes: number }
  /** The files of a database's snapshot are there, with this size together. */
  | { readonly type: "databaseSnapshot"; readonly key: string; readonly bytes: number }
  /** An assignment that did not pass the agent's checks; nothing of it is done. */
  | { readonly type: "refused"; readonly key: string; readonly problem: string }
  | { readonly type: "imageWanted"; readonly image: string }
  | {
      readonly type: "engine";
      /** Whether the container engine carries out list and inspect in time. */
      readonly answers: boolean;
      /** Since when: of an engine that does not answer, the time of its last answer. Milliseconds. */
      readonly since: number;
    };

export interface BalancerPartLeftOut {
  readonly balancerArn: string;
  /** The part, for people: `rule 10 of the listener on port 80`. */
  readonly part: string;
  readonly reason: string;
}
