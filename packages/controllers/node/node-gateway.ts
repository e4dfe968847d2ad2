import {
  Heard,
  newSequencer,
  type Envelope,
  type NodeSettings,
  type ToAgent,
  type ToControlPlane,
} from "@gantry/agent-protocol";
import { Controller, messageOf, realTimeOf, type Reconciler } from "@gantry/kernel";
import { clockSegments, hostOf } from "@gantry/state";
import type { ControllerDeps } from "../controller-deps.ts";
import { recordBalancers } from "./record-balancers.ts";
import { recordFile } from "./record-file.ts";
import { recordFirewall, recordRefused } from "./record-firewall.ts";
import { assignmentKeyOf, assignmentOf, assignmentsFor, subjectKeys, subjectsOf } from "./assignments-for.ts";
import { subjectOf } from "./message-subject.ts";
import { ownMetrics } from "./own-metrics.ts";
import type { AssignmentDeps } from "./pod-assignment.ts";
import { recordConsole } from "./record-console.ts";
import { recordReplication } from "./database-replication.ts";
import { recordEngine } from "./record-engine.ts";
import { recordZone } from "./zone-assignment.ts";
import { recordContact, recordContactLost } from "./record-node.ts";
import { recordInterface, recordPod, recordRemoved } from "./record-pod.ts";

export interface NodeGatewayDeps extends ControllerDeps {
  readonly assignments: AssignmentDeps;
  /** The settings of a node, read at each of its hellos. */
  readonly settings: (nodeId: string) => NodeSettings;
  /** Stores log lines that a node ships; returns the cursor up to which they are stored. */
  readonly takeLogs: (
    message: Extract<ToControlPlane, { type: "logs" }>,
    nodeId: string,
  ) => string | undefined;
  /** Adds measurements of a node to the metrics; a known batch is dropped. */
  readonly takeMetrics: (
    nodeId: string,
    message: Extract<ToControlPlane, { type: "metrics" }>,
  ) => Promise<void>;
  /** Stores a file of a load balancer's log. A rejection means that it must be sent again. */
  readonly takeBalancerLog: (
    nodeId: string,
    message: Extract<ToControlPlane, { type: "balancerLog" }>,
  ) => Promise<void>;
  /** Delivers the flows of a flow log. A rejection means that they must be sent again. */
  readonly takeFlows: (nodeId: string, message: Extract<ToControlPlane, { type: "flows" }>) => Promise<void>;
  /** Builds an image that no registry has. */
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
  /** The last assignments that were sent to the agent, by key. */
  readonly sent: Map<string, string>;
  readonly heard: Heard;
  readonly say: (message: ToAgent) => void;
}

const GATHER_MS = 25;

/**
 * Connects the store with the nodes. When a record changes, the assignments that depend on it are computed
 * again and sent to their nodes where they differ from the last ones sent. Observations are written into the
 * records that they are about. A node receives only its own assignments, and its reports change only its own
 * records. A new session receives all of its assignments.
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
    // Messages of a session before its hello are ignored: its node is unknown.
    else if (session.nodeId !== "") this.#take(session, message);
  }

  /** An agent repeats its hello. Each one is answered with all assignments, because a message may have been lost. */
  #welcome(session: Session, message: Extract<ToControlPlane, { type: "hello" }>): void {
    const { log } = this.#deps;
    if (session.nodeId !== "" && session.nodeId !== message.nodeId) {
      log.error("A node's session gave another name", { nodeId: session.nodeId, claimed: message.nodeId });
      return;
    }
    if (session.nodeId === "")
      log.info("Node connected", { nodeId: message.nodeId, hostname: message.hostname });
    // A node has one session: an earlier one that has not ended yet is ignored.
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

  /** Sends every node its settings, which have changed. */
  tellSettings(): void {
    for (const session of this.#admitted()) this.#sync(session);
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
      case "zone":
        store.transact((tx) => recordZone(tx, nodeId, message));
        return;
      case "volumeFile":
      case "databaseSnapshot":
        this.#takeFile(nodeId, message);
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
      case "logs":
        this.#takeLines(session, message);
        return;
      case "metrics":
        recordReplication(store, nodeId, message.usage);
        this.#confirm(session, this.#deps.takeMetrics(nodeId, ownMetrics(store, nodeId, message)), {
          answer: { type: "metricsTaken", session: message.session, sequence: message.sequence },
          failure: "Metrics could not be taken",
        });
        return;
      case "balancerLog":
        this.#confirm(session, this.#deps.takeBalancerLog(nodeId, message), {
          answer: { type: "balancerLogTaken", id: message.id },
          failure: "A log file of a load balancer could not be stored",
        });
        return;
      case "flows":
        this.#confirm(session, this.#deps.takeFlows(nodeId, message), {
          answer: { type: "flowsTaken", id: message.id },
          failure: "Flow logs could not be stored",
        });
        return;
      case "imageWanted":
        this.#provideImage(session, message.image);
        return;
    }
  }

  #takeFile(nodeId: string, message: Parameters<typeof recordFile>[2]): void {
    const { store, clock } = this.#deps;
    const times = { now: clock.now(), realNow: realTimeOf(clock).clock.now() };
    store.transact((tx) => recordFile(tx, { nodeId, ...times }, message));
  }

  #provideImage({ say }: Session, image: string): void {
    void this.#deps.provideImage(image).then(
      () => say({ type: "imageReady", image, problem: undefined }),
      (thrown: unknown) => say({ type: "imageReady", image, problem: messageOf(thrown) }),
    );
  }

  /** Stores lines of a container in its log group, or those of an instance as its console. */
  #takeLines({ nodeId, say }: Session, message: Extract<ToControlPlane, { type: "logs" }>): void {
    const cursor =
      message.destination.instanceId === undefined
        ? this.#deps.takeLogs(message, nodeId)
        : recordConsole(this.#deps.store, nodeId, message);
    if (cursor !== undefined) say({ type: "logsTaken", containerId: message.containerId, cursor });
  }

  /** Confirms to the agent what was stored. The agent sends unconfirmed messages again. */
  #confirm(session: Session, taken: Promise<void>, said: { answer: ToAgent; failure: string }): void {
    void taken.then(
      () => session.say(said.answer),
      (thrown: unknown) => this.#deps.log.warn(said.failure, { reason: messageOf(thrown) }),
    );
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
        if (key.startsWith("vpc/") || key.startsWith("zone/")) this.#saySoon(key);
        else this.#say(key);
        return undefined;
      },
    };
  }

  /** Sessions whose agents have sent a hello. */
  #admitted(): readonly Session[] {
    return [...this.#sessions.values()].filter(({ nodeId }) => nodeId !== "");
  }

  #sync(session: Session): void {
    const { store, log } = this.#deps;
    const settings = this.#deps.settings(session.nodeId);
    const { assignments, broken } = assignmentsFor(store, this.#deps.assignments, session.nodeId);
    for (const each of broken) log.error("An assignment cannot be made", { ...each });
    for (const assignment of assignments) session.sent.set(assignment.key, JSON.stringify(assignment));
    session.say({ type: "sync", settings, assignments, kept: broken.map(({ key }) => key) });
    this.#releaseLeftovers(session);
  }

  /**
   * All interfaces of a VPC, and all records of a zone, are in its assignment: changes of many at once are sent
   * in one message.
   */
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

  /**
   * Asks again for the removal of tasks that have stopped and of instances that are terminated, where the node
   * has not confirmed it.
   */
  #releaseLeftovers({ nodeId, say }: Session): void {
    const { store } = this.#deps;
    for (const instance of store.list("ec2Instance"))
      if (instance.halted && instance.state !== "terminated" && hostOf(store, instance) === nodeId)
        say({ type: "unassign", key: `pod/${instance.id}` });
    for (const eni of store.list("networkInterface")) {
      if (eni.nodeId !== nodeId || eni.owner.type !== "task") continue;
      const task = store.get("task", eni.owner.key);
      if (task === undefined || task.lastStatus === "STOPPED")
        say({ type: "unassign", key: `pod/${eni.owner.key.split("/").at(-1)}` });
    }
  }
}
