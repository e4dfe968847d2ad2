import type { InterfaceAssignment, PodAssignment } from "@gantry/agent-protocol";
import { present } from "@gantry/kernel";
import type { Engine, EngineContainer } from "../engine/engine.ts";
import { pauseSpec, type Naming } from "../naming.ts";
import { AttachedInterfaces } from "./attached-interfaces.ts";
import { JoinedEnds, type Ends } from "./joined-ends.ts";
import type { NameFiles } from "./name-files.ts";
import { BRIDGE_PORT, vethOf } from "./names.ts";
import { attempt, batch, inNamespace, type Programs } from "./programs.ts";
import type { Router, VpcRouters } from "./vpc-router.ts";

/** The VPC's router does not exist yet; the interface is retried when it does. */
export class RouterMissingError extends Error {
  override readonly name = "RouterMissingError";
}

/**
 * Network interfaces on this node: a namespace held by a pause container, with one veth pair into the VPC's
 * bridge. The pause container is never restarted: when it ends, the interface is lost together with the
 * containers that used it.
 */
export class NetworkInterfaces {
  readonly #engine: Engine;
  readonly #programs: Programs;
  readonly #naming: Naming;
  readonly #routers: VpcRouters;
  readonly #names: Pick<NameFiles, "ensure" | "remove">;
  /** The veth pairs that were observed in place: interface id to the two process ids that they connect. */
  readonly #joined = new Map<string, string>();
  readonly #ends: JoinedEnds;
  readonly #attached: AttachedInterfaces;

  constructor(deps: {
    engine: Engine;
    programs: Programs;
    naming: Naming;
    routers: VpcRouters;
    host: { readonly names: Pick<NameFiles, "ensure" | "remove"> };
  }) {
    this.#engine = deps.engine;
    this.#programs = deps.programs;
    this.#ends = new JoinedEnds(deps.programs);
    this.#attached = new AttachedInterfaces(deps.programs);
    this.#naming = deps.naming;
    this.#routers = deps.routers;
    this.#names = deps.host.names;
  }

  /**
   * Creates the pause container and the veth pair; repeating it changes nothing. Returns the pause container,
   * which may have ended.
   */
  async ensure(wanted: InterfaceAssignment, mayStart: boolean): Promise<EngineContainer> {
    const router = this.#routerOf(wanted.vpcId);
    const name = this.#naming.pause(wanted.id);
    await this.#names.ensure(wanted);
    let pause = await this.#engine.inspect(name);
    if (pause === undefined) {
      await this.#engine.createContainer({
        ...pauseSpec(this.#naming),
        name,
        labels: { ...this.#naming.labels, "gantry.role": "pause", "gantry.interface": wanted.id },
        hostname: wanted.hostname,
      });
      pause = await this.#engine.inspect(name);
    }
    let isNew = false;
    if (pause?.state === "created" || (mayStart && pause?.state === "exited")) {
      await this.#engine.startContainer(name);
      pause = await this.#engine.inspect(name);
      isNew = true;
    }
    const found = present(pause, "A pause container that was created exists.");
    const joined = `${found.pid}/${router.pid}`;
    if (found.state === "running" && this.#joined.get(wanted.id) !== joined) {
      const ends = { pausePid: found.pid, routerPid: router.pid };
      if (isNew || !(await this.#ends.isJoined(wanted, ends))) await this.#join(wanted, ends);
      this.#joined.set(wanted.id, joined);
    }
    return found;
  }

  /** Connects the further interfaces of a pod whose pause container runs. */
  async attach(pod: PodAssignment, pausePid: number): Promise<void> {
    await this.#attached.apply(pod, { pausePid, routerPid: this.#routerOf(pod.interface.vpcId).pid });
  }

  /** Forgets the further interfaces of a pod that is removed. */
  async detach(pod: PodAssignment): Promise<void> {
    await this.#attached.remove(pod, this.#routers.find(pod.interface.vpcId)?.pid);
  }

  #routerOf(vpcId: string): Router {
    const router = this.#routers.find(vpcId);
    if (router === undefined) throw new RouterMissingError(`The router of ${vpcId} is not ready.`);
    return router;
  }

  /** Removes the interface and its entries in the router. */
  async remove({ id, ip, vpcId }: Pick<InterfaceAssignment, "id" | "ip" | "vpcId">): Promise<void> {
    this.#joined.delete(id);
    await this.#engine.removeContainer(this.#naming.pause(id));
    await this.#names.remove(id);
    const router = this.#routers.find(vpcId);
    if (router === undefined) return;
    const forget = { program: "ip", arguments: ["neigh", "del", ip, "dev", "br0"] } as const;
    await attempt(this.#programs, inNamespace(router.pid, forget));
  }

  /**
   * Connects the task to the bridge. Every packet passes through the router (a /32 address, and isolated
   * ports), so that security groups also apply within a subnet, on every kernel. The bridge neither learns
   * nor floods: the port of each address is set here, and the guard of the ruleset admits no other address at
   * the port.
   */
  async #join(wanted: InterfaceAssignment, ends: Ends): Promise<void> {
    const veth = vethOf(wanted.id);
    const inRouter = (command: Parameters<typeof inNamespace>[1]) => inNamespace(ends.routerPid, command);
    const create = inRouter(
      batch("ip", [
        [
          ...["link", "add", veth, "type", "veth", "peer", "name", "eth0"],
          ...["address", wanted.mac, "netns", String(ends.pausePid)],
        ],
        ["link", "set", veth, "master", "br0"],
        ["link", "set", veth, "type", "bridge_slave", ...BRIDGE_PORT],
        ["link", "set", veth, "up"],
        ["neigh", "replace", wanted.ip, "lladdr", wanted.mac, "dev", "br0", "nud", "permanent"],
      ]),
    );
    const rest = [
      inRouter(batch("bridge", [["fdb", "replace", wanted.mac, "dev", veth, "master", "static"]])),
      inNamespace(
        ends.pausePid,
        batch("ip", [
          ["link", "set", "lo", "up"],
          ["address", "add", `${wanted.ip}/32`, "dev", "eth0"],
          ["link", "set", "eth0", "up"],
          ["route", "add", wanted.gateway, "dev", "eth0", "src", wanted.ip],
          ["route", "add", "default", "via", wanted.gateway, "src", wanted.ip],
        ]),
      ),
    ];
    const left = inRouter({ program: "ip", arguments: ["link", "del", veth] });
    try {
      await this.#programs.run([create, ...rest]);
    } catch {
      // An agent that ended in the meantime may have left a partial interface.
      await attempt(this.#programs, left);
      await this.#programs.run([create, ...rest]);
    }
  }
}
