import type { Assignment, NodeSettings, ToAgent, ToControlPlane } from "@gantry/agent-protocol";
import { PlatformClock, WorkQueue, messageOf } from "@gantry/kernel";
import type { AgentDeps } from "./agent-deps.ts";
import { AssignmentCache } from "./assignment-cache.ts";
import { AssignmentProblems } from "./assignment-problems.ts";
import { checkAssignment } from "./checks/check-assignment.ts";
import { ZoneServers } from "./dns/zone-servers.ts";
import { EngineProbe } from "./engine/engine-probe.ts";
import type { AssignmentHandler, AssignmentHandlers, HandlerDeps } from "./handlers/assignment-handler.ts";
import { BalancersHandler, OBSERVE_BALANCERS } from "./handlers/balancers-handler.ts";
import { FlowCollector } from "./flows/flow-collector.ts";
import { FolderHandler } from "./handlers/folder-handler.ts";
import { InterfaceHandler } from "./handlers/interface-handler.ts";
import { PodHandler } from "./handlers/pod-handler.ts";
import { DatabaseSnapshotHandler } from "./handlers/database-snapshot-handler.ts";
import { RootSnapshotHandler } from "./handlers/root-snapshot-handler.ts";
import { VolumeFileHandler } from "./handlers/volume-file-handler.ts";
import { VpcHandler } from "./handlers/vpc-handler.ts";
import { ZoneHandler } from "./handlers/zone-handler.ts";
import { HANDOVER_MS } from "./handover.ts";
import { ImageRequests } from "./image-requests.ts";
import { isHeldByPod, podsOf } from "./interface-users.ts";
import { LogShipper } from "./logs/log-shipper.ts";
import { NetworkInterfaces } from "./network/interfaces.ts";
import { refusedPod } from "./pods/refused-pod.ts";
import { MetricShipper } from "./stats/metric-shipper.ts";
import { isAssigned, isInterfaceAssigned, isOrphan } from "./orphans.ts";

const CONCURRENCY_MAX = 24;
const WARM_DELAY_MS = 400;
/** The cached assignments are carried out after this time, unless the control plane has sent the current ones. */
const CACHED_AFTER_MS = 500;
/**
 * Interval at which the host's rules are restored, because other programs reload the firewall and default
 * routes change.
 */
const HOST_RULES_MS = 60_000;

/**
 * Carries out assignments. Each has a key in one work queue, and its kind has a handler (`handlers/`), which
 * brings the node from its present state to the assigned state. The state is read again each time.
 */
export class Agent {
  readonly #deps: AgentDeps;
  readonly #cache: AssignmentCache;
  readonly #queue: WorkQueue;
  readonly #vpcs: VpcHandler;
  readonly #interfaces: InterfaceHandler;
  readonly #balancers: BalancersHandler;
  readonly #handlers: AssignmentHandlers;
  readonly #pods: PodHandler;
  readonly #zones: ZoneHandler;
  readonly #zoneServers: ZoneServers;
  readonly #logs: LogShipper;
  readonly #images: ImageRequests;
  readonly #metrics: MetricShipper;
  readonly #flows: FlowCollector;
  /** Used only for metrics: everything else on a node runs in real time. */
  readonly #metricClock: PlatformClock;
  readonly #engineProbe: EngineProbe;
  readonly #abort = new AbortController();
  readonly #problems = new AssignmentProblems();
  #send: ((message: ToControlPlane) => void) | undefined;
  /** Resolves when the host is ready for assignments; each of them waits for it. */
  #prepared: Promise<void> = Promise.resolve();
  /** Whether this process has received the full set of assignments. */
  #synced = false;

  constructor(deps: AgentDeps) {
    this.#deps = deps;
    const { engine, clock, log, host } = deps;
    this.#cache = new AssignmentCache(host.memory, { clock, log });
    const shared: HandlerDeps = {
      ...deps,
      cache: this.#cache,
      report: (message) => this.#report(message),
      enqueue: (key) => this.#queue.add(key),
    };
    this.#zones = new ZoneHandler(shared);
    this.#zoneServers = new ZoneServers(host, this.#zones.zones);
    this.#vpcs = new VpcHandler(shared, this.#problems, {
      beforeRules: (vpcId) => this.#flows.beforeRules(vpcId),
      zones: this.#zones.zones,
    });
    const interfaces = new NetworkInterfaces({ ...deps, routers: this.#vpcs.routers });
    this.#interfaces = new InterfaceHandler(shared, interfaces);
    this.#logs = new LogShipper({
      engine,
      clock,
      log,
      cursors: this.#cache.cursorAccess(),
      send: (containerId, destination, lines) =>
        this.#report({ type: "logs", containerId, destination, lines }),
    });
    this.#images = new ImageRequests({
      clock,
      send: (image) => this.#report({ type: "imageWanted", image }),
    });
    this.#metricClock = new PlatformClock(clock);
    this.#metrics = this.#newMetricShipper();
    this.#flows = this.#newFlowCollector();
    this.#engineProbe = this.#newEngineProbe();
    this.#pods = new PodHandler(shared, interfaces, { logs: this.#logs, images: this.#images });
    this.#balancers = new BalancersHandler(shared, this.#vpcs);
    this.#handlers = {
      vpc: this.#vpcs,
      interface: this.#interfaces,
      pod: this.#pods,
      folder: new FolderHandler(host.volumes),
      volumeFile: new VolumeFileHandler(host.blockVolumes, (message) => this.#report(message)),
      rootSnapshot: new RootSnapshotHandler(shared),
      databaseSnapshot: new DatabaseSnapshotHandler(shared),
      balancers: this.#balancers,
      zone: this.#zones,
    };
    this.#queue = new WorkQueue({
      clock,
      concurrencyMax: CONCURRENCY_MAX,
      work: (key) => this.#reconcile(key),
      onFailure: (key, thrown, retryInMs) =>
        log.warn("Reconcile failed", { key, reason: messageOf(thrown), retryInMs }),
    });
  }

  #newEngineProbe(): EngineProbe {
    const { engine, naming, clock, log } = this.#deps;
    return new EngineProbe({
      ...{ engine, label: naming.label, clock, log },
      report: (report) => void this.#report(report),
      answersAgain: () => this.#enqueueAll(),
    });
  }

  #newMetricShipper(): MetricShipper {
    const { host, log } = this.#deps;
    return new MetricShipper({
      clock: this.#metricClock,
      log,
      pods: () => podsOf(this.#cache.wanted).filter(({ desired }) => desired === "RUNNING"),
      usageOf: (pod) => host.usageOf(pod, (id) => this.#cache.restarts.get(id) ?? 0),
      traffic: () => this.#balancers.traffic(),
      send: (batch) => void this.#report(batch),
    });
  }

  #newFlowCollector(): FlowCollector {
    const { clock, log } = this.#deps;
    return new FlowCollector({
      clock,
      log,
      vpcs: () => [...this.#cache.wanted.values()].filter((each) => each.kind === "vpc"),
      read: (vpcId) => this.#vpcs.routers.readFlows(vpcId),
      send: (batch) => void this.#report(batch),
    });
  }

  /**
   * Adopts the containers and rules of the previous agent, by the current assignments or, while there is no
   * control plane, the cached ones; watches the engine. The control plane may connect meanwhile.
   */
  async start(): Promise<void> {
    const { host, naming, engine, clock, log } = this.#deps;
    this.#prepared = host.prepare();
    await this.#prepared;
    if (this.#cache.settings !== undefined) host.trust(this.#cache.settings.caPem);
    engine.watch(naming.label, (labels) => this.#onEngineEvent(labels), this.#abort.signal);
    this.#zoneServers.follow(this.#cache.settings);
    this.#engineProbe.start();
    this.#metrics.start();
    this.#flows.start();
    clock.after(CACHED_AFTER_MS, () => {
      if (!this.#synced) this.#enqueueAll();
    });
    this.#queue.add(OBSERVE_BALANCERS);
    this.#queue.addAfter("host", HOST_RULES_MS);
    log.info("Agent started", { assignments: this.#cache.wanted.size });
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#engineProbe.stop();
    this.#metrics.stop();
    this.#flows.stop();
    await this.#queue.stop();
    this.#vpcs.close();
    this.#zoneServers.close();
  }

  /**
   * Called when the control plane connects. All observations are reported again, because it may be a new
   * process.
   */
  connected(send: (message: ToControlPlane) => void): void {
    this.#send = send;
    this.#pods.reportAgain();
    this.#interfaces.reportAgain();
    this.#vpcs.reportAgain();
    this.#zones.reportAgain();
    this.#balancers.reportAgain();
    this.#logs.resend();
    this.#metrics.resend();
    this.#flows.resend();
    this.#balancers.resendLogs();
    this.#engineProbe.reportAgain();
    this.#enqueueAll();
  }

  disconnected(): void {
    this.#send = undefined;
    this.#images.giveUp();
  }

  /** The keys of all current assignments. */
  get keys(): readonly string[] {
    return [...this.#cache.wanted.keys()];
  }

  /** Applies the changes of a full sync. */
  sync(settings: NodeSettings, news: { assigned: readonly Assignment[]; gone: readonly string[] }): void {
    this.#synced = true;
    // Every hello repeats the settings: files that containers read are not rewritten each minute.
    if (settings.caPem !== this.#cache.settings?.caPem) this.#deps.host.trust(settings.caPem);
    this.#cache.settings = settings;
    this.#zoneServers.follow(settings);
    for (const key of news.gone) this.#unassign(key);
    for (const assignment of news.assigned) this.#assign(assignment);
    this.#queue.add("orphans");
  }

  /** A message that the agent cannot act on is dropped; the connection continues. */
  ignore(problem: string): void {
    this.#deps.log.error("Message of the control plane refused", { problem });
  }

  /** Handles one message of the control plane. */
  receive(message: Exclude<ToAgent, { type: "sync" }>): void {
    switch (message.type) {
      case "assign":
        this.#assign(message.assignment);
        return;
      case "unassign":
        this.#unassign(message.key);
        return;
      case "logsTaken":
        this.#logs.taken(message.containerId, message.cursor);
        return;
      case "metricsTaken":
        this.#metrics.taken(message.session, message.sequence);
        return;
      case "balancerLogTaken":
        this.#balancers.logTaken(message.id);
        return;
      case "flowsTaken":
        this.#flows.taken(message.id);
        return;
      case "clock":
        this.#metricClock.follow(message.segments);
        return;
      case "imageReady":
        this.#images.answered(message.image, message.problem);
        return;
    }
  }

  /** The agent runs as root, so it uses no part of an assignment before checking it. */
  #assign(given: Assignment): void {
    const checked = checkAssignment(given);
    if (checked.type === "refused") {
      this.#deps.log.error("Assignment refused", { key: given.key, problem: checked.problem });
      this.#report({ type: "refused", key: given.key, problem: checked.problem });
      this.#problems.refuse(given.key, checked.problem);
      // A running pod keeps its earlier assignment.
      if (given.kind === "pod" && !isAssigned(given.key, this.#cache))
        this.#report({ type: "pod", observation: refusedPod(given.key, checked.problem) });
      this.#queue.add(given.key);
      return;
    }
    const { assignment, problems } = checked;
    this.#problems.accept(assignment.key, problems);
    if (assignment.kind === "balancers") this.#balancers.leaveOut(checked.leftOut);
    for (const problem of problems)
      this.#deps.log.error("Part of an assignment is left out", { key: assignment.key, problem });
    // A warm interface that a pod is given belongs to the pod, whichever of the two messages arrives first.
    if (assignment.kind === "pod") this.#cache.wanted.delete(`interface/${assignment.interface.id}`);
    if (assignment.kind === "interface" && isHeldByPod(this.#cache, assignment.interface.id)) return;
    this.#cache.leaving.delete(assignment.key);
    this.#cache.wanted.set(assignment.key, assignment);
    this.#cache.changed();
    // Warm interfaces wait for more urgent work.
    if (assignment.kind === "interface") this.#queue.addAfter(assignment.key, WARM_DELAY_MS);
    else this.#queue.add(assignment.key);
    if (assignment.kind === "vpc") this.#queue.add("balancers");
  }

  #unassign(key: string): void {
    const assignment = this.#cache.wanted.get(key);
    this.#cache.wanted.delete(key);
    if (assignment !== undefined) this.#cache.leaving.set(key, assignment);
    this.#cache.changed();
    // Two messages transfer a warm interface to a pod: the pod's may arrive second.
    if (assignment?.kind === "interface") this.#queue.addAfter(key, HANDOVER_MS);
    else this.#queue.add(key);
  }

  #enqueueAll(): void {
    for (const key of [...this.#cache.wanted.keys(), ...this.#cache.leaving.keys()]) this.#queue.add(key);
  }

  async #reconcile(key: string): Promise<number | undefined> {
    await this.#prepared;
    if (key === OBSERVE_BALANCERS) return this.#balancers.observe();
    if (key === "orphans") return this.#removeOrphans();
    if (key === "host") {
      await this.#deps.host.prepare();
      return HOST_RULES_MS;
    }
    const wanted = this.#cache.wanted.get(key);
    if (wanted === undefined) {
      await this.#takeApart(key);
      return undefined;
    }
    return this.#handlerOf(wanted).reconcile(wanted, () => this.#cache.wanted.get(key) === wanted);
  }

  #handlerOf(assignment: Assignment): AssignmentHandler {
    return this.#handlers[assignment.kind];
  }

  async #takeApart(key: string): Promise<void> {
    // The removal is persisted first: the next agent must not recreate what this one removes.
    await this.#cache.written();
    const leaving = this.#cache.leaving.get(key);
    if (this.#cache.wanted.has(key)) return;
    if (leaving === undefined) return this.#removeUnknown(key);
    await this.#handlerOf(leaving).remove(leaving);
    if (this.#cache.wanted.has(key)) return;
    this.#cache.leaving.delete(key);
    this.#problems.forget(key);
    this.#cache.changed();
    this.#report({ type: "removed", key });
  }

  #onEngineEvent(labels: Readonly<Record<string, string>>): void {
    const pod = labels["gantry.pod"];
    if (pod !== undefined) this.#queue.add(pod);
    const eni = labels["gantry.interface"];
    if (eni !== undefined) {
      for (const assignment of this.#cache.wanted.values())
        if ((assignment.kind === "pod" || assignment.kind === "interface") && assignment.interface.id === eni)
          this.#queue.add(assignment.key);
    }
    const vpc = labels["gantry.vpc"];
    if (vpc !== undefined) this.#queue.add(`vpc/${vpc}`);
    if (labels["gantry.role"] === "proxy") this.#queue.add("balancers");
    if (Object.keys(labels).length === 0) this.#enqueueAll();
  }

  /** Removes orphans: containers with the instance's label that no assignment has, left by a crash. */
  async #removeOrphans(): Promise<undefined> {
    const { engine, naming, log, host } = this.#deps;
    const isKnown = (podKey: string) => isAssigned(podKey, this.#cache);
    await host.volumes.releaseOthers(isKnown);
    await host.environments.releaseOthers(isKnown);
    await host.names.removeOthers((id) => isInterfaceAssigned(id, this.#cache));
    for (const container of await engine.list(naming.label)) {
      if (!isOrphan(container, this.#cache)) continue;
      log.warn("An orphaned container is removed", { container: container.name });
      await engine.removeContainer(container.id);
    }
  }

  /** Removes the remains of an assignment that is unknown to this process, before its address is reused. */
  async #removeUnknown(key: string): Promise<void> {
    // Before the first sync, containers of assignments missing from the cache would count as orphans. The
    // control plane repeats the request.
    if (!this.#synced) return;
    await this.#removeOrphans();
    this.#report({ type: "removed", key });
  }

  #report(message: ToControlPlane): boolean {
    if (this.#send === undefined) return false;
    this.#send(message);
    return true;
  }
}
