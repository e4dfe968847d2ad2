import {
  Heard,
  newSequencer,
  type Envelope,
  type ToAgent,
  type ToControlPlane,
} from "@gantry/agent-protocol";
import type { Clock, Timer } from "@gantry/kernel";
import type { Agent } from "./agent.ts";
import { messageProblem } from "./checks/check-message.ts";

/**
 * Interval of hello messages. A lost message delays convergence by at most this: with each hello, both sides
 * send their full state.
 */
const HELLO_EVERY_MS = 60_000;

export type Hello = Extract<ToControlPlane, { type: "hello" }>;

/**
 * One connection of an agent to the control plane: sends hello messages periodically, sends observations in
 * order, and drops stale and duplicate messages.
 */
export class AgentSession {
  readonly #agent: Agent;
  readonly #clock: Clock;
  readonly #hello: Hello;
  readonly #say: (message: ToControlPlane) => void;
  readonly #heard = new Heard();
  #timer: Timer | undefined;

  constructor(deps: {
    agent: Agent;
    clock: Clock;
    hello: Hello;
    send: (envelope: Envelope<ToControlPlane>) => void;
  }) {
    const number = newSequencer<ToControlPlane>();
    this.#agent = deps.agent;
    this.#clock = deps.clock;
    this.#hello = deps.hello;
    this.#say = (message) => deps.send(number(message));
    this.#greet();
  }

  receive(envelope: Envelope<ToAgent>): void {
    const problem = messageProblem(envelope);
    if (problem !== undefined) return this.#agent.ignore(problem);
    const { sequence, message } = envelope;
    const heard = this.#heard;
    switch (message.type) {
      case "sync": {
        if (!heard.isNews("sync", sequence)) return;
        const said = new Set(message.assignments.map((assignment) => assignment.key)).union(
          new Set(message.kept),
        );
        this.#agent.sync(message.settings, {
          assigned: message.assignments.filter((assignment) => heard.isNews(assignment.key, sequence)),
          // Assignments that the sync omits are removed, unless a newer message mentioned them.
          gone: this.#agent.keys.filter((key) => !said.has(key) && heard.isNews(key, sequence)),
        });
        this.#agent.connected(this.#say);
        return;
      }
      case "assign":
        if (heard.isNews(message.assignment.key, sequence)) this.#agent.receive(message);
        return;
      case "unassign":
        if (heard.isNews(message.key, sequence)) this.#agent.receive(message);
        return;
      case "clock":
        if (heard.isNews("clock", sequence)) this.#agent.receive(message);
        return;
      case "logsTaken":
      case "metricsTaken":
      case "balancerLogTaken":
      case "flowsTaken":
      case "imageReady":
        this.#agent.receive(message);
        return;
    }
  }

  close(): void {
    this.#timer?.cancel();
    this.#agent.disconnected();
  }

  #greet(): void {
    this.#say(this.#hello);
    this.#timer = this.#clock.after(HELLO_EVERY_MS, () => this.#greet());
  }
}
