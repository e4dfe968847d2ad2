import type { VpcAssignment } from "@gantry/agent-protocol";
import { formatIp, messageOf, parseCidr, present, type Logger } from "@gantry/kernel";
import type { ContainerSpec, Engine } from "../engine/engine.ts";
import { pauseSpec, type Naming } from "../naming.ts";
import { readFlowCounters, type FlowCounter } from "../flows/flow-counters.ts";
import { ensureClientRoutes } from "./client-rules.ts";
import { isCounted } from "./flow-rules.ts";
import { addressesIn } from "./ip-json.ts";
import { attempt, batch, inNamespace, nft, type Programs } from "./programs.ts";
import { CLOSED_RULES, renderRouterRules } from "./ruleset.ts";
import { ensurePeerings } from "./peer-links.ts";
import { RouterLinks } from "./router-link.ts";
import type { Transit } from "./transit.ts";

/** The state of a VPC's router on this node. */
export interface Router {
  readonly vpcId: string;
  readonly pid: number;
  readonly transit: Transit;
  readonly resolver: string;
}

/** Whether a VPC's rules are in effect, and their problems. */
export interface FirewallState {
  readonly vpcId: string;
  /** Whether the rules could not be applied: new connections are dropped until they are. */
  readonly closed: boolean;
  readonly problems: readonly string[];
}

/**
 * VPCs on this node: one namespace each, held by a container, with a bridge for the interfaces, a link to the
 * host, and one ruleset that is rendered whole and applied in one transaction.
 */
export class VpcRouters {
  readonly #engine: Engine;
  readonly #programs: Programs;
  readonly #naming: Naming;
  readonly #log: Logger;
  readonly #report: (state: FirewallState) => void;
  readonly #beforeRules: (vpcId: string) => Promise<void>;
  readonly #joined: (vpcId: string) => void;
  readonly #links: RouterLinks;
  readonly #routers = new Map<string, Router>();
  readonly #applied = new Map<string, string>();
  /** The peerings of each VPC that are in effect. */
  readonly #peered = new Map<string, string>();
  /** VPCs whose rules in effect count flows. */
  readonly #counted = new Set<string>();

  constructor(deps: {
    engine: Engine;
    programs: Programs;
    naming: Naming;
    log: Logger;
    report: (state: FirewallState) => void;
    /** Called before rules that are in effect are replaced, with their counters. */
    beforeRules: (vpcId: string) => Promise<void>;
    /** Called for a VPC whose router was linked with a peer's: it must be brought up to date. */
    joined: (vpcId: string) => void;
  }) {
    this.#engine = deps.engine;
    this.#programs = deps.programs;
    this.#naming = deps.naming;
    this.#log = deps.log;
    this.#report = deps.report;
    this.#beforeRules = deps.beforeRules;
    this.#joined = deps.joined;
    this.#links = new RouterLinks(deps.programs);
  }

  find(vpcId: string): Router | undefined {
    return this.#routers.get(vpcId);
  }

  get all(): readonly Router[] {
    return [...this.#routers.values()];
  }

  /**
   * Creates the router and brings its rules up to date; repeating it changes nothing. `problems` are the
   * parts of the assignment that were left out. Throws where the rules could not be applied, after the VPC is
   * closed.
   */
  async ensure(vpc: VpcAssignment, problems: readonly string[]): Promise<Router> {
    const router = await this.#ensureNamespace(vpc);
    const rules = renderRouterRules(vpc, router.transit, router.resolver);
    const addresses = [
      ...vpc.subnets.map((subnet) => gatewayOf(subnet.cidr)),
      `${router.resolver}/32`,
      ...localAddresses(vpc),
    ].toSorted();
    const publicAddresses = publicAddressesOf(vpc);
    const fingerprint = `${router.pid}\n${rules}\n${addresses.join()}\n${publicAddresses.join()}`;
    if (this.#applied.get(vpc.vpcId) !== fingerprint) {
      try {
        if (this.#counted.has(vpc.vpcId)) await this.#beforeRules(vpc.vpcId);
        if ((vpc.clientTargets ?? []).length > 0) await ensureClientRoutes(this.#programs, router.pid);
        await this.#apply(router, { rules, addresses, publicAddresses });
      } catch (thrown) {
        this.#applied.delete(vpc.vpcId);
        await this.#close(router, problems, messageOf(thrown));
        throw thrown;
      }
      this.#applied.set(vpc.vpcId, fingerprint);
      if (isCounted(vpc)) this.#counted.add(vpc.vpcId);
      else this.#counted.delete(vpc.vpcId);
    }
    await this.#ensurePeerings(vpc, router);
    this.#report({ vpcId: vpc.vpcId, closed: false, problems });
    return router;
  }

  /** Links the router with those of its peers on this node. A peer has to add its routes to a new link. */
  async #ensurePeerings(vpc: VpcAssignment, { pid }: Router): Promise<void> {
    const pidOf = (vpcId: string): number | undefined => this.#routers.get(vpcId)?.pid;
    const peers = (vpc.peerings ?? []).map((peering) => [peering, pidOf(peering.peerVpcId)]);
    const routes = vpc.subnets.map((subnet) => [subnet.cidr, subnet.peerRoutes]);
    const wanted = vpc.peerings === undefined ? `${pid}` : JSON.stringify([pid, vpc.cidr, peers, routes]);
    const known = this.#peered.get(vpc.vpcId);
    if (known === wanted) return;
    for (const peer of await ensurePeerings(this.#programs, vpc, { pid, pidOf })) {
      this.#peered.delete(peer);
      this.#joined(peer);
    }
    this.#peered.set(vpc.vpcId, wanted);
  }

  /** The counters of a VPC's flows; undefined where no rules that count are in effect. */
  async readFlows(vpcId: string): Promise<readonly FlowCounter[] | undefined> {
    const router = this.#routers.get(vpcId);
    if (router === undefined || !this.#counted.has(vpcId)) return undefined;
    return readFlowCounters(this.#programs, router.pid);
  }

  /** Closes a VPC whose newest assignment cannot be used. */
  async refuse(vpcId: string, problem: string): Promise<undefined> {
    const router = this.#routers.get(vpcId);
    this.#applied.delete(vpcId);
    if (router !== undefined) await this.#close(router, [], problem);
  }

  /** Removes the router and its link, when no interface is left on its bridge. */
  async remove(vpcId: string): Promise<void> {
    this.#routers.delete(vpcId);
    this.#applied.delete(vpcId);
    this.#counted.delete(vpcId);
    this.#peered.delete(vpcId);
    await this.#engine.removeContainer(this.#naming.router(vpcId));
    this.#log.info("VPC removed from node", { vpcId });
  }

  /**
   * The rules are applied first: an address or a route that cannot be set must not keep a revoked rule in
   * effect.
   */
  async #apply(
    router: Router,
    wanted: { rules: string; addresses: readonly string[]; publicAddresses: readonly string[] },
  ): Promise<void> {
    const [, listed = ""] = await this.#programs.run([
      inNamespace(router.pid, nft(wanted.rules)),
      inNamespace(router.pid, {
        program: "ip",
        arguments: ["-j", "-4", "address", "show", "dev", "br0"],
      }),
    ]);
    const present = addressesIn(listed).map((each) => `${each.address}/${each.prefix}`);
    const missing = wanted.addresses.filter((each) => !present.includes(each));
    const surplus = present.filter((each) => !wanted.addresses.includes(each));
    const changes = [
      ...missing.map((each) => ["address", "add", each, "dev", "br0"]),
      ...surplus.map((each) => ["address", "del", each, "dev", "br0"]),
    ];
    const routes = wanted.publicAddresses.map((each) => [
      ...["route", "replace", `${each}/32`, "via", router.transit.routerAddress],
    ]);
    await this.#programs.run([
      ...(changes.length === 0 ? [] : [inNamespace(router.pid, batch("ip", changes))]),
      ...(routes.length === 0 ? [] : [batch("ip", routes)]),
    ]);
  }

  /**
   * Drops new connections: where new rules could not be applied, older and wider ones must not remain in
   * effect.
   */
  async #close(router: Router, problems: readonly string[], reason: string): Promise<void> {
    const closed = await attempt(this.#programs, inNamespace(router.pid, nft(CLOSED_RULES)));
    const outcome = closed === undefined ? "The VPC could not be closed either" : "The VPC is closed";
    const problem = `The security groups could not be applied: ${reason.slice(0, 300)}. ${outcome}.`;
    this.#report({ vpcId: router.vpcId, closed: true, problems: [problem, ...problems] });
  }

  async #ensureNamespace(vpc: VpcAssignment): Promise<Router> {
    const name = this.#naming.router(vpc.vpcId);
    let container = await this.#engine.inspect(name);
    if (container === undefined) {
      await this.#engine.createContainer(routerSpec(this.#naming, vpc.vpcId));
      container = await this.#engine.inspect(name);
    }
    if (container?.state !== "running") {
      await this.#engine.startContainer(name);
      container = await this.#engine.inspect(name);
    }
    const { pid } = present(container, "A router that was started is there.");
    const known = this.#routers.get(vpc.vpcId);
    if (known?.pid === pid) return known;
    const transit = await this.#links.ensure(this.#naming.link(vpc.index), pid);
    const router = { vpcId: vpc.vpcId, pid, transit, resolver: resolverOf(vpc.cidr) };
    this.#routers.set(vpc.vpcId, router);
    this.#log.info("VPC router ready", { vpcId: vpc.vpcId, pid, transit: transit.hostAddress });
    return router;
  }
}

/** The second address of the VPC: Amazon's resolver. Source: Amazon VPC User Guide, "Amazon DNS server". */
export function resolverOf(cidr: string): string {
  return formatIp(present(parseCidr(cidr), "A VPC's block is valid.").base + 2);
}

function gatewayOf(cidr: string): string {
  const block = present(parseCidr(cidr), "A subnet's block is valid.");
  return `${formatIp(block.base + 1)}/${block.prefix}`;
}

/**
 * Addresses of the router itself: those of load balancers, which the proxy binds there, and those of
 * interface endpoints, which it translates. Tasks of the same subnet ask for their MAC address, and nobody
 * else would answer.
 */
function localAddresses(vpc: VpcAssignment): readonly string[] {
  return vpc.interfaces.filter((eni) => eni.local || eni.endpoint === true).map((eni) => `${eni.ip}/32`);
}

function publicAddressesOf(vpc: VpcAssignment): readonly string[] {
  return [
    ...vpc.interfaces.flatMap((eni) => eni.publicIp ?? []),
    ...vpc.subnets.flatMap((subnet) => subnet.natPublicIp ?? []),
  ];
}

function routerSpec(naming: Naming, vpcId: string): ContainerSpec {
  return {
    ...pauseSpec(naming),
    name: naming.router(vpcId),
    labels: { ...naming.labels, "gantry.role": "router", "gantry.vpc": vpcId },
    restartAlways: true,
    sysctls: {
      "net.ipv4.ip_forward": "1",
      // The proxy may bind a load balancer's address before it is on the bridge.
      "net.ipv4.ip_nonlocal_bind": "1",
      "net.ipv4.conf.all.send_redirects": "0",
      // Source routes in packets and ICMP redirects are ignored, whatever the host's settings are.
      "net.ipv4.conf.all.accept_source_route": "0",
      "net.ipv4.conf.all.accept_redirects": "0",
      "net.ipv4.conf.default.send_redirects": "0",
      // The ruleset checks the reverse path instead, because it knows the VPC's block, while the kernel knows
      // only routes.
      "net.ipv4.conf.all.rp_filter": "0",
      "net.ipv4.conf.default.rp_filter": "0",
    },
  };
}
