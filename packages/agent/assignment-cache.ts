import type { Assignment, NodeSettings } from "@gantry/agent-protocol";
import { messageOf, type Clock, type Logger } from "@gantry/kernel";
import type { AgentMemory } from "./agent-memory.ts";
import type { PortMemory } from "./haproxy/host-ports.ts";
import type { ContainerProblem } from "./pods/plan-pod.ts";
import type { ProblemMemory, RestartMemory } from "./pods/pod-controller.ts";

/**
 * The stored form. Assignments contain passwords, environments, credentials and private keys, so they are
 * sealed.
 */
interface Content {
  readonly format: 2;
  /** `Secrets` as sealed JSON. */
  readonly sealed: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly cursors: Readonly<Record<string, string>>;
  /** Reasons why pods cannot start that cannot be read from the engine. */
  readonly problems: Readonly<Record<string, ContainerProblem>>;
  /**
   * How often containers were started again by their policy, by their ids. Agents of earlier versions did not
   * count.
   */
  readonly restarts?: Readonly<Record<string, number>>;
}

interface Secrets {
  readonly settings: NodeSettings | undefined;
  readonly assignments: readonly Assignment[];
  /** Assignments that were withdrawn and whose removal is not complete. */
  readonly leaving: readonly Assignment[];
}

const WRITE_AFTER_MS = 50;
const RETRY_MS = 1_000;

/**
 * The last received assignments, so that an agent that starts while the control plane is unavailable
 * continues as before. It is a write-behind cache, written whole and replaced by rename. Entries that are
 * lost, or sealed with a key that the node no longer has, arrive again with the next sync.
 */
export class AssignmentCache {
  readonly #memory: AgentMemory;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly wanted = new Map<string, Assignment>();
  readonly leaving = new Map<string, Assignment>();
  readonly ports = new Map<string, number>();
  readonly cursors = new Map<string, string>();
  readonly problems = new Map<string, ContainerProblem>();
  readonly restarts = new Map<string, number>();
  settings: NodeSettings | undefined;
  #scheduled: { readonly done: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(memory: AgentMemory, { clock, log }: { clock: Clock; log: Logger }) {
    this.#memory = memory;
    this.#log = log;
    this.#clock = clock;
    const content = parse(memory.read()) as Partial<Content> | undefined; // An agent wrote it.
    const secrets = this.#open(content?.sealed);
    this.settings = secrets?.settings;
    for (const assignment of secrets?.assignments ?? []) this.wanted.set(assignment.key, assignment);
    for (const assignment of secrets?.leaving ?? []) this.leaving.set(assignment.key, assignment);
    for (const [key, port] of Object.entries(content?.ports ?? {})) this.ports.set(key, port);
    for (const [key, cursor] of Object.entries(content?.cursors ?? {})) this.cursors.set(key, cursor);
    for (const [key, problem] of Object.entries(content?.problems ?? {})) this.problems.set(key, problem);
    for (const [key, count] of Object.entries(content?.restarts ?? {})) this.restarts.set(key, count);
    // The content is rewritten at once: it may be sealed with a replaced key, or be plain text of an earlier
    // version.
    if (secrets !== undefined || (content !== undefined && content.format !== 2)) this.changed();
  }

  /** Schedules a write of the changes. */
  changed(): void {
    if (this.#scheduled !== undefined) return;
    const { promise: done, resolve } = Promise.withResolvers<void>();
    this.#scheduled = { done, resolve };
    this.#clock.after(WRITE_AFTER_MS, () => this.#write());
  }

  /** Resolves when all changes so far are written. */
  async written(): Promise<void> {
    await this.#scheduled?.done;
  }

  /** The position up to which each container's log is shipped. */
  cursorAccess(): {
    get(id: string): string | undefined;
    set(id: string, cursor: string): void;
    delete(id: string): void;
  } {
    const { cursors } = this;
    return {
      get: (id) => cursors.get(id),
      set: (id, cursor) => {
        cursors.set(id, cursor);
        this.changed();
      },
      delete: (id) => {
        cursors.delete(id);
        this.changed();
      },
    };
  }

  /**
   * The reason why a pod cannot start is stored before it is reported: the next agent must not retry a pod
   * that was reported as stopped.
   */
  problemAccess(): ProblemMemory {
    const { problems } = this;
    return {
      get: (key) => problems.get(key),
      set: (key, problem) => {
        problems.set(key, problem);
        this.changed();
        return this.written();
      },
      delete: (key) => {
        if (problems.delete(key)) this.changed();
      },
    };
  }

  /** How often containers were started again by their policy. The engine counts only those of its own. */
  restartAccess(): RestartMemory {
    const { restarts } = this;
    return {
      add: (id) => {
        restarts.set(id, (restarts.get(id) ?? 0) + 1);
        this.changed();
      },
      delete: (id) => {
        if (restarts.delete(id)) this.changed();
      },
    };
  }

  /** Host ports that were assigned to listeners. */
  portAccess(): PortMemory {
    const { ports } = this;
    return {
      get: (key) => ports.get(key),
      set: (key, port) => {
        ports.set(key, port);
        this.changed();
      },
    };
  }

  #write(): void {
    const scheduled = this.#scheduled;
    this.#scheduled = undefined;
    const secrets: Secrets = {
      settings: this.settings,
      assignments: [...this.wanted.values()],
      leaving: [...this.leaving.values()],
    };
    const rest: Omit<Content, "sealed"> = {
      format: 2,
      ports: Object.fromEntries(this.ports),
      cursors: Object.fromEntries(this.cursors),
      problems: Object.fromEntries(this.problems),
      restarts: Object.fromEntries(this.restarts),
    };
    try {
      const content: Content = { ...rest, sealed: this.#memory.seal(JSON.stringify(secrets)) };
      this.#memory.write(JSON.stringify(content));
    } catch (thrown) {
      // The disk is full: the write is retried until it succeeds, and everything that depends on it waits.
      this.#scheduled = scheduled;
      this.#log.warn("The assignments could not be stored", { reason: messageOf(thrown) });
      this.#clock.after(RETRY_MS, () => this.#write());
      return;
    }
    scheduled?.resolve();
  }

  #open(sealed: string | undefined): Secrets | undefined {
    if (sealed === undefined) return undefined;
    try {
      return parse(this.#memory.open(sealed)) as Secrets | undefined; // As above.
    } catch (thrown) {
      this.#log.warn("Assignments were sealed with another key and are requested again", {
        reason: messageOf(thrown),
      });
      return undefined;
    }
  }
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
