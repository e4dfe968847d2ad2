/**
 * What the control plane and a node's agent say to each other, and nothing else: assignments one way, observations
 * the other, JSON lines over one long-lived connection. Level-triggered: a `sync` is the whole wanted set, an
 * observation is all there is to say of its key, and saying either twice is saying it once.
 */

/** A network interface as a node makes it: a namespace held by a pause container, a cable into the VPC's bridge, an address. */
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
}

/** Says by which settings a container that is restarted was made. */
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
  /** Paths are within the data volume, or the node's own where `ofHost` says so. */
  readonly mounts: readonly {
    readonly path: string;
    readonly containerPath: string;
    readonly readOnly: boolean;
    readonly ofHost: boolean;
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
  /** What the metadata endpoint says of it. */
  readonly arn: string;
}

export interface LogDestination {
  readonly region: string;
  readonly group: string;
  readonly stream: string;
  /** A line that matches starts an event; lines that do not belong to the one before. A regular expression. */
  readonly multilinePattern: string | undefined;
  readonly nonBlocking: boolean;
  /** For non-blocking mode: beyond this the oldest buffered lines are dropped. */
  readonly bufferMaxBytes: number;
}

/** A folder of the node's data volume that a pod mounts: made, with this owner and mode, where it is missing. */
export interface FolderAssignment {
  readonly path: string;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly mode: string | undefined;
}

/** Containers that live and die together behind one network interface: a task, or a system task such as a database. */
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
  readonly folders: readonly FolderAssignment[];
  /** Folders to delete once the pod has stopped. */
  readonly purge: readonly string[];
  /** Restart what exits instead of stopping the pod. */
  readonly restart: boolean;
  readonly metadata: TaskMetadata | undefined;
  /** Credentials that the pod's containers may fetch, by the id in their path. */
  readonly credentials: readonly CredentialsAssignment[];
  /** Name the image's containers are to be mounted the platform's CA bundle. */
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
  readonly vpcId: string;
  readonly subnetCidr: string;
}

/** A pause container with its interface, made ahead of need. */
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

/** Everything a VPC's router on a node has to know. */
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
  }[];
  readonly interfaces: readonly {
    readonly id: string;
    readonly ip: string;
    readonly mac: string;
    readonly groups: readonly string[];
    readonly publicIp: string | undefined;
    readonly local: boolean;
  }[];
  readonly groups: readonly { readonly id: string; readonly rules: readonly SecurityRule[] }[];
  /** Names answered inside the VPC besides the AWS service names. */
  readonly names: Readonly<Record<string, readonly string[]>>;
}

export interface BalancerTarget {
  readonly address: string;
  readonly port: number;
  /** Registered, and neither healthy nor unhealthy so far: one passed check makes it healthy. */
  readonly isNew: boolean;
  readonly draining: boolean;
}

export interface BalancerTargetGroup {
  readonly arn: string;
  readonly vpcId: string;
  readonly protocol: "HTTP" | "HTTPS";
  readonly healthCheck: {
    readonly enabled: boolean;
    readonly protocol: "HTTP" | "HTTPS";
    readonly port: string;
    readonly path: string;
    readonly intervalSeconds: number;
    readonly timeoutSeconds: number;
    readonly healthyThreshold: number;
    readonly unhealthyThreshold: number;
    readonly matcher: string;
  };
  readonly algorithm: "round_robin" | "least_outstanding_requests" | "weighted_random";
  readonly stickySeconds: number | undefined;
  readonly slowStartSeconds: number;
  /** Health checks leave from this address: the load balancer's own. */
  readonly sourceAddress: string;
  readonly targets: readonly BalancerTarget[];
}

export type BalancerAction =
  | {
      readonly type: "forward";
      readonly targets: readonly { readonly targetGroupArn: string; readonly weight: number }[];
      readonly stickySeconds: number | undefined;
    }
  | {
      readonly type: "redirect";
      readonly statusCode: number;
      readonly protocol: string;
      readonly host: string;
      readonly port: string;
      readonly path: string;
      readonly query: string;
    }
  | {
      readonly type: "fixed-response";
      readonly statusCode: number;
      readonly contentType: string;
      readonly body: string;
    };

export type BalancerCondition =
  | {
      readonly field: "host-header" | "path-pattern" | "http-request-method" | "source-ip";
      readonly values: readonly string[];
    }
  | { readonly field: "http-header"; readonly header: string; readonly values: readonly string[] }
  | {
      readonly field: "query-string";
      readonly pairs: readonly { readonly key: string | undefined; readonly value: string }[];
    };

export interface BalancerListener {
  readonly port: number;
  readonly tls: boolean;
  /** Certificate, chain and key in one PEM; the first is the default. */
  readonly certificates: readonly { readonly names: readonly string[]; readonly pem: string }[];
  readonly rules: readonly {
    readonly conditions: readonly BalancerCondition[];
    readonly action: BalancerAction;
  }[];
  readonly defaultAction: BalancerAction;
}

export interface Balancer {
  readonly arn: string;
  readonly dnsName: string;
  readonly vpcId: string;
  readonly addresses: readonly string[];
  readonly internetFacing: boolean;
  readonly idleTimeoutSeconds: number;
  readonly listeners: readonly BalancerListener[];
}

/** All load balancers of a node: the proxy's configuration is rendered whole from it. */
export interface BalancersAssignment {
  readonly kind: "balancers";
  readonly key: "balancers";
  readonly balancers: readonly Balancer[];
  readonly targetGroups: readonly BalancerTargetGroup[];
}

/** A folder of the node's data volume that outlives pods: a file system's. It is removed, with all in it, when it is no longer assigned. */
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

/** What the agent needs to know once: where tasks find the platform, whom they trust. */
export interface NodeSettings {
  /** Host and port of the control plane's TLS side, as the agent reaches it. */
  readonly tlsHost: string;
  readonly tlsPort: number;
  readonly caPem: string;
  readonly account: string;
}

export type ToAgent =
  | { readonly type: "sync"; readonly settings: NodeSettings; readonly assignments: readonly Assignment[] }
  | { readonly type: "assign"; readonly assignment: Assignment }
  | { readonly type: "unassign"; readonly key: string }
  | { readonly type: "logsTaken"; readonly containerId: string; readonly cursor: string }
  | { readonly type: "imageReady"; readonly image: string; readonly problem: string | undefined };

export interface ContainerObservation {
  readonly name: string;
  readonly runtimeId: string | undefined;
  readonly imageDigest: string | undefined;
  readonly status: "PENDING" | "RUNNING" | "STOPPED";
  readonly exitCode: number | undefined;
  readonly reason: string | undefined;
  readonly health: "HEALTHY" | "UNHEALTHY" | "UNKNOWN";
}

export interface PodObservation {
  readonly key: string;
  readonly phase: "pending" | "running" | "stopping" | "stopped";
  readonly containers: readonly ContainerObservation[];
  /** Why it stopped by itself; undefined where it was told to. */
  readonly stop:
    | { readonly code: "TaskFailedToStart" | "EssentialContainerExited"; readonly reason: string }
    | undefined;
  readonly connectivityAt: number | undefined;
  readonly pullStartedAt: number | undefined;
  readonly pullStoppedAt: number | undefined;
  readonly startedAt: number | undefined;
  readonly executionStoppedAt: number | undefined;
}

export interface TargetObservation {
  readonly targetGroupArn: string;
  readonly address: string;
  readonly port: number;
  readonly health: "initial" | "healthy" | "unhealthy" | "unused";
  readonly reason: string | undefined;
  readonly description: string | undefined;
  /** Whether the configuration in effect sends it nothing new. */
  readonly draining: boolean;
  /** Requests under way; a draining target without any has drained. */
  readonly inFlight: number;
}

export interface BalancersObservation {
  /** Fingerprint of the assignment that is in effect. */
  readonly targets: readonly TargetObservation[];
  /** Host ports by balancer ARN and listener port. */
  readonly hostPorts: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface LogLine {
  /** Docker's own nanosecond timestamp of the event's first line: the cursor. */
  readonly cursor: string;
  readonly timestamp: number;
  readonly message: string;
}

export type ToControlPlane =
  | {
      readonly type: "hello";
      readonly nodeId: string;
      readonly hostname: string;
      readonly cpu: number;
      readonly memoryMiB: number;
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
  | { readonly type: "imageWanted"; readonly image: string };

/**
 * A message with its place in its connection. What is said of a subject counts once, and only where nothing newer was
 * heard of it: a message that is doubled, or overtaken by another, changes nothing.
 */
export interface Envelope<T> {
  readonly sequence: number;
  readonly message: T;
}

/** Numbers the messages of one connection. */
export function newSequencer<T>(): (message: T) => Envelope<T> {
  let sequence = 0;
  return (message) => ({ sequence: (sequence += 1), message });
}

/** What one side of a connection has heard of each subject. */
export class Heard {
  readonly #last = new Map<string, number>();

  /** Whether this is news of the subject; if so, it is the newest from here on. */
  isNews(subject: string, sequence: number): boolean {
    if ((this.#last.get(subject) ?? 0) >= sequence) return false;
    this.#last.set(subject, sequence);
    return true;
  }
}

/** One message as the line that carries it. */
export function writeMessage(envelope: Envelope<ToAgent | ToControlPlane>): string {
  return `${JSON.stringify(envelope)}\n`;
}

/** Lines out of a byte stream: hand it chunks, it calls back with each message. A line has a bound. */
export class MessageReader<T> {
  #rest = "";
  readonly #onMessage: (envelope: Envelope<T>) => void;

  constructor(onMessage: (envelope: Envelope<T>) => void) {
    this.#onMessage = onMessage;
  }

  push(chunk: string): void {
    this.#rest += chunk;
    if (this.#rest.length > LINE_MAX) throw new Error("A message is longer than 64 MiB.");
    const lines = this.#rest.split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") this.#onMessage(JSON.parse(line) as Envelope<T>); // Both sides are of one version and one type.
  }
}

const LINE_MAX = 64 * 1024 * 1024;
