import type { AttachedInterface, PodAssignment } from "@gantry/agent-protocol";
import { entriesIn } from "./ip-json.ts";
import { BRIDGE_PORT, vethOf } from "./names.ts";
import { attempt, batch, inNamespace, type Programs } from "./programs.ts";

/** Routing tables of further interfaces, and the priorities of their rules: this number and the interface's index. */
const TABLE_BASE = 10_000;

interface Place {
  readonly pausePid: number;
  readonly routerPid: number;
}

/** What a namespace has of further interfaces. */
interface Present {
  readonly links: readonly { readonly name: string; readonly mac: string; readonly ips: readonly string[] }[];
  readonly rules: readonly { readonly ip: string; readonly table: number }[];
}

/**
 * The interfaces of instances besides the primary one: veth pairs into the VPC's bridge, in the namespace of the
 * pause container. Packets from the address of an interface, and packets to its subnet, are sent through it (a
 * rule and a routing table for each). A new agent reads from the namespace which interfaces exist, and adopts them.
 */
export class AttachedInterfaces {
  readonly #programs: Programs;
  /** What was applied last, by the key of the pod. */
  readonly #applied = new Map<string, string>();

  constructor(programs: Programs) {
    this.#programs = programs;
  }

  /** Makes the interfaces of the pod those that are assigned; repeating it changes nothing. */
  async apply(pod: PodAssignment, place: Place): Promise<void> {
    const wanted = pod.attachedInterfaces ?? [];
    const fingerprint = JSON.stringify([place, wanted]);
    if (this.#applied.get(pod.key) === fingerprint) return;
    this.#applied.delete(pod.key);
    const present = await this.#look(place.pausePid);
    await this.#removeOthers(wanted, present, place);
    for (const eni of wanted) await this.#join(eni, present, { ...place, gateway: pod.interface.gateway });
    this.#applied.set(pod.key, fingerprint);
  }

  /** Forgets a pod whose pause container is removed, and with it its interfaces. */
  async remove(pod: PodAssignment, routerPid: number | undefined): Promise<void> {
    this.#applied.delete(pod.key);
    if (routerPid === undefined) return;
    for (const { ip } of pod.attachedInterfaces ?? []) await this.#forget(ip, routerPid);
  }

  async #look(pid: number): Promise<Present> {
    const [links = "", rules = ""] = await this.#programs.run([
      inNamespace(pid, { program: "ip", arguments: ["-j", "address", "show"] }),
      inNamespace(pid, { program: "ip", arguments: ["-4", "rule", "show"] }),
    ]);
    return {
      links: entriesIn(links).flatMap(({ ifname, address, addr_info: info }) =>
        /^eth[1-9]\d*$/.test(String(ifname))
          ? { name: String(ifname), mac: String(address), ips: localsOf(info) }
          : [],
      ),
      rules: [...rules.matchAll(/from (\S+) lookup (\d+)/g)].map(([, ip = "", table]) => ({
        ip,
        table: Number(table),
      })),
    };
  }

  async #removeOthers(wanted: readonly AttachedInterface[], present: Present, place: Place): Promise<void> {
    const links = present.links.filter(
      ({ name, mac }) => !wanted.some((eni) => nameOf(eni) === name && eni.mac === mac),
    );
    const rules = present.rules.filter(
      ({ ip, table }) =>
        table > TABLE_BASE && !wanted.some((eni) => eni.ip === ip && tableOf(eni) === String(table)),
    );
    const changes = [
      ...links.map(({ name }) => ["link", "del", name]),
      ...rules.map(({ ip, table }) => ["rule", "del", "from", ip, "table", String(table)]),
    ];
    if (changes.length > 0) await this.#programs.run([inNamespace(place.pausePid, batch("ip", changes))]);
    for (const ip of links.flatMap(({ ips }) => ips)) await this.#forget(ip, place.routerPid);
  }

  /** Connects an interface. Of one that an agent connected in part, what is missing is added. */
  async #join(
    eni: AttachedInterface,
    present: Present,
    { pausePid, routerPid, gateway: primaryGateway }: Place & { readonly gateway: string },
  ): Promise<void> {
    const { ip, mac, gateway, subnet } = eni;
    const [name, table, veth] = [nameOf(eni), tableOf(eni), vethOf(eni.id)];
    const inRouter = (lines: readonly (readonly string[])[]) => inNamespace(routerPid, batch("ip", lines));
    if (!present.links.some((link) => link.name === name && link.mac === mac)) {
      // It may be connected to the instance that had the interface before.
      await attempt(this.#programs, inRouter([["link", "del", veth]]));
      const peer = ["peer", "name", name, "address", mac, "netns", String(pausePid)];
      await this.#programs.run([inRouter([["link", "add", veth, "type", "veth", ...peer]])]);
    }
    const hasRule = present.rules.some((rule) => rule.ip === ip && String(rule.table) === table);
    // The primary interface leads to its own subnet, as the lowest metric does on AWS.
    const isOtherSubnet = gateway !== primaryGateway;
    await this.#programs.run([
      inRouter([
        ["link", "set", veth, "master", "br0"],
        ["link", "set", veth, "type", "bridge_slave", ...BRIDGE_PORT],
        ["link", "set", veth, "up"],
        ["neigh", "replace", ip, "lladdr", mac, "dev", "br0", "nud", "permanent"],
      ]),
      inNamespace(routerPid, batch("bridge", [["fdb", "replace", mac, "dev", veth, "master", "static"]])),
      inNamespace(
        pausePid,
        batch("ip", [
          ["address", "replace", `${ip}/32`, "dev", name],
          ["link", "set", name, "up"],
          ["route", "replace", gateway, "dev", name, "src", ip, "table", table],
          ["route", "replace", "default", "via", gateway, "dev", name, "src", ip, "table", table],
          ...(isOtherSubnet
            ? [
                ...[["route", "replace", gateway, "dev", name, "src", ip, "metric", table]],
                ["route", "replace", subnet, "via", gateway, "dev", name, "src", ip, "metric", table],
              ]
            : []),
          ...(hasRule ? [] : [["rule", "add", "from", ip, "table", table, "priority", table]]),
        ]),
      ),
    ]);
  }

  async #forget(ip: string, routerPid: number): Promise<void> {
    const forget = { program: "ip", arguments: ["neigh", "del", ip, "dev", "br0"] } as const;
    await attempt(this.#programs, inNamespace(routerPid, forget));
  }
}

function nameOf({ index }: AttachedInterface): string {
  return `eth${index}`;
}

function tableOf({ index }: AttachedInterface): string {
  return String(TABLE_BASE + index);
}

/** The IPv4 addresses of a link. */
function localsOf(info: unknown): readonly string[] {
  return entriesIn(JSON.stringify(info ?? [])).flatMap(({ family, local }) =>
    family === "inet" ? String(local) : [],
  );
}
