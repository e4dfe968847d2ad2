import type { ClockSegment } from "@gantry/kernel";
import type { Assignment, NodeSettings } from "./assignments.ts";
import type { LinkToAgent, LinkToControlPlane } from "./link.ts";
import type { ToControlPlane } from "./observations.ts";

export type ToAgent =
  | {
      readonly type: "sync";
      readonly settings: NodeSettings;
      readonly assignments: readonly Assignment[];
      /** Keys whose assignment cannot be made from the records: what the node has of them stays. */
      readonly kept?: readonly string[];
    }
  | { readonly type: "assign"; readonly assignment: Assignment }
  | { readonly type: "unassign"; readonly key: string }
  | { readonly type: "logsTaken"; readonly containerId: string; readonly cursor: string }
  | { readonly type: "metricsTaken"; readonly session: string; readonly sequence: number }
  | { readonly type: "balancerLogTaken"; readonly id: string }
  | { readonly type: "flowsTaken"; readonly id: string }
  /** The platform's clock, by which the node measures; real time where there are no segments. */
  | { readonly type: "clock"; readonly segments: readonly ClockSegment[] }
  | { readonly type: "imageReady"; readonly image: string; readonly problem: string | undefined };

/**
 * A message with its sequence number in its connection. The receiver applies a message only if it has applied none with
 * a higher or equal number about the same subject, so duplicated and reordered messages change nothing.
 */
export interface Envelope<T> {
  readonly sequence: number;
  readonly message: T;
}

/** What the control plane sends to an agent. */
export type AgentBound = Envelope<ToAgent | LinkToAgent>;
/** What an agent sends to the control plane. */
export type ControlPlaneBound = Envelope<ToControlPlane | LinkToControlPlane>;

/** Numbers the messages of one connection. */
export function newSequencer<T>(): (message: T) => Envelope<T> {
  let sequence = 0;
  return (message) => ({ sequence: (sequence += 1), message });
}

/** The highest sequence number that one side of a connection has received for each subject. */
export class Heard {
  readonly #last = new Map<string, number>();

  /** Whether the message is newer than everything received about the subject. If so, its number is recorded. */
  isNews(subject: string, sequence: number): boolean {
    if ((this.#last.get(subject) ?? 0) >= sequence) return false;
    this.#last.set(subject, sequence);
    return true;
  }
}

/** Serializes one message as a line. */
export function writeMessage(envelope: AgentBound | ControlPlaneBound): string {
  return `${JSON.stringify(envelope)}\n`;
}

/** Reads messages from a byte stream and calls back with each one. Throws on a line longer than 64 MiB. */
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
    // Both sides are of one version and one type.
    for (const line of lines) if (line !== "") this.#onMessage(JSON.parse(line) as Envelope<T>);
  }
}

const LINE_MAX = 64 * 1024 * 1024;
