/** The engine's answer about one container of ours. */
export interface EngineContainer {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: "created" | "running" | "exited";
  readonly pid: number;
  readonly exitCode: number | undefined;
  readonly outOfMemory: boolean;
  /** The engine's own words on why it could not start. */
  readonly problem: string | undefined;
  readonly health: "HEALTHY" | "UNHEALTHY" | "UNKNOWN";
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
  readonly imageDigest: string | undefined;
}

/** A folder or file of the engine's host, which must exist, in a container. Changes of mounts do not propagate. */
export interface MountSpec {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** An image of the engine. */
export interface EngineImage {
  readonly id: string;
  /** Its digest in a registry; undefined for an image that no registry has given or taken. */
  readonly digest: string | undefined;
  /** Names with their tags. */
  readonly names: readonly string[];
  /** Whether Gantry built it from Debian packages. */
  readonly isBuilt: boolean;
}

/** What a container is made from. Its name is derived from what it is for, so that making it twice is making it once. */
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
  /** `none`, `host`, or `container:ID`. */
  readonly network: string;
  readonly pidHost: boolean;
  readonly privileged: boolean;
  readonly dns:
    | {
        readonly servers: readonly string[];
        readonly search: readonly string[];
        readonly options: readonly string[];
      }
    | undefined;
  readonly extraHosts: readonly string[];
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

/** One sample of a container's use of the machine, in the shape of Docker's statistics. */
export interface EngineStats {
  /** When it was taken, RFC 3339. */
  readonly read: string;
  readonly cpu_stats: object;
  readonly [member: string]: unknown;
}

export interface EngineLogLine {
  /** Nanosecond timestamp as the engine writes it. */
  readonly at: string;
  readonly text: string;
}

/** A container engine, as far as the agent needs one. Everything is idempotent: what is already so is success. */
export interface Engine {
  /** The image of a name, a name with a digest, or an id; undefined where the engine does not have it. */
  image(reference: string): Promise<EngineImage | undefined>;
  /**
   * Asks the image's registry for the digest of its tag.
   * Errors: CannotPullContainerError; `unreachable` is set where no registry answered in time.
   */
  resolveDigest(image: string, registryAuth: string | undefined, timeoutMs: number): Promise<string>;
  /** Gives an image one more name. */
  tagImage(reference: string, name: string): Promise<void>;
  /** Errors: CannotPullContainerError; `unreachable` is set where no registry answered at all. */
  pullImage(image: string, registryAuth: string | undefined): Promise<void>;
  createContainer(spec: ContainerSpec): Promise<string>;
  startContainer(id: string): Promise<void>;
  stopContainer(id: string, timeoutSeconds: number): Promise<void>;
  removeContainer(id: string): Promise<void>;
  inspect(idOrName: string): Promise<EngineContainer | undefined>;
  /** One sample, taken at once; undefined where there is no such container. */
  stats(id: string): Promise<EngineStats | undefined>;
  list(label: string): Promise<readonly EngineContainer[]>;
  /** Lists the containers with the label and inspects one of them, another one for each turn. */
  probe(label: string, turn: number): Promise<void>;
  /** Lines from just after the cursor, then live ones, until the container has ended or the signal aborts. */
  logs(id: string, after: string | undefined, signal: AbortSignal): AsyncIterable<EngineLogLine>;
  /** Calls back with the labels of a container of ours whenever something happened to it. Reconnects by itself. */
  watch(
    label: string,
    onChange: (labels: Readonly<Record<string, string>>) => void,
    signal: AbortSignal,
  ): void;
}

/** The engine could not do it; `name` is the word that ECS reports before the colon. Source: amazon-ecs-agent, agent/engine/errors.go. */
export class EngineError extends Error {
  override readonly name:
    | "CannotPullContainerError"
    | "CannotCreateContainerError"
    | "CannotStartContainerError"
    | "CannotStopContainerError"
    | "CannotInspectContainerError"
    | "CannotRemoveContainerError";
  /** No registry answered: whoever can build the image may. */
  readonly unreachable: boolean;
  /** The engine no longer has the image that a container is to be made from: it can be pulled again. */
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
