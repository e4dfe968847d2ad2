/** The engine's state of one container of this instance. */
export interface EngineContainer {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: "created" | "running" | "exited";
  readonly pid: number;
  readonly exitCode: number | undefined;
  readonly outOfMemory: boolean;
  /** The engine's own message about why it could not start. */
  readonly problem: string | undefined;
  readonly health: "HEALTHY" | "UNHEALTHY" | "UNKNOWN";
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
  readonly imageDigest: string | undefined;
}

/**
 * A folder or file of the engine's host, which must exist, mounted in a container. Changes of mounts do not
 * propagate.
 */
export interface MountSpec {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** An image that the engine has. */
export interface EngineImage {
  readonly id: string;
  /** Its digest in a registry; undefined for an image that was neither pulled nor pushed. */
  readonly digest: string | undefined;
  /** Names with their tags. */
  readonly names: readonly string[];
  /** What a container of the image executes by itself. */
  readonly entryPoint: readonly string[];
  readonly command: readonly string[];
  /** Whether Gantry built it from Debian packages. */
  readonly isBuilt: boolean;
}

/** The specification of a container. Its name is derived from its purpose, so that creation is idempotent. */
export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly command: readonly string[] | undefined;
  readonly entryPoint: readonly string[] | undefined;
  readonly workingDirectory: string | undefined;
  readonly user: string | undefined;
  readonly environment: readonly string[];
  readonly hostname: string | undefined;
  readonly interactive: boolean;
  readonly pseudoTerminal: boolean;
  /** `none` (a network namespace with a loopback interface only), `host`, or `container:ID`. */
  readonly network: string;
  readonly pidHost: boolean;
  readonly privileged: boolean;
  readonly mounts: readonly MountSpec[];
  readonly cpuShares: number;
  readonly memoryMiB: number | undefined;
  readonly memoryReservationMiB: number | undefined;
  /** Processes and threads of this container; undefined where its control group's parent bounds them. */
  readonly pidsMax: number | undefined;
  readonly cgroupParent: string | undefined;
  readonly readonlyRootFilesystem: boolean;
  readonly init: boolean;
  readonly capabilitiesAdd: readonly string[];
  readonly capabilitiesDrop: readonly string[];
  readonly securityOptions: readonly string[];
  /** Device numbers that the container may open besides the engine's, as rules of device control groups. */
  readonly deviceRules?: readonly string[];
  readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly stopSignal: string | undefined;
  readonly healthCheck:
    | {
        readonly command: readonly string[];
        readonly intervalSeconds: number;
        readonly timeoutSeconds: number;
        readonly retries: number;
        readonly startPeriodSeconds: number;
      }
    | undefined;
  readonly restartAlways: boolean;
  readonly logsMaxMiB: number;
}

/** One sample of a container's resource usage, in the shape of Docker's statistics. */
export interface EngineStats {
  /** The time of the sample, RFC 3339. */
  readonly read: string;
  readonly cpu_stats: object;
  readonly [member: string]: unknown;
}

/** What a container stores, in bytes. */
export interface EngineStorage {
  readonly imageId: string;
  /** Of the image's layers, which containers of the image share. */
  readonly imageBytes: number;
  /** Of files that the container created or changed. */
  readonly writtenBytes: number;
}

export interface EngineLogLine {
  /** Nanosecond timestamp as the engine writes it. */
  readonly at: string;
  readonly text: string;
}

/**
 * The operations of a container engine that the agent needs. All are idempotent: a state that already holds
 * is success.
 */
export interface Engine {
  /**
   * Finds an image by a name, a name with a digest, or an id; undefined where the engine does not have it.
   */
  image(reference: string): Promise<EngineImage | undefined>;
  /**
   * Queries the image's registry for the digest of its tag.
   * Errors: CannotPullContainerError; `unreachable` is set where no registry answered in time.
   */
  resolveDigest(image: string, registryAuth: string | undefined, timeoutMs: number): Promise<string>;
  /** Adds a name to an image. */
  tagImage(reference: string, name: string): Promise<void>;
  /** Makes an image of a container's files; its processes are frozen meanwhile. */
  commitContainer(id: string, name: string): Promise<void>;
  /** Removes a name of an image, and the image with its last name. Throws while a container uses it. */
  removeImage(name: string): Promise<void>;
  /** Errors: CannotPullContainerError; `unreachable` is set where no registry answered at all. */
  pullImage(image: string, registryAuth: string | undefined): Promise<void>;
  createContainer(spec: ContainerSpec): Promise<string>;
  startContainer(id: string): Promise<void>;
  stopContainer(id: string, timeoutSeconds: number): Promise<void>;
  removeContainer(id: string): Promise<void>;
  inspect(idOrName: string): Promise<EngineContainer | undefined>;
  /** As `inspect`, but never from an earlier answer: for what cannot be undone. */
  inspectNow(idOrName: string): Promise<EngineContainer | undefined>;
  /** Takes one sample immediately; undefined where there is no such container. */
  stats(id: string): Promise<EngineStats | undefined>;
  /** What a container stores; undefined where there is no such container. The engine counts its files. */
  storage(id: string): Promise<EngineStorage | undefined>;
  list(label: string): Promise<readonly EngineContainer[]>;
  /** Lists the containers with the label and inspects one of them, a different one for each turn. */
  probe(label: string, turn: number): Promise<void>;
  /**
   * Yields lines from just after the cursor, then live ones, until the container has ended or the signal
   * aborts.
   */
  logs(id: string, after: string | undefined, signal: AbortSignal): AsyncIterable<EngineLogLine>;
  /**
   * Calls back with the labels of a container of this instance whenever its state changes. Reconnects
   * automatically.
   */
  watch(
    label: string,
    onChange: (labels: Readonly<Record<string, string>>) => void,
    signal: AbortSignal,
  ): void;
}

/**
 * An operation of the engine failed; `name` is the word that ECS reports before the colon. Source:
 * amazon-ecs-agent, agent/engine/errors.go.
 */
export class EngineError extends Error {
  override readonly name:
    | "CannotPullContainerError"
    | "CannotCreateContainerError"
    | "CannotStartContainerError"
    | "CannotStopContainerError"
    | "CannotInspectContainerError"
    | "CannotRemoveContainerError";
  /** No registry answered: the image may be built locally instead. */
  readonly unreachable: boolean;
  /** The engine no longer has the image of the container to be created; it can be pulled again. */
  readonly imageMissing: boolean;
  constructor(
    name: EngineError["name"],
    message: string,
    options: { cause?: unknown; unreachable?: boolean; imageMissing?: boolean } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = name;
    this.unreachable = options.unreachable ?? false;
    this.imageMissing = options.imageMissing ?? false;
  }
}
