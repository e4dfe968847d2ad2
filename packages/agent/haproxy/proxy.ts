import { createHash } from "node:crypto";
import { mkdir, readdir, rename, rm, symlink, readlink } from "node:fs/promises";
import { join } from "node:path";
import type { BalancersAssignment, BalancersObservation, TrafficSample } from "@gantry/agent-protocol";
import { messageOf, sleep, type Clock, type Ids, type Logger } from "@gantry/kernel";
import type { ContainerSpec, Engine, EngineContainer } from "../engine/engine.ts";
import { pauseSpec, type Naming } from "../naming.ts";
import type { Router } from "../network/vpc-router.ts";
import { askProxy, isProcessThere, parseFrontends, parseStats, type ServerStat } from "./proxy-socket.ts";
import { Acceptance, writeAtomically } from "./acceptance.ts";
import { AuthenticationServer } from "./authentication/authentication-server.ts";
import { issuerFetch, type Fetch } from "./authentication/issuer-fetch.ts";
import { BalancerLogs } from "./balancer-logs.ts";
import { runHaproxyCheck, type RunCheck } from "./check.ts";
import { ConnectionCounts } from "./connection-counts.ts";
import { HostPorts, type PortMemory } from "./host-ports.ts";
import { backendName, serverName } from "./names.ts";
import { observeTarget, PASSED, refusedTarget } from "./observe-target.ts";
import type { LogSpool } from "./log-spool.ts";
import { keyOf } from "./parts.ts";
import { LOOP_LABEL, LOOP_VERSION, proxyEntryPoint } from "./proxy-loop.ts";
import { RequestLog } from "./request-log.ts";
import type { ProxyConfiguration } from "./render.ts";
import { isWeightsFile } from "./render-weights.ts";
import { Weights } from "./weights.ts";

/** How long a proxy that exited may take to be back. */
const RESTART_WAIT_MS = 5_000;
/** How long a configuration may take to be in effect: on a busy machine, a reload waits for a processor. */
const LOAD_WAIT_MS = 20_000;
/** Well below the descriptor limit of 20,000 that small machines have. */
const CONNECTIONS_MAX = 8_000;

/** The folder of load balancers' logs on the data volume. */
const LOGS_FOLDER = "balancer-logs";
const NOTHING: BalancersAssignment = { kind: "balancers", key: "balancers", balancers: [], targetGroups: [] };

export interface ProxyDeps {
  readonly engine: Engine;
  readonly naming: Naming;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly image: string;
  /** The proxy's folder, which has the same path in this process and in the proxy. */
  readonly folder: string;
  readonly dataPath: string;
  readonly dataFolder: string;
  readonly ports: PortMemory;
  /** The check of a configuration; HAProxy's own by default. */
  readonly runCheck?: RunCheck;
  /** How issuers of authentications are asked; over the network by default. */
  readonly askIssuer?: Fetch;
}

/**
 * HAProxy on this node: one process in its own container, which outlives the agent. Its configuration is
 * rendered whole, checked, and swapped without losing a connection. A configuration that does not pass the
 * check is never loaded.
 */
export class Proxy {
  readonly #deps: ProxyDeps;
  readonly #hostPorts: HostPorts;
  readonly #acceptance: Acceptance;
  /** The files of load balancers' logs. */
  readonly logs: LogSpool;
  readonly #balancerLogs: BalancerLogs;
  readonly #requests: RequestLog;
  readonly #authentication: AuthenticationServer;
  readonly #connections = new ConnectionCounts();
  readonly #weights: Weights;
  #applied = "";
  /** The assignment in effect. */
  #assignment: BalancersAssignment | undefined;
  /**
   * Odd during the handover of health from one worker to the next: the new worker may miss results that the
   * old one reports.
   */
  #handovers = 0;

  constructor(deps: ProxyDeps) {
    this.#deps = deps;
    this.#hostPorts = new HostPorts(deps.ports, deps.log);
    const { clock, ids, log, folder, dataFolder, runCheck = runHaproxyCheck, askIssuer = issuerFetch } = deps;
    this.#balancerLogs = new BalancerLogs({ clock, ids, log, folder: join(dataFolder, LOGS_FOLDER) });
    this.logs = this.#balancerLogs.spool;
    this.#requests = new RequestLog(log, this.#balancerLogs);
    this.#authentication = new AuthenticationServer({ clock, ids, log, fetch: askIssuer });
    this.#weights = new Weights(folder);
    this.#acceptance = new Acceptance({ clock, log, folder, runCheck });
  }

  /** Applies the assignment to the proxy. Repeating it changes nothing. */
  async apply(assignment: BalancersAssignment, routers: readonly Router[]): Promise<void> {
    try {
      await this.#apply(assignment, routers);
    } finally {
      this.#hostPorts.release();
    }
  }

  async #apply(assignment: BalancersAssignment, routers: readonly Router[]): Promise<void> {
    const container = await this.#currentContainer();
    if (assignment.balancers.length === 0) {
      if (container !== undefined) await this.#deps.engine.removeContainer(container.id);
      this.#applied = "";
      this.#assignment = undefined;
      return;
    }
    const isRunning = container?.state === "running" && (await this.#isServing(container.id));
    await this.#hostPorts.choose(assignment, isRunning ? this.#assignment : NOTHING);
    await this.#linkNamespaces(routers);
    const options = {
      folder: this.#deps.folder,
      hostPortOf: this.#hostPorts.of.bind(this.#hostPorts),
      namespaces: new Set(routers.map((router) => router.vpcId)),
      hostAddressOf: (vpcId: string) => routers.find((each) => each.vpcId === vpcId)?.transit.hostAddress,
      connectionsMax: CONNECTIONS_MAX,
    };
    const isInEffect = async (fingerprint: string) =>
      isRunning && (this.#applied === fingerprint || (await this.#isInEffect(fingerprint)));
    const rendered = this.#acceptance.render(assignment, options);
    let fingerprint = fingerprintOf(rendered, routers);
    await mkdir(join(this.#deps.folder, "run"), { recursive: true });
    this.#balancerLogs.use(assignment);
    await this.#authentication.use(assignment, this.#deps.folder);
    if (await isInEffect(fingerprint)) await this.#weights.apply(rendered.files);
    else {
      const configuration = await this.#acceptance.accept(assignment, options);
      fingerprint = fingerprintOf(configuration, routers);
      if (await isInEffect(fingerprint)) await this.#weights.apply(configuration.files);
      else await this.#load(configuration, fingerprint, isRunning);
    }
    this.#requests.read(this.#deps.folder, this.#deps.clock);
    this.#applied = fingerprint;
    this.#assignment = assignment;
  }

  /**
   * The proxy's container. One of an earlier version is removed, because its loop does not open the pipe that
   * request lines are written to.
   */
  async #currentContainer(): Promise<EngineContainer | undefined> {
    const { engine, naming, log } = this.#deps;
    const container = await engine.inspect(naming.proxy());
    if (container === undefined || container.labels[LOOP_LABEL] === LOOP_VERSION) return container;
    log.info("The proxy of an earlier version is replaced");
    await engine.removeContainer(container.id);
    return undefined;
  }

  /** Returns the requests and connections counted since the previous call. */
  traffic(): readonly TrafficSample[] {
    return [...this.#requests.drain(this.#assignment), ...this.#connections.drain(this.#assignment)];
  }

  async #load(configuration: ProxyConfiguration, fingerprint: string, isRunning: boolean): Promise<void> {
    this.#handovers += 1;
    // Should loading fail, it is not known which configuration is in effect.
    this.#applied = "";
    this.#weights.forget();
    try {
      await this.#write(configuration, fingerprint, isRunning);
      if (isRunning) await this.#reload(fingerprint);
      else await this.#start(fingerprint);
      this.#weights.loaded(configuration.files);
    } finally {
      this.#handovers += 1;
    }
  }

  /**
   * Returns the results of the proxy's health checks, the addresses of listeners on the host, and the parts
   * left out.
   */
  async observe(): Promise<BalancersObservation | undefined> {
    const assignment = this.#assignment;
    if (assignment === undefined) return { targets: [], hostPorts: {} };
    const handovers = this.#handovers;
    let stats: ReadonlyMap<string, ServerStat>;
    let leaving = false;
    try {
      // Frontends and servers.
      const text = await askProxy(join(this.#deps.folder, "run/admin.sock"), "show stat -1 5 -1");
      stats = parseStats(text);
      this.#connections.note(parseFrontends(text));
      leaving = /# old workers\n\d+/.test(
        await askProxy(join(this.#deps.folder, "run/master.sock"), "show proc"),
      );
    } catch (thrown) {
      this.#deps.log.debug("The proxy does not answer", { reason: messageOf(thrown) });
      return undefined;
    }
    await this.#raiseNew(assignment, stats);
    // A target that passed its check only in the old worker must not make another target drain: the new
    // worker would have no target to send requests to.
    if (handovers % 2 === 1 || handovers !== this.#handovers) return undefined;
    const leftOut = this.#acceptance.leftOutKeys(assignment);
    const targets = assignment.targetGroups.flatMap((group) =>
      group.targets.map((target) => {
        const stat = stats.get(`${backendName(group.arn)}/${serverName(target)}`);
        const observed = observeTarget(group.arn, target, stat, leaving);
        const problem = leftOut.size === 0 ? undefined : leftOut.get(keyOf.target(group, target));
        return problem === undefined ? observed : { ...observed, ...refusedTarget(problem) };
      }),
    );
    const hostPorts = Object.fromEntries(
      assignment.balancers.map((balancer) => [
        balancer.arn,
        Object.fromEntries(
          balancer.listeners.flatMap((listener) => {
            const port = this.#hostPorts.of(balancer, listener);
            return port === undefined ? [] : [[String(listener.port), port]];
          }),
        ),
      ]),
    );
    return { targets, hostPorts, leftOut: this.#acceptance.leftOutOf(assignment) };
  }

  /**
   * The first passed check makes a new target healthy, also where an earlier check failed while the
   * application was starting; the proxy would wait for the whole threshold. Source: "Health checks for your
   * target groups".
   */
  async #raiseNew(assignment: BalancersAssignment, stats: ReadonlyMap<string, ServerStat>): Promise<void> {
    for (const group of assignment.targetGroups) {
      for (const target of group.targets) {
        const server = `${backendName(group.arn)}/${serverName(target)}`;
        const stat = stats.get(server);
        if (
          !target.isNew ||
          target.draining ||
          stat?.status.startsWith("DOWN") !== true ||
          !PASSED.has(stat.checkStatus)
        )
          continue;
        await askProxy(join(this.#deps.folder, "run/admin.sock"), `set server ${server} health up`);
      }
    }
  }

  async #linkNamespaces(routers: readonly Router[]): Promise<void> {
    const folder = join(this.#deps.dataFolder, "netns");
    await mkdir(folder, { recursive: true });
    for (const router of routers) {
      const path = join(folder, router.vpcId);
      const target = `/proc/${router.pid}/ns/net`;
      if ((await readlink(path).catch(() => "")) === target) continue;
      await rm(path, { force: true });
      await symlink(target, path);
    }
  }

  async #write(configuration: ProxyConfiguration, fingerprint: string, running: boolean): Promise<void> {
    const { folder } = this.#deps;
    const next = join(folder, "next.cfg");
    const text = configuration.text.replace(
      "global\n",
      `global\n  set-var proc.fingerprint str(${fingerprint})\n`,
    );
    await writeAtomically(next, text);
    await this.#writeServerState(configuration, running);
    await rename(next, join(folder, "haproxy.cfg"));
    const kept = new Set(Object.keys(configuration.files));
    for (const name of await readdir(folder))
      if (/^(body|ca|cert|crl|crtlist|lua|rules|weights|sticky)_/.test(name) && !kept.has(name))
        await rm(join(folder, name), { force: true });
  }

  /**
   * Health survives a reload. A server that is new to the proxy starts DOWN, one passed check from UP, and
   * gets no traffic before.
   */
  async #writeServerState(configuration: ProxyConfiguration, running: boolean): Promise<void> {
    const known = new Map<string, string>();
    let head =
      "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight " +
      "srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health " +
      "srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord " +
      "srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port";
    if (running) {
      const answer = await askProxy(join(this.#deps.folder, "run/admin.sock"), "show servers state").catch(
        () => "",
      );
      const lines = answer.split("\n").filter((line) => line !== "");
      if (lines[1] !== undefined) head = `${lines[0]}\n${lines[1]}`;
      for (const line of lines.slice(2)) {
        const cells = line.split(" ");
        known.set(`${cells[1]}/${cells[3]}`, line);
      }
    }
    const ids = new Map<string, number>();
    const lines = configuration.servers.map(({ backend, server, target, rise }) => {
      const there = known.get(`${backend}/${server}`);
      const id = (ids.get(backend) ?? 0) + 1;
      ids.set(backend, id);
      if (there !== undefined) return there;
      return (
        `1 ${backend} ${id} ${server} ${target.address} 0 0 100 100 0 1 2 ${Math.max(0, rise - 1)} 6 0 0 ` +
        `0 - ${target.port} - 0 0 - - 0`
      );
    });
    await writeAtomically(join(this.#deps.folder, "servers.state"), `${head}\n${lines.join("\n")}\n`);
  }

  /**
   * Whether the proxy's container serves. One whose proxy exits again and again cannot listen on its ports,
   * since another program has taken one while it was away: it is removed, and the ports are chosen again.
   */
  async #isServing(containerId: string): Promise<boolean> {
    const { clock, engine, folder, log } = this.#deps;
    const deadline = clock.now() + RESTART_WAIT_MS;
    while (!(await isProcessThere(join(folder, "run/admin.sock")))) {
      if (clock.now() > deadline) {
        log.warn("The proxy exited and is restarted");
        await engine.removeContainer(containerId);
        return false;
      }
      await sleep(clock, 50);
    }
    return true;
  }

  async #start(fingerprint: string): Promise<void> {
    const { engine, naming, log } = this.#deps;
    const there = await engine.inspect(naming.proxy());
    if (there === undefined) await engine.createContainer(this.#spec());
    await engine.startContainer(naming.proxy());
    await this.#untilInEffect(fingerprint, "The proxy did not start in time.");
    log.info("Proxy started");
  }

  async #reload(fingerprint: string): Promise<void> {
    // The master may close this connection seconds after the new worker serves: its answer says nothing more.
    void askProxy(join(this.#deps.folder, "run/master.sock"), "reload").catch(() => "");
    await this.#untilInEffect(fingerprint, "The proxy did not take its new configuration in time.");
  }

  async #untilInEffect(fingerprint: string, problem: string): Promise<void> {
    const { clock } = this.#deps;
    const deadline = clock.now() + LOAD_WAIT_MS;
    while (!(await this.#isInEffect(fingerprint))) {
      if (clock.now() > deadline) throw new Error(problem);
      await sleep(clock, 20);
    }
  }

  async #isInEffect(fingerprint: string): Promise<boolean> {
    const answer = await askProxy(
      join(this.#deps.folder, "run/admin.sock"),
      "get var proc.fingerprint",
    ).catch(() => "");
    return answer.includes(fingerprint);
  }

  #spec(): ContainerSpec {
    const { naming, folder, dataPath, image } = this.#deps;
    return {
      ...pauseSpec(naming),
      name: naming.proxy(),
      image,
      labels: { ...naming.labels, "gantry.role": "proxy", [LOOP_LABEL]: LOOP_VERSION },
      // The master does not restart a killed worker: it exits, and this loop restarts it within a tenth of a
      // second.
      entryPoint: proxyEntryPoint(folder),
      network: "host",
      pidHost: true,
      mounts: [
        { source: dataPath, target: this.#deps.dataFolder, readOnly: false },
        { source: `${dataPath}/netns`, target: "/run/netns", readOnly: false },
      ],
      readonlyRootFilesystem: false,
      capabilitiesDrop: [],
      capabilitiesAdd: ["NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE", "NET_BIND_SERVICE"],
      securityOptions: ["seccomp=unconfined", "apparmor=unconfined"],
      cpuShares: 2048,
      restartAlways: true,
      stopSignal: "SIGTERM",
      logsMaxMiB: 4,
    };
  }
}

/** Identifies a configuration without its weights, which a running proxy changes without a reload. */
function fingerprintOf(configuration: ProxyConfiguration, routers: readonly Router[]): string {
  return createHash("sha256")
    .update(
      JSON.stringify([
        configuration.text,
        Object.entries(configuration.files).filter(([name]) => !isWeightsFile(name)),
        routers.map((router) => [router.vpcId, router.pid]).toSorted(),
      ]),
    )
    .digest("hex")
    .slice(0, 24);
}
