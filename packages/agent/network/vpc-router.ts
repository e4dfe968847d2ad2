import type { VpcAssignment } from "@gantry/agent-protocol";
import { formatIp, parseCidr, present, type Logger } from "@gantry/kernel";
import type { ContainerSpec, Engine } from "../engine/engine.ts";
import { pauseSpec, type Naming } from "../naming.ts";
import { renderRouterRules, type Transit } from "./ruleset.ts";
import type { Shell } from "./shell.ts";

/** Set by us: a bridge without one takes the lowest address of its ports, and with every port that comes or goes tasks would lose their gateway until they ask again. */
const GATEWAY_MAC = "02:67:61:6e:74:01";

/** A VPC's router as it stands on this node. */
export interface Router {
  readonly vpcId: string;
  readonly pid: number;
  readonly transit: Transit;
  readonly resolver: string;
}

/**
 * VPCs on this node: one namespace each, held by a container, with a bridge for the interfaces, a link to the host,
 * and one ruleset that is rendered whole and applied in one go.
 */
export class VpcRouters {
  readonly #engine: Engine;
  readonly #shell: Shell;
  readonly #naming: Naming;
  readonly #log: Logger;
  readonly #routers = new Map<string, Router>();
  readonly #applied = new Map<string, string>();

  constructor(deps: { engine: Engine; shell: Shell; naming: Naming; log: Logger }) {
    this.#engine = deps.engine;
    this.#shell = deps.shell;
    this.#naming = deps.naming;
    this.#log = deps.log;
  }

  find(vpcId: string): Router | undefined {
    return this.#routers.get(vpcId);
  }

  get all(): readonly Router[] {
    return [...this.#routers.values()];
  }

  /** Makes the router and brings its rules up to date. Done twice it changes nothing. */
  async ensure(vpc: VpcAssignment): Promise<Router> {
    const router = await this.#ensureNamespace(vpc);
    const rules = renderRouterRules(vpc, router.transit, router.resolver);
    const addresses = [
      ...vpc.subnets.map((subnet) => gatewayOf(subnet.cidr)),
      `${router.resolver}/32`,
      ...localAddresses(vpc),
    ].toSorted();
    const publicAddresses = [
      ...vpc.interfaces.flatMap((eni) => (eni.publicIp === undefined ? [] : [eni.publicIp])),
      ...vpc.subnets.flatMap((subnet) => (subnet.natPublicIp === undefined ? [] : [subnet.natPublicIp])),
    ];
    const fingerprint = `${router.pid}\n${rules}\n${addresses.join()}\n${publicAddresses.join()}`;
    if (this.#applied.get(vpc.vpcId) === fingerprint) return router;
    await this.#shell.run(applyScript(router, { rules, addresses, publicAddresses }));
    this.#applied.set(vpc.vpcId, fingerprint);
    return router;
  }

  /** Removes the router and its link; whatever was on its bridge is gone already. */
  async remove(vpcId: string): Promise<void> {
    this.#routers.delete(vpcId);
    this.#applied.delete(vpcId);
    await this.#engine.removeContainer(this.#naming.router(vpcId));
    this.#log.info("VPC removed from node", { vpcId });
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
    const transit = await this.#makeLink(vpc, pid);
    const router = { vpcId: vpc.vpcId, pid, transit, resolver: resolverOf(vpc.cidr) };
    this.#routers.set(vpc.vpcId, router);
    this.#log.info("VPC router ready", { vpcId: vpc.vpcId, pid, transit: transit.hostAddress });
    return router;
  }

  /** The link between host and router: found by its name, else made on the first free /30 of 100.64.0.0/16. */
  async #makeLink(vpc: VpcAssignment, pid: number): Promise<Transit> {
    const link = this.#naming.link(vpc.index);
    const output = await this.#shell.run(`
      used=$(ip -4 -o addr show | sed -n 's/.* 100\\.64\\.\\([0-9]*\\.[0-9]*\\)\\/30.*/\\1/p')
      if ! nsenter -t ${pid} -n ip link show up0 >/dev/null 2>&1; then
        ip link del ${link} 2>/dev/null || true
        slot=0
        while :; do
          a=$((slot / 64)); b=$((slot % 64 * 4 + 1))
          case " $(echo $used) " in *" $a.$b "*) slot=$((slot + 1));; *) break;; esac
        done
        ip link add ${link} type veth peer name up0 netns ${pid}
        ip addr add 100.64.$a.$b/30 dev ${link}
        ip link set ${link} up
        nsenter -t ${pid} -n sh -ec "
          ip link set lo up
          ip link del br0 2>/dev/null || true
          ip link add br0 address ${GATEWAY_MAC} type bridge forward_delay 0
          ip link set br0 up
          ip addr add 100.64.$a.$((b + 1))/30 dev up0
          ip link set up0 up
          ip route add default via 100.64.$a.$b
        "
      fi
      ip -4 -o addr show dev ${link} | sed -n 's/.* \\(100\\.64\\.[0-9]*\\.[0-9]*\\)\\/30.*/\\1/p'
    `);
    const hostAddress = present(
      /100\.64\.\d+\.\d+\s*$/.exec(output)?.[0],
      "A link that was made has an address.",
    ).trim();
    const last = hostAddress.split(".");
    return { hostAddress, routerAddress: [...last.slice(0, 3), String(Number(last[3]) + 1)].join(".") };
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

/** Addresses that live in the router itself: those of load balancers, which the proxy binds there. */
function localAddresses(vpc: VpcAssignment): readonly string[] {
  return vpc.interfaces.filter((eni) => eni.local).map((eni) => `${eni.ip}/32`);
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
      "net.ipv4.conf.default.send_redirects": "0",
      "net.ipv4.conf.all.rp_filter": "0",
      "net.ipv4.conf.default.rp_filter": "0",
    },
  };
}

function applyScript(
  router: Router,
  wanted: { rules: string; addresses: readonly string[]; publicAddresses: readonly string[] },
): string {
  const inside = `nsenter -t ${router.pid} -n`;
  return `
    wanted="${wanted.addresses.join(" ")}"
    have=$(${inside} ip -4 -o addr show dev br0 | sed -n 's/.* inet \\([0-9.]*\\/[0-9]*\\).*/\\1/p')
    for a in $wanted; do case " $(echo $have) " in *" $a "*) ;; *) ${inside} ip addr add $a dev br0;; esac; done
    for a in $have; do case " $wanted " in *" $a "*) ;; *) ${inside} ip addr del $a dev br0;; esac; done
    ${inside} nft -f - <<'RULES'
${wanted.rules}
RULES
    for a in ${wanted.publicAddresses.join(" ")}; do ip route replace $a/32 via ${router.transit.routerAddress}; done
  `;
}
