import {
  Heard,
  newSequencer,
  type Envelope,
  type NodeSettings,
  type ToAgent,
  type ToControlPlane,
} from "@gantry/agent-protocol";
import { Controller, messageOf, type Reconciler } from "@gantry/kernel";
import { clockSegments } from "@gantry/state";
import type { ControllerDeps } from "../controller-deps.ts";
import { recordBalancers } from "./record-balancers.ts";
import { recordFirewall, recordRefused } from "./record-firewall.ts";
import { assignmentKeyOf, assignmentOf, assignmentsFor, subjectKeys, subjectsOf } from "./assignments-for.ts";
import { subjectOf } from "./message-subject.ts";
import type { AssignmentDeps } from "./pod-assignment.ts";
import { recordEngine } from "./record-engine.ts";
import { recordContact, recordContactLost } from "./record-node.ts";
import { recordInterface, recordPod, recordRemoved } from "./record-pod.ts";

export interface NodeGatewayDeps extends ControllerDeps {
  readonly assignments: AssignmentDeps;
  readonly settings: NodeSettings;
  /** Takes log lines that a node ships; answers the cursor up to which they are kept. */
  readonly takeLogs: (
    message: Extract<ToControlPlane, { type: "logs" }>,
    nodeId: string,
  ) => string | undefined;
  /** Adds what a node measured to the metrics; a batch that is known is dropped. */
  readonly takeMetrics: (
    nodeId: string,
    message: Extract<ToControlPlane, { type: "metrics" }>,
  ) => Promise<void>;
  /** Stores a file of a load balancer's log. A rejection means that it must be sent again. */
  readonly takeBalancerLog: (
    nodeId: string,
    message: Extract<ToControlPlane, { type: "balancerLog" }>,
  ) => Promise<void>;
  /** Makes an image that no registry has. */
  readonly provideImage: (image: string) => Promise<void>;
}

/** A connected agent, as the gateway talks to it. */
export interface NodeConnection {
  readonly send: (envelope: Envelope<ToAgent>) => void;
}

/** One session of a node's agent. */
interface Session {
  readonly peer: NodeConnection;
  /** Empty until the agent has said hello. */
  nodeId: string;
  pid: number;
  /** What the agent was last told, by the assignment's key. */
  readonly sent: Map<string, string>;
  readonly heard: Heard;
  readonly say: (message: ToAgent) => void;
}

const GATHER_MS = 25;

/**
 * Between the store and the nodes: each assignment is computed fresh from records when one of them changes, and sent to
 * its node where it differs from what was sent; each observation is folded into the records it is about. A node is told
 * what is its own, and its reports count for what is its own. A new session is told everything.
 */
export class NodeGateway {
  readonly #deps: NodeGatewayDeps;
  readonly #controller: Controller;
  readonly #soon = new Set<string>();
  readonly #sessions = new Map<NodeConnection, Session>();
  #stopped = false;

  constructor(deps: NodeGatewayDeps) {
    this.#deps = deps;
    this.#controller = new Controller(this.#reconciler(), deps);
  }

  start(): void {
    for (const id of this.#deps.store.keys("node")) recordContactLost(this.#deps, id);
    this.#controller.start();
  }

  stop(): Promise<void> {
    this.#stopped = true;
    return this.#controller.stop();
  }

  /** The agents that are connected now. */
  get agents(): readonly { readonly nodeId: string; readonly pid: number }[] {
    return this.#admitted().map(({ nodeId, pid }) => ({ nodeId, pid }));
  }

  connect(peer: NodeConnection): void {
    const number = newSequencer<ToAgent>();
    this.#sessions.set(peer, {
      peer,
      nodeId: "",
      pid: 0,
      sent: new Map(),
      heard: new Heard(),
      say: (message) => {
        const envelope = number(message);
        void this.#deps.store.settled().then(() => peer.send(envelope)); // settled never rejects.
      },
    });
  }

  disconnect(peer: NodeConnection): void {
    const session = this.#sessions.get(peer);
    if (!this.#sessions.delete(peer) || session === undefined || session.nodeId === "") return;
    if (!this.#stopped) recordContactLost(this.#deps, session.nodeId);
  }

  receive(peer: NodeConnection, { sequence, message }: Envelope<ToControlPlane>): void {
    const session = this.#sessions.get(peer);
    if (session === undefined || !session.heard.isNews(subjectOf(message), sequence)) return;
    if (message.type === "hello") this.#welcome(session, message);
    // What a session says before its hello is nobody's.
    else if (session.nodeId !== "") this.#take(session, message);
  }

  /** An agent says hello again and again: each time it is told everything, for a message may have been lost. */
  #welcome(session: Session, message: Extract<ToControlPlane, { type: "hello" }>): void {
    const { log } = this.#deps;
    if (session.nodeId !== "" && session.nodeId !== message.nodeId) {
      log.error("A node's session gave another name", { nodeId: session.nodeId, claimed: message.nodeId });
      return;
    }
    if (session.nodeId === "")
      log.info("Node connected", { nodeId: message.nodeId, hostname: message.hostname });
    // A node has one session: an earlier one that has not ended yet counts no more.
    for (const other of this.#admitted())
      if (other !== session && other.nodeId === message.nodeId) this.#sessions.delete(other.peer);
    session.nodeId = message.nodeId;
    session.pid = message.pid;
    recordContact(this.#deps, message);
    session.say(this.#clockMessage());
    this.#sync(session);
  }

  /** Tells every node how the platform's clock runs. */
  tellClock(): void {
    for (const session of this.#admitted()) session.say(this.#clockMessage());
  }

  #clockMessage(): ToAgent {
    return { type: "clock", segments: clockSegments(this.#deps.store) };
  }

  #take(session: Session, message: Exclude<ToControlPlane, { type: "hello" }>): void {
    const { store, clock, ids, log } = this.#deps;
    const { nodeId } = session;
    switch (message.type) {
      case "pod":
        recordPod(this.#deps, nodeId, message.observation);
        return;
      case "removed":
        recordRemoved(this.#deps, nodeId, message.key);
        return;
      case "interface":
        recordInterface(this.#deps, nodeId, message);
        return;
      case "firewall":
        store.transact((tx) => recordFirewall(tx, nodeId, message));
        return;
      case "refused":
        log.error("Node refused an assignment", { key: message.key, problem: message.problem });
        store.transact((tx) => recordRefused(tx, nodeId, message));
        return;
      case "balancers":
        store.transact((tx) => recordBalancers(tx, message.observation, { nodeId, ids, clock }));
        return;
      case "engine":
        recordEngine(this.#deps, nodeId, message);
        return;
      case "logs": {
        const cursor = this.#deps.takeLogs(message, nodeId);
        if (cursor !== undefined)
          session.say({ type: "logsTaken", containerId: message.containerId, cursor });
        return;
      }
      case "metrics":
        // What is not taken is sent again.
        void this.#deps.takeMetrics(nodeId, message).then(
          () => session.say({ type: "metricsTaken", session: message.session, sequence: message.sequence }),
          (thrown: unknown) => log.warn("Metrics could not be taken", { reason: messageOf(thrown) }),
        );
        return;
      case "balancerLog":
        void this.#deps.takeBalancerLog(nodeId, message).then(
          () => session.say({ type: "balancerLogTaken", id: message.id }),
          (thrown: unknown) =>
            log.warn("A log file of a load balancer could not be stored", { reason: messageOf(thrown) }),
        );
        return;
      case "imageWanted":
        void this.#deps.provideImage(message.image).then(
          () => session.say({ type: "imageReady", image: message.image, problem: undefined }),
          (thrown: unknown) =>
            session.say({ type: "imageReady", image: message.image, problem: messageOf(thrown) }),
        );
        return;
    }
  }

  #reconciler(): Reconciler {
    const { store } = this.#deps;
    return {
      name: "node-gateway",
      keys: () => subjectKeys(store),
      watch: (changed) =>
        store.watch((change) => {
          for (const key of subjectsOf(store, change)) changed(key);
        }),
      reconcile: async (key) => {
        if (key.startsWith("vpc/")) this.#saySoon(key);
        else this.#say(key);
        return undefined;
      },
    };
  }

  /** Sessions whose agents have said who they are. */
  #admitted(): readonly Session[] {
    return [...this.#sessions.values()].filter(({ nodeId }) => nodeId !== "");
  }

  #sync(session: Session): void {
    const { store, settings, log } = this.#deps;
    const { assignments, broken } = assignmentsFor(store, this.#deps.assignments, session.nodeId);
    for (const each of broken) log.error("An assignment cannot be made", { ...each });
    for (const assignment of assignments) session.sent.set(assignment.key, JSON.stringify(assignment));
    session.say({ type: "sync", settings, assignments, kept: broken.map(({ key }) => key) });
    this.#releaseLeftovers(session);
  }

  /** All interfaces of a VPC are in its assignment: many that come at once are said once. */
  #saySoon(key: string): void {
    if (this.#soon.has(key)) return;
    this.#soon.add(key);
    this.#deps.clock.after(GATHER_MS, () => {
      this.#soon.delete(key);
      if (!this.#stopped) this.#say(key);
    });
  }

  #say(key: string): void {
    const { store, assignments } = this.#deps;
    const assignmentKey = assignmentKeyOf(store, key);
    for (const { nodeId, sent, say } of this.#admitted()) {
      const assignment = assignmentOf(store, assignments, nodeId, key);
      if (assignment === undefined) {
        if (sent.delete(assignmentKey)) say({ type: "unassign", key: assignmentKey });
        continue;
      }
      const text = JSON.stringify(assignment);
      if (sent.get(assignmentKey) === text) continue;
      sent.set(assignmentKey, text);
      say({ type: "assign", assignment });
    }
  }

  /** Interfaces of tasks that have stopped and whose removal the node has not confirmed: asked for again. */
  #releaseLeftovers({ nodeId, say }: Session): void {
    const { store } = this.#deps;
    for (const eni of store.list("networkInterface")) {
      if (eni.nodeId !== nodeId || eni.owner.type !== "task") continue;
      const task = store.get("task", eni.owner.key);
      if (task === undefined || task.lastStatus === "STOPPED")
        say({ type: "unassign", key: `pod/${eni.owner.key.split("/").at(-1)}` });
    }
  }
}
