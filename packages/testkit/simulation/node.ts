import { Agent, AgentSession, FakeEngine, namingOf, PAUSE_IMAGE } from "@gantry/agent";
import type { Envelope, ToAgent, ToControlPlane } from "@gantry/agent-protocol";
import type { NodeConnection, NodeGateway } from "@gantry/controllers";
import type { Clock, Logger } from "@gantry/kernel";
import type { Resources } from "@gantry/state";
import type { Dice } from "./dice.ts";
import { fakeHost, fakePrograms, type FakeProxy } from "./fake-host.ts";
import { Killed, Life, mortalClock, mortalEngine, type Fate } from "./life.ts";
import { Link, type LinkFaults } from "./link.ts";

const AWAY_MAX_MS = 3_000;

/**
 * A crash point: the number of further writes, or engine calls, until a process is killed, and whether before
 * or after the last.
 */
export interface CrashPoint {
  left: number;
  readonly fate: Fate;
}

/** The current control plane. */
interface ControlPlane {
  readonly life: Life;
  readonly gateway: NodeGateway;
}

interface NodeDeps {
  readonly id: string;
  readonly capacity: Resources;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Logger;
  readonly linkFaults: () => LinkFaults;
  /** The time since which a container serves at an address, on any node. */
  readonly servingSince: (address: string) => number | undefined;
}

/**
 * A node of the simulation: a fake engine and the agent's persisted state, which outlive the real agent, and
 * the agent, which can be killed at any call of its engine and restarts automatically.
 */
export class SimulatedNode {
  readonly id: string;
  readonly capacity: Resources;
  readonly engine: FakeEngine;
  /** The next crash point of the agent, where it has one. */
  crashPoint: CrashPoint | undefined;
  /** No connection is made before this time (ms). */
  isolatedUntil = 0;
  readonly #deps: NodeDeps;
  readonly #remembered = { text: undefined as string | undefined };
  readonly proxy: FakeProxy = { since: 0, failingGroup: undefined };
  #incarnations = 0;
  #agent: { readonly life: Life; readonly agent: Agent } | undefined;
  #connection: { readonly end: () => void } | undefined;
  #stopped = false;

  constructor(deps: NodeDeps) {
    this.id = deps.id;
    this.capacity = deps.capacity;
    this.#deps = deps;
    this.engine = new FakeEngine(deps.clock, [PAUSE_IMAGE]);
  }

  start(): void {
    const { clock, log } = this.#deps;
    const life = new Life();
    this.#incarnations += 1;
    const host = fakeHost({
      clock,
      servingSince: this.#deps.servingSince,
      remembered: this.#remembered,
      proxy: this.proxy,
    });
    const agent = new Agent({
      engine: mortalEngine(this.engine, life, () => fateOf(this)),
      programs: fakePrograms,
      naming: namingOf("w"),
      clock: mortalClock(clock, life),
      log,
      host: {
        ...host,
        memory: {
          ...host.memory,
          write: (text: string) => (life.isAlive ? host.memory.write(text) : undefined),
        },
      },
    });
    life.atEnd(() => {
      this.#agent = undefined;
      this.cut();
      clock.after(this.#deps.dice.number(50, AWAY_MAX_MS), () => {
        if (!this.#stopped) this.start();
      });
    });
    void agent.start(); // The fake host prepares at once.
    this.#agent = { life, agent };
  }

  kill(): void {
    this.#agent?.life.end();
  }

  /**
   * Kills the proxy, which restarts within seconds: until then the health of targets is unknown, and all are
   * checked anew.
   */
  killProxy(): void {
    const { clock, dice } = this.#deps;
    this.proxy.since = clock.now() + dice.number(50, AWAY_MAX_MS);
  }

  /** Simulates a power cut of the node: all of its containers and its agent end. */
  powerCut(): void {
    this.engine.powerCut();
    this.kill();
  }

  /** Ends the connection; messages in flight are lost. */
  cut(): void {
    this.#connection?.end();
  }

  stop(): void {
    this.#stopped = true;
    this.kill();
  }

  /** Connects the agent to the control plane where both run and are not connected. */
  connect(controlPlane: ControlPlane | undefined): void {
    // A control plane that was killed during its start remains referenced until the next one starts.
    if (this.#connection !== undefined || controlPlane?.life.isAlive !== true) return;
    const own = this.#agent;
    if (own?.life.isAlive !== true || this.#deps.clock.now() < this.isolatedUntil) return;
    const { clock, dice } = this.#deps;
    const { gateway, life } = controlPlane;
    const link = { clock, dice, linkFaults: this.#deps.linkFaults };
    const toAgent = new Link<Envelope<ToAgent>>({
      ...link,
      deliver: (envelope) => session.receive(envelope),
    });
    const peer: NodeConnection = { send: (envelope) => toAgent.send(envelope) };
    const toControlPlane = new Link<Envelope<ToControlPlane>>({
      ...link,
      deliver: (envelope) => survive(() => gateway.receive(peer, envelope)),
    });
    gateway.connect(peer);
    this.#connection = {
      end: () => {
        this.#connection = undefined;
        toAgent.cut();
        toControlPlane.cut();
        if (life.isAlive) survive(() => gateway.disconnect(peer));
        if (own.life.isAlive) session.close();
      },
    };
    const session = new AgentSession({
      agent: own.agent,
      clock: mortalClock(clock, own.life),
      hello: {
        type: "hello",
        nodeId: this.id,
        hostname: this.id,
        cpu: this.capacity.cpuUnits,
        memoryMiB: this.capacity.memoryMiB,
        pid: this.#incarnations,
      },
      send: (envelope) => toControlPlane.send(envelope),
    });
  }
}

/** The fate of the next write or call of a process with a crash point. */
export function fateOf(of: { crashPoint: CrashPoint | undefined }): Fate {
  const { crashPoint } = of;
  if (crashPoint === undefined || (crashPoint.left -= 1) > 0) return "lives";
  of.crashPoint = undefined;
  return crashPoint.fate;
}

/** Calls into a process that may be killed during the call. */
export function survive(call: () => void): void {
  try {
    call();
  } catch (thrown) {
    if (!(thrown instanceof Killed)) throw thrown;
  }
}
