import type { InterfaceAssignment } from "@gantry/agent-protocol";
import { present } from "@gantry/kernel";
import type { Engine, EngineContainer } from "../engine/engine.ts";
import { pauseSpec, type Naming } from "../naming.ts";
import type { Shell } from "./shell.ts";
import type { VpcRouters } from "./vpc-router.ts";

/** A lost answer is asked for again after a second, not after five. Source: resolv.conf(5). */
const RESOLVER_OPTIONS = ["timeout:1", "attempts:4"];

/** The VPC's router is not there yet: the interface is tried again once it is. */
export class RouterMissingError extends Error {
  override readonly name = "RouterMissingError";
}

/**
 * Network interfaces on this node: a namespace held by a pause container, with one cable into the VPC's bridge.
 * The pause is never restarted: when it ends the interface is lost, and whoever used it with it.
 */
export class NetworkInterfaces {
  readonly #engine: Engine;
  readonly #shell: Shell;
  readonly #naming: Naming;
  readonly #routers: VpcRouters;
  /** Which cables were seen in place: interface id to the two process ids they join. */
  readonly #plumbed = new Map<string, string>();

  constructor(deps: { engine: Engine; shell: Shell; naming: Naming; routers: VpcRouters }) {
    this.#engine = deps.engine;
    this.#shell = deps.shell;
    this.#naming = deps.naming;
    this.#routers = deps.routers;
  }

  /** Makes pause and cable; done twice it changes nothing. Answers the pause container, which may have ended. */
  async ensure(wanted: InterfaceAssignment, mayStart: boolean): Promise<EngineContainer> {
    const router = this.#routers.find(wanted.vpcId);
    if (router === undefined) throw new RouterMissingError(`The router of ${wanted.vpcId} is not ready.`);
    const name = this.#naming.pause(wanted.id);
    let pause = await this.#engine.inspect(name);
    if (pause === undefined) {
      await this.#engine.createContainer({
        ...pauseSpec(this.#naming),
        name,
        labels: { ...this.#naming.labels, "gantry.role": "pause", "gantry.interface": wanted.id },
        hostname: wanted.hostname,
        dns: { servers: [wanted.dnsServer], search: [wanted.dnsSearch], options: RESOLVER_OPTIONS },
        extraHosts: [`${wanted.hostname}:${wanted.ip}`],
      });
      pause = await this.#engine.inspect(name);
    }
    if (pause?.state === "created" || (mayStart && pause?.state === "exited")) {
      await this.#engine.startContainer(name);
      pause = await this.#engine.inspect(name);
    }
    const there = present(pause, "A pause container that was made is there.");
    const joined = `${there.pid}/${router.pid}`;
    if (there.state === "running" && this.#plumbed.get(wanted.id) !== joined) {
      await this.#shell.run(cableScript(wanted, there.pid, router.pid));
      this.#plumbed.set(wanted.id, joined);
    }
    return there;
  }

  /** Takes it away with all that the router knows of it. */
  async remove({ id, ip, vpcId }: Pick<InterfaceAssignment, "id" | "ip" | "vpcId">): Promise<void> {
    this.#plumbed.delete(id);
    await this.#engine.removeContainer(this.#naming.pause(id));
    const router = this.#routers.find(vpcId);
    if (router !== undefined)
      await this.#shell.run(`nsenter -t ${router.pid} -n ip neigh del ${ip} dev br0 2>/dev/null || true`);
  }
}

/** The router is told who has the address: one that was another's a moment ago is not looked for there. Every packet goes by the router (a /32, and ports that do not see each other): security groups hold within a subnet too, on every kernel. */
function cableScript(wanted: InterfaceAssignment, pausePid: number, routerPid: number): string {
  const cable = cableOf(wanted.id);
  const router = `nsenter -t ${routerPid} -n`;
  return `
    if ${router} ip link show ${cable} >/dev/null 2>&1 && nsenter -t ${pausePid} -n ip route show default | grep -q eth0; then exit 0; fi
    ${router} ip link del ${cable} 2>/dev/null || true
    ${router} ip link add ${cable} type veth peer name eth0 address ${wanted.mac} netns ${pausePid}
    ${router} ip link set ${cable} master br0 up
    ${router} ip link set ${cable} type bridge_slave isolated on
    ${router} ip neigh replace ${wanted.ip} lladdr ${wanted.mac} dev br0 nud permanent
    nsenter -t ${pausePid} -n ip -batch - <<'BATCH'
link set lo up
addr add ${wanted.ip}/32 dev eth0
link set eth0 up
route add ${wanted.gateway} dev eth0 src ${wanted.ip}
route add default via ${wanted.gateway} src ${wanted.ip}
BATCH
  `;
}

/** The router's end of the cable; a link's name has at most 15 characters. */
export function cableOf(interfaceId: string): string {
  return `v${interfaceId.replace(/^eni-/, "").slice(-13)}`;
}
