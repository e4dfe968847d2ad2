import type {
  Assignment,
  BalancerPartLeftOut,
  InterfaceAssignment,
  NodeSettings,
  PodAssignment,
  ToAgent,
  ToControlPlane,
  VpcAssignment,
} from "@gantry/agent-protocol";
import { WorkQueue, elapsedSince, messageOf, sleep, type Clock, type Logger } from "@gantry/kernel";
import { AssignmentCache } from "./assignment-cache.ts";
import { checkAssignment } from "./checks/check-assignment.ts";
import { withLeftOut } from "./checks/check-balancers.ts";
import type { Engine } from "./engine/engine.ts";
import { EngineProbe } from "./engine/engine-probe.ts";
import type { Host } from "./host.ts";
import { ImageRequests } from "./image-requests.ts";
import { LogShipper } from "./logs/log-shipper.ts";
import type { Naming } from "./naming.ts";
import { NetworkInterfaces, RouterMissingError } from "./network/interfaces.ts";
import type { Programs } from "./network/programs.ts";
import { VpcRouters, type FirewallState, type Router } from "./network/vpc-router.ts";
import { PodController } from "./pods/pod-controller.ts";
import { refusedPod } from "./pods/refused-pod.ts";
import { MetricShipper } from "./stats/metric-shipper.ts";
import { isAssigned, isStray } from "./strays.ts";

export interface AgentDeps {
  readonly engine: Engine;
  readonly programs: Programs;
  readonly naming: Naming;
  readonly clock: Clock;
  readonly log: Logger;
  readonly host: Host;
}

const CONCURRENCY_MAX = 24;
const BALANCER_POLL_MS = 250;
const VPC_RETRY_MS = 1_000;
const WARM_DELAY_MS = 400;
/** The host's rules are restored this often, because other programs reload the firewall and default routes change. */
const HOST_RULES_MS = 60_000;
const REPEAT_MS = 1_000;
const HANDOVER_MS = 3_000;
/** How long a router that cannot be had keeps the proxy of a new agent from its next configuration. */
const TAKE_UP_MS = 15_000;
const TAKE_UP_LOOK_MS = 50;

/**
 * Everything a node does, keyed: VPCs, interfaces, pods and the proxy each have a key in one work queue, and each is
 * brought from what is there to what the control plane last asked for. Nothing is known that is not read again.
 */
export class Agent {
  readonly #deps: AgentDeps;
  readonly #cache: AssignmentCache;
  readonly #queue: WorkQueue;
  readonly #routers: VpcRouters;
  readonly #interfaces: NetworkInterfaces;
  readonly #pods: PodController;
  readonly #logs: LogShipper;
  readonly #proxy: ReturnType<Host["proxy"]>;
  readonly #endpoints = new Map<string, { pid: number; close: () => void }>();
  readonly #images: ImageRequests;
  readonly #metrics: MetricShipper;
  readonly #engineProbe: EngineProbe;
  readonly #abort = new AbortController();
  readonly #reportedInterfaces = new Map<string, boolean>();
  readonly #reportedFirewalls = new Map<string, string>();
  /** Why the newest assignment of a key was refused. */
  readonly #refused = new Map<string, string>();
  /** Parts of assignments that were left out, by the assignment's key. */
  readonly #leftOut = new Map<string, readonly string[]>();
  /** Parts of load balancers that did not pass the agent's checks. */
  #balancerPartsLeftOut: readonly BalancerPartLeftOut[] = [];
  readonly #startedAt: number;
  #send: ((message: ToControlPlane) => void) | undefined;
  /** Whether this process was ever told all that is wanted. */
  #synced = false;
  #balancersReported = { text: "", at: 0 };

  constructor(deps: AgentDeps) {
    this.#deps = deps;
    this.#startedAt = deps.clock.now();
    const { engine, programs, naming, clock, log, host } = deps;
    this.#cache = new AssignmentCache(host.memory, { clock, log });
    this.#routers = new VpcRouters({
      engine,
      programs,
      naming,
      log,
      report: (state) => this.#reportFirewall(state),
    });
    this.#interfaces = new NetworkInterfaces({ engine, programs, naming, routers: this.#routers });
    this.#logs = new LogShipper({
      engine,
      clock,
      log,
      cursors: this.#cache.cursorAccess(),
      send: (containerId, destination, lines) =>
        this.#tell({ type: "logs", containerId, destination, lines }),
    });
    this.#images = new ImageRequests({ clock, send: (image) => this.#tell({ type: "imageWanted", image }) });
    this.#metrics = new MetricShipper({
      clock,
      log,
      pods: () => this.#podAssignments().filter(({ desired }) => desired === "RUNNING"),
      usageOf: (pod) => host.usageOf(pod),
      traffic: () => this.#proxy.traffic(),
      send: (batch) => void this.#tell(batch),
    });
    this.#engineProbe = new EngineProbe({
      engine,
      label: naming.label,
      clock,
      log,
      report: (report) => void this.#tell(report),
      answersAgain: () => this.#enqueueAll(),
    });
    this.#pods = new PodController({
      engine,
      interfaces: this.#interfaces,
      host,
      naming,
      clock,
      log,
      logs: this.#logs,
      problems: this.#cache.problemAccess(),
      requestImage: (image) => this.#images.request(image),
      report: (observation) => void this.#tell({ type: "pod", observation }),
    });
    this.#proxy = host.proxy(this.#cache.portAccess());
    this.#queue = new WorkQueue({
      clock,
      concurrencyMax: CONCURRENCY_MAX,
      work: (key) => this.#reconcile(key),
      onFailure: (key, thrown, retryInMs) =>
        log.warn("Reconcile failed", { key, reason: messageOf(thrown), retryInMs }),
    });
  }

  /** Takes up what was left: host rules, cached assignments, containers of ours; then watches the engine. */
  async start(): Promise<void> {
    const { host, naming, engine, log } = this.#deps;
    await host.prepare();
    if (this.#cache.settings !== undefined) host.trust(this.#cache.settings.caPem);
    engine.watch(naming.label, (labels) => this.#onEngineEvent(labels), this.#abort.signal);
    this.#engineProbe.start();
    this.#metrics.start();
    this.#enqueueAll();
    this.#queue.addAfter("observe-balancers", BALANCER_POLL_MS);
    this.#queue.addAfter("host", HOST_RULES_MS);
    log.info("Agent started", { assignments: this.#cache.wanted.size });
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#engineProbe.stop();
    this.#metrics.stop();
    await this.#queue.stop();
    for (const endpoints of this.#endpoints.values()) endpoints.close();
  }

  /** The control plane is there: everything is said again, for it may have forgotten or be new. */
  connected(send: (message: ToControlPlane) => void): void {
    this.#send = send;
    this.#pods.forgetReports();
    this.#reportedInterfaces.clear();
    this.#reportedFirewalls.clear();
    this.#balancersReported = { text: "", at: 0 };
    this.#logs.resend();
    this.#metrics.resend();
    this.#engineProbe.reportAgain();
    this.#enqueueAll();
  }

  disconnected(): void {
    this.#send = undefined;
    this.#images.giveUp();
  }

  /** Keys of all that it was told to make and not told to let go. */
  get keys(): readonly string[] {
    return [...this.#cache.wanted.keys()];
  }

  /** All that the control plane wants, where that is news. */
  sync(settings: NodeSettings, news: { assigned: readonly Assignment[]; gone: readonly string[] }): void {
    this.#synced = true;
    // Said again with every hello: files that containers read are not written anew each minute.
    if (settings.caPem !== this.#cache.settings?.caPem) this.#deps.host.trust(settings.caPem);
    this.#cache.settings = settings;
    for (const key of news.gone) this.#unassign(key);
    for (const assignment of news.assigned) this.#assign(assignment);
    this.#queue.add("strays");
  }

  /** A message that the agent cannot act on is dropped; the connection continues. */
  ignore(problem: string): void {
    this.#deps.log.error("Message of the control plane refused", { problem });
  }

  /** One message of the control plane. */
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
      case "imageReady":
        this.#images.answered(message.image, message.problem);
        return;
    }
  }

  /** The agent acts as root: it uses nothing of an assignment that it has not checked. */
  #assign(given: Assignment): void {
    const checked = checkAssignment(given);
    if (checked.type === "refused") {
      this.#deps.log.error("Assignment refused", { key: given.key, problem: checked.problem });
      this.#tell({ type: "refused", key: given.key, problem: checked.problem });
      this.#refused.set(given.key, checked.problem);
      // A pod of an earlier assignment goes on by that one.
      if (given.kind === "pod" && !isAssigned(given.key, this.#cache))
        this.#tell({ type: "pod", observation: refusedPod(given.key, checked.problem) });
      this.#queue.add(given.key);
      return;
    }
    const { assignment, problems } = checked;
    this.#refused.delete(assignment.key);
    this.#leftOut.set(assignment.key, problems);
    if (assignment.kind === "balancers") this.#balancerPartsLeftOut = checked.leftOut;
    for (const problem of problems)
      this.#deps.log.error("Part of an assignment is left out", { key: assignment.key, problem });
    // A warm interface that a pod was given is the pod's, whichever of the two messages comes first.
    if (assignment.kind === "pod") this.#cache.wanted.delete(`interface/${assignment.interface.id}`);
    if (assignment.kind === "interface" && this.#podsHold(assignment.interface.id)) return;
    this.#cache.leaving.delete(assignment.key);
    this.#cache.wanted.set(assignment.key, assignment);
    this.#cache.changed();
    // Warm interfaces are made when nothing else is to be done.
    if (assignment.kind === "interface") this.#queue.addAfter(assignment.key, WARM_DELAY_MS);
    else this.#queue.add(assignment.key);
    if (assignment.kind === "vpc") this.#queue.add("balancers");
  }

  #unassign(key: string): void {
    const assignment = this.#cache.wanted.get(key);
    this.#cache.wanted.delete(key);
    if (assignment !== undefined) this.#cache.leaving.set(key, assignment);
    this.#cache.changed();
    // A warm interface is given to a pod by two messages: the pod's may be the later one.
    if (assignment?.kind === "interface") this.#queue.addAfter(key, HANDOVER_MS);
    else this.#queue.add(key);
  }

  #enqueueAll(): void {
    for (const key of [...this.#cache.wanted.keys(), ...this.#cache.leaving.keys()]) this.#queue.add(key);
  }

  async #reconcile(key: string): Promise<number | undefined> {
    if (key === "observe-balancers") return this.#observeBalancers();
    if (key === "strays") return this.#removeStrays();
    if (key === "host") {
      await this.#deps.host.prepare();
      return HOST_RULES_MS;
    }
    const wanted = this.#cache.wanted.get(key);
    if (wanted === undefined) {
      // What is taken apart must not be made again by an agent that comes after: it has to know first.
      await this.#cache.written();
      const leaving = this.#cache.leaving.get(key);
      if (this.#cache.wanted.has(key)) return undefined;
      if (leaving !== undefined) await this.#remove(leaving);
      else await this.#removeUnknown(key);
      return undefined;
    }
    switch (wanted.kind) {
      case "vpc":
        return this.#reconcileVpc(wanted);
      case "interface":
        return this.#reconcileInterface(wanted.interface);
      case "pod":
        return this.#pods.reconcile(wanted, () => this.#cache.wanted.get(key) === wanted);
      case "folder":
        await this.#deps.host.volumes.ensureFolder(wanted.path);
        return undefined;
      case "balancers":
        if (this.#isTakingUp()) return TAKE_UP_LOOK_MS;
        await this.#proxy.apply(wanted, this.#routers.all);
        return undefined;
    }
  }

  /** A new agent finds the routers one by one, while the proxy serves by what the last one told it: it must not lose those not found yet. */
  #isTakingUp(): boolean {
    if (elapsedSince(this.#startedAt, this.#deps.clock.now()) > TAKE_UP_MS) return false;
    return [...this.#cache.wanted.values()].some(
      (assignment) => assignment.kind === "vpc" && this.#routers.find(assignment.vpcId) === undefined,
    );
  }

  async #reconcileVpc(vpc: VpcAssignment): Promise<number | undefined> {
    const refused = this.#refused.get(vpc.key);
    // The rules in effect are older than those that were refused: they may allow what has been revoked.
    if (refused !== undefined) return this.#routers.refuse(vpc.vpcId, refused);
    const before = this.#routers.find(vpc.vpcId)?.pid;
    const router = await this.#routers.ensure(vpc, this.#leftOut.get(vpc.key) ?? []);
    this.#serve(vpc, router);
    if (before !== router.pid) {
      // A new namespace has no cables: whoever is in this VPC is looked at again.
      for (const assignment of this.#cache.wanted.values())
        if (assignment.kind !== "vpc") this.#queue.add(assignment.key);
    }
    return undefined;
  }

  async #reconcileInterface(wanted: InterfaceAssignment): Promise<number | undefined> {
    try {
      const pause = await this.#interfaces.ensure(wanted, true);
      this.#reportInterface(wanted.id, pause.state === "running");
    } catch (thrown) {
      if (!(thrown instanceof RouterMissingError)) throw thrown;
      return VPC_RETRY_MS;
    }
    return undefined;
  }

  async #remove(leaving: Assignment): Promise<void> {
    switch (leaving.kind) {
      case "pod":
        await this.#pods.remove(leaving);
        // While the interface stands, whoever still knows the address is refused at once and does not wait.
        await sleep(this.#deps.clock, HANDOVER_MS);
        if (!this.#isInterfaceWanted(leaving.interface.id)) await this.#interfaces.remove(leaving.interface);
        break;
      case "interface":
        if (!this.#isInterfaceWanted(leaving.interface.id)) await this.#interfaces.remove(leaving.interface);
        break;
      case "vpc": {
        if (this.#vpcInUse(leaving.vpcId))
          throw new Error(`The VPC ${leaving.vpcId} still has interfaces on this node.`);
        this.#endpoints.get(leaving.vpcId)?.close();
        this.#endpoints.delete(leaving.vpcId);
        await this.#routers.remove(leaving.vpcId);
        break;
      }
      case "folder":
        await this.#deps.host.volumes.removeFolder(leaving.path);
        break;
      case "balancers":
        break;
    }
    if (this.#cache.wanted.has(leaving.key)) return;
    this.#cache.leaving.delete(leaving.key);
    this.#leftOut.delete(leaving.key);
    this.#refused.delete(leaving.key);
    this.#cache.changed();
    this.#tell({ type: "removed", key: leaving.key });
  }

  #podsHold(interfaceId: string): boolean {
    return [...this.#cache.wanted.values(), ...this.#cache.leaving.values()].some(
      (assignment) => assignment.kind === "pod" && assignment.interface.id === interfaceId,
    );
  }

  #isInterfaceWanted(id: string): boolean {
    return this.#interfaceUsers().some((eni) => eni.id === id);
  }

  #interfaceUsers(): readonly InterfaceAssignment[] {
    return [...this.#cache.wanted.values()].flatMap((assignment) =>
      assignment.kind === "pod" || assignment.kind === "interface" ? [assignment.interface] : [],
    );
  }

  #vpcInUse(vpcId: string): boolean {
    const leaving = [...this.#cache.leaving.values()].flatMap((assignment) =>
      assignment.kind === "pod" || assignment.kind === "interface" ? [assignment.interface] : [],
    );
    return [...this.#interfaceUsers(), ...leaving].some((eni) => eni.vpcId === vpcId);
  }

  /** The resolver, the task endpoints and the way to the AWS services, at the VPC's own address of the host. */
  #serve(vpc: VpcAssignment, router: Router): void {
    const known = this.#endpoints.get(vpc.vpcId);
    if (known?.pid === router.pid) return;
    known?.close();
    const served = this.#deps.host.serve({
      vpc: () => {
        const current = this.#cache.wanted.get(`vpc/${vpc.vpcId}`);
        return current?.kind === "vpc" ? current : vpc;
      },
      // Whoever asks in this VPC is told of this VPC's tasks alone.
      pods: () => this.#podAssignments().filter((pod) => pod.interface.vpcId === vpc.vpcId),
      router,
      settings: () => this.#cache.settings,
    });
    this.#endpoints.set(vpc.vpcId, { pid: router.pid, close: () => served.close() });
  }

  #podAssignments(): readonly PodAssignment[] {
    return [...this.#cache.wanted.values()].filter((assignment) => assignment.kind === "pod");
  }

  async #observeBalancers(): Promise<number> {
    const wanted = this.#cache.wanted.get("balancers");
    const isAnything = wanted?.kind === "balancers" && wanted.balancers.length > 0;
    if (isAnything || this.#balancerPartsLeftOut.length > 0) await this.#reportBalancers();
    return BALANCER_POLL_MS;
  }

  async #reportBalancers(): Promise<void> {
    const observed = await this.#proxy.observe();
    const observation =
      observed === undefined ? undefined : withLeftOut(observed, this.#balancerPartsLeftOut);
    const text = JSON.stringify(observation);
    const now = this.#deps.clock.now();
    // Grace and draining end by time alone: what is not healthy is said again.
    const again =
      observation?.targets.some((target) => target.health !== "healthy" || target.draining) &&
      elapsedSince(this.#balancersReported.at, now) >= REPEAT_MS;
    if (observation === undefined || (text === this.#balancersReported.text && !again)) return;
    if (this.#tell({ type: "balancers", observation })) this.#balancersReported = { text, at: now };
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

  /** Containers that carry our label and belong to nothing that is wanted or leaving: left by a crash. */
  async #removeStrays(): Promise<undefined> {
    const { engine, naming, log, host } = this.#deps;
    await host.volumes.releaseOthers((podKey) => isAssigned(podKey, this.#cache));
    for (const container of await engine.list(naming.label)) {
      if (!isStray(container, this.#cache)) continue;
      log.warn("Container belongs to nothing that is wanted and is removed", { container: container.name });
      await engine.removeContainer(container.id);
    }
  }

  /** Asked to let go of what it knows nothing of: nothing of it may be left before its address is another's. */
  async #removeUnknown(key: string): Promise<void> {
    // Not told everything yet, it would take what it has forgotten for strays; it is asked again.
    if (!this.#synced) return;
    await this.#removeStrays();
    this.#tell({ type: "removed", key });
  }

  #reportFirewall(state: FirewallState): void {
    const text = JSON.stringify(state);
    if (this.#reportedFirewalls.get(state.vpcId) === text) return;
    if (this.#tell({ type: "firewall", ...state })) this.#reportedFirewalls.set(state.vpcId, text);
  }

  #reportInterface(id: string, ready: boolean): void {
    if (this.#reportedInterfaces.get(id) === ready) return;
    if (this.#tell({ type: "interface", id, ready })) this.#reportedInterfaces.set(id, ready);
  }

  #tell(message: ToControlPlane): boolean {
    if (this.#send === undefined) return false;
    this.#send(message);
    return true;
  }
}
