import { readFileSync, renameSync, writeFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Assignment, NodeSettings } from "@gantry/agent-protocol";
import type { Clock } from "@gantry/kernel";

interface Content {
  readonly settings: NodeSettings | undefined;
  readonly assignments: readonly Assignment[];
  /** Assignments that were taken back and whose traces are not all gone. */
  readonly leaving: readonly Assignment[];
  readonly ports: Readonly<Record<string, number>>;
  readonly cursors: Readonly<Record<string, string>>;
}

const WRITE_AFTER_MS = 50;

/**
 * What the agent was last told, so that an agent that comes up while the control plane is away goes on as before.
 * It is a cache: written behind, whole, by rename; what is lost is said again by the next sync.
 */
export class AssignmentCache {
  readonly #path: string;
  readonly #clock: Clock;
  readonly wanted = new Map<string, Assignment>();
  readonly leaving = new Map<string, Assignment>();
  readonly ports = new Map<string, number>();
  readonly cursors = new Map<string, string>();
  settings: NodeSettings | undefined;
  #scheduled = false;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
    mkdirSync(dirname(path), { recursive: true });
    const content = read(path);
    this.settings = content?.settings;
    for (const assignment of content?.assignments ?? []) this.wanted.set(assignment.key, assignment);
    for (const assignment of content?.leaving ?? []) this.leaving.set(assignment.key, assignment);
    for (const [key, port] of Object.entries(content?.ports ?? {})) this.ports.set(key, port);
    for (const [key, cursor] of Object.entries(content?.cursors ?? {})) this.cursors.set(key, cursor);
  }

  /** Has what changed written soon. */
  changed(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.after(WRITE_AFTER_MS, () => this.#write());
  }

  /** How far each container's log is shipped. */
  cursorAccess(): { get(id: string): string | undefined; set(id: string, cursor: string): void; delete(id: string): void } {
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

  /** Host ports that listeners were given. */
  portAccess(): { get(key: string): number | undefined; set(key: string, port: number): void } {
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
    this.#scheduled = false;
    const content: Content = {
      settings: this.settings,
      assignments: [...this.wanted.values()],
      leaving: [...this.leaving.values()],
      ports: Object.fromEntries(this.ports),
      cursors: Object.fromEntries(this.cursors),
    };
    writeFileSync(`${this.#path}.new`, JSON.stringify(content), { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }
}

function read(path: string): Content | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Content; // We wrote it.
  } catch {
    return undefined;
  }
}
