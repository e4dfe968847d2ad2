import {
  Heard,
  newSequencer,
  type Assignment,
  type Envelope,
  type NodeSettings,
  type ToAgent,
  type ToControlPlane,
} from "@gantry/agent-protocol";
import { Controller, messageOf, type Reconciler } from "@gantry/kernel";
import type { Change, Kind } from "@gantry/state";
import type { ControllerDeps } from "../controller-deps.ts";
import { balancersAssignment } from "../load-balancer/balancers-assignment.ts";
import { recordBalancers } from "../load-balancer/record-balancers.ts";
import { subjectOf } from "./message-subject.ts";
import { recordEngine } from "./record-engine.ts";
import { recordFirewall, recordRefused } from "../network/record-firewall.ts";
import { vpcAssignment } from "../network/vpc-assignment.ts";
import {
  databaseAssignment,
  interfaceAssignment,
  taskAssignment,
  type AssignmentDeps,
} from "./pod-assignment.ts";
import { beginGraceAnew, recordInterface, recordPod, recordRemoved } from "./record-pod.ts";

export interface NodeGatewayDeps extends ControllerDeps {
  readonly assignments: AssignmentDeps;
  readonly settings: NodeSettings;
  /** Takes shipped log lines; answers the cursor up to which they are kept. */
  readonly takeLogs: (message: Extract<ToControlPlane, { type: "logs" }>) => string | undefined;
  /** Adds what a node measured to the metrics; a batch that is known is dropped. */
  readonly takeMetrics: (
    nodeId: string,
    message: Extract<ToControlPlane, { type: "metrics" }>,
  ) => Promise<void>;
  /** Makes an image that no registry has. */
  readonly provideImage: (image: string) => Promise<void>;
}

/** A connected agent, as the gateway talks to it. */
export interface NodeConnection {
  readonly send: (envelope: Envelope<ToAgent>) => void;
}

interface Connected {
  readonly peer: NodeConnection;
  nodeId: string;
  pid: number;
  readonly sent: Map<string, string>;
  readonly heard: Heard;
  readonly say: (message: ToAgent) => void;
}

const GATHER_MS = 25;
const NETWORK_KINDS: ReadonlySet<Kind> = new Set([
  "vpc",
  "subnet",
  "routeTable",
  "natGateway",
  "internetGateway",
  "securityGroup",
  "elasticAddress",
  "loadBalancer",
  "databaseInstance",
  "mountTarget",
]);
const BALANCER_KINDS: ReadonlySet<Kind> = new Set([
  "loadBalancer",
  "listener",
  "rule",
  "targetGroup",
  "target",
  "certificate",
  // Their rules bind clients on the host.
  "securityGroup",
]);

/**
 * Between the store and the nodes: each assignment is computed fresh from records when one of them changes and sent
 * where it differs from what was sent; each observation is folded into the records it is about. A new connection is
 * told everything.
 */
export class NodeGateway {
  readonly #deps: NodeGatewayDeps;
  readonly #controller: Controller;
  readonly #soon = new Set<string>();
  #stopped = false;
  #connection: Connected | undefined;

  constructor(deps: NodeGatewayDeps) {
    this.#deps = deps;
    this.#controller = new Controller(this.#reconciler(), deps);
  }

  start(): void {
    this.#controller.start();
  }

  stop(): Promise<void> {
    this.#stopped = true;
    return this.#controller.stop();
  }

  /** The agent that is connected now. */
  get agent(): { nodeId: string; pid: number } | undefined {
    return this.#connection === undefined || this.#connection.nodeId === ""
      ? undefined
      : { nodeId: this.#connection.nodeId, pid: this.#connection.pid };
  }

  connect(peer: NodeConnection): void {
    const number = newSequencer<ToAgent>();
    this.#connection = {
      peer,
      nodeId: "",
      pid: 0,
      sent: new Map(),
      heard: new Heard(),
      say: (message) => {
        const envelope = number(message);
        void this.#deps.store.settled().then(() => peer.send(envelope)); // settled never rejects.
      },
    };
  }

  disconnect(peer: NodeConnection): void {
    if (this.#connection?.peer === peer) this.#connection = undefined;
  }

  receive(peer: NodeConnection, { sequence, message }: Envelope<ToControlPlane>): void {
    const connection = this.#connection;
    if (connection?.peer !== peer || !connection.heard.isNews(subjectOf(message), sequence)) return;
    // A session that has not said whose it is has nothing to say of tasks.
    if (message.type !== "hello" && connection.nodeId === "") return;
    const { store, clock, log, ids } = this.#deps;
    switch (message.type) {
      case "hello":
        // An agent says hello again and again: each time it is told everything, for a message may have been lost.
        if (connection.nodeId === "")
          log.info("Node connected", { nodeId: message.nodeId, hostname: message.hostname });
        connection.nodeId = message.nodeId;
        connection.pid = message.pid;
        store.transact((tx) => {
          const known = tx.get("node", message.nodeId);
          tx.put("node", message.nodeId, {
            ...known,
            id: message.nodeId,
            hostname: message.hostname,
            cpu: message.cpu,
            memoryMiB: message.memoryMiB,
            registeredAt: known?.registeredAt ?? clock.now(),
            agentPid: message.pid,
          });
          if (known?.agentPid !== message.pid) beginGraceAnew(tx, message.nodeId, clock.now());
        });
        this.#sync();
        return;
      case "pod":
        recordPod(this.#deps, connection.nodeId, message.observation);
        return;
      case "removed":
        recordRemoved(this.#deps, connection.nodeId, message.key);
        return;
      case "interface":
        recordInterface(this.#deps, connection.nodeId, message);
        return;
      case "firewall":
        store.transact((tx) => recordFirewall(tx, message));
        return;
      case "refused":
        log.error("Node refused an assignment", { key: message.key, problem: message.problem });
        store.transact((tx) => recordRefused(tx, connection.nodeId, message));
        return;
      case "balancers":
        store.transact((tx) => recordBalancers(tx, message.observation, { ids, now: clock.now() }));
        return;
      case "engine":
        recordEngine(this.#deps, connection.nodeId, message);
        return;
      case "logs": {
        const { containerId } = message;
        const cursor = this.#deps.takeLogs(message);
        if (cursor !== undefined) connection.say({ type: "logsTaken", containerId, cursor });
        return;
      }
      case "metrics":
        // What is not taken is sent again.
        void this.#deps.takeMetrics(connection.nodeId, message).then(
          () =>
            connection.say({ type: "metricsTaken", session: message.session, sequence: message.sequence }),
          (thrown: unknown) => log.warn("Metrics could not be taken", { reason: messageOf(thrown) }),
        );
        return;
      case "imageWanted":
        void this.#deps.provideImage(message.image).then(
          () => connection.say({ type: "imageReady", image: message.image, problem: undefined }),
          (thrown: unknown) =>
            connection.say({ type: "imageReady", image: message.image, problem: messageOf(thrown) }),
        );
        return;
    }
  }

  #reconciler(): Reconciler {
    const { store } = this.#deps;
    return {
      name: "node-gateway",
      keys: () => this.#allKeys(),
      watch: (changed) =>
        store.watch((change) => {
          for (const key of this.#keysOf(change)) changed(key);
        }),
      reconcile: async (key) => {
        if (key.startsWith("vpc/")) this.#saySoon(key);
        else this.#say(key);
        return undefined;
      },
    };
  }

  #allKeys(): readonly string[] {
    const { store } = this.#deps;
    return [
      ...store.keys("vpc").map((id) => `vpc/${id}`),
      ...store
        .list("networkInterface")
        .filter((eni) => eni.type === "warm")
        .map((eni) => `interface/${eni.id}`),
      ...store
        .list("task")
        .filter((task) => task.lastStatus !== "STOPPED" && task.placement !== undefined)
        .map((task) => `task/${task.arn}`),
      ...store.keys("databaseInstance").map((arn) => `database/${arn}`),
      ...store.keys("fileSystem").map((id) => `folder/${id}`),
      "balancers",
    ];
  }

  #keysOf(change: Change): readonly string[] {
    const { store } = this.#deps;
    const keys: string[] = [];
    if (change.kind === "task") keys.push(`task/${change.key}`);
    if (change.kind === "fileSystem") keys.push(`folder/${change.key}`);
    if (change.kind === "databaseInstance") keys.push(`database/${change.key}`);
    if (change.kind === "networkInterface") {
      const eni = store.get("networkInterface", change.key);
      keys.push(
        `interface/${change.key}`,
        ...(eni === undefined ? store.keys("vpc").map((id) => `vpc/${id}`) : [`vpc/${eni.vpcId}`]),
      );
    }
    if (change.kind === "session")
      keys.push(
        ...store
          .list("task")
          .filter((task) => task.credentials.task === change.key)
          .map((task) => `task/${task.arn}`),
      );
    if (NETWORK_KINDS.has(change.kind))
      keys.push(
        ...store.keys("vpc").map((id) => `vpc/${id}`),
        ...(change.kind === "vpc" ? [`vpc/${change.key}`] : []),
      );
    if (BALANCER_KINDS.has(change.kind)) keys.push("balancers");
    return keys;
  }

  /** The key of the assignment that a key of this controller leads to. */
  #assignmentKeyOf(key: string): string {
    const [kind = "", ...rest] = key.split("/");
    const name = rest.join("/");
    switch (kind) {
      case "task":
        return `pod/${name.split("/").at(-1)}`;
      case "database": {
        const database = this.#deps.store.get("databaseInstance", name);
        return `pod/${database?.resourceId ?? name.split(":").at(-1)}`;
      }
      default:
        return key;
    }
  }

  /** The assignment of a key, fresh from the records; undefined where nothing is wanted. Throws where a record is broken. */
  #assignmentOf(key: string): Assignment | undefined {
    const { store, assignments } = this.#deps;
    const [kind = "", ...rest] = key.split("/");
    const name = rest.join("/");
    switch (kind) {
      case "vpc": {
        const vpc = store.get("vpc", name);
        return vpc && vpcAssignment(store, vpc);
      }
      case "interface": {
        const eni = store.get("networkInterface", name);
        if (eni?.type !== "warm") return undefined;
        return { kind: "interface", key, interface: interfaceAssignment(store, eni) };
      }
      case "task": {
        const task = store.get("task", name);
        return task && taskAssignment(store, assignments, task);
      }
      case "database": {
        const database = store.get("databaseInstance", name);
        return database && databaseAssignment(store, assignments, database);
      }
      case "folder":
        return store.get("fileSystem", name) && { kind: "folder", key, path: `efs/${name}` };
      default:
        return balancersAssignment(store, assignments.vault);
    }
  }

  #sync(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const kept: string[] = [];
    const all = this.#allKeys().flatMap((key) => {
      try {
        return this.#assignmentOf(key) ?? [];
      } catch (thrown) {
        // A broken record must not keep the others from the node, nor take away what the node has of it.
        this.#deps.log.error("An assignment cannot be made", { key, reason: messageOf(thrown) });
        kept.push(this.#assignmentKeyOf(key));
        return [];
      }
    });
    for (const assignment of all) connection.sent.set(assignment.key, JSON.stringify(assignment));
    connection.say({ type: "sync", settings: this.#deps.settings, assignments: all, kept });
    this.#releaseLeftovers();
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
    const connection = this.#connection;
    if (connection === undefined || connection.nodeId === "") return;
    const [assignmentKey, assignment] = [this.#assignmentKeyOf(key), this.#assignmentOf(key)];
    if (assignment === undefined) {
      const was = connection.sent.delete(assignmentKey);
      if (was) connection.say({ type: "unassign", key: assignmentKey });
      return;
    }
    const text = JSON.stringify(assignment);
    if (connection.sent.get(assignmentKey) === text) return;
    connection.sent.set(assignmentKey, text);
    connection.say({ type: "assign", assignment });
  }

  /** Interfaces of tasks that have stopped and whose removal nobody confirmed: asked for again. */
  #releaseLeftovers(): void {
    const { store } = this.#deps;
    for (const eni of store.list("networkInterface")) {
      if (!eni.ownerKey.includes(":task/")) continue;
      const task = store.get("task", eni.ownerKey);
      if (task === undefined || task.lastStatus === "STOPPED")
        this.#connection?.say({ type: "unassign", key: `pod/${eni.ownerKey.split("/").at(-1)}` });
    }
  }
}
