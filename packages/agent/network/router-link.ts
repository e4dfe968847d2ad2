import { formatIp, parseCidr, parseIp, present } from "@gantry/kernel";
import { addressesIn, type ListedAddress } from "./ip-json.ts";
import { attempt, batch, inNamespace, nft, type Programs } from "./programs.ts";
import { renderGuard } from "./guard-rules.ts";
import { CLOSED_RULES } from "./ruleset.ts";
import { TRANSIT_BLOCK, type Transit } from "./transit.ts";

/**
 * The address is set explicitly: a bridge without its own address takes the lowest of its ports, and tasks
 * would lose their gateway whenever a port is added or removed.
 */
const GATEWAY_MAC = "02:67:61:6e:74:01";
const LINK_PREFIX = 30;

/** Links between the host and the routers, one /30 of the transit block each. */
export class RouterLinks {
  readonly #programs: Programs;
  /** Links are created one at a time, because each takes the first free /30. */
  #previous: Promise<unknown> = Promise.resolve();

  constructor(programs: Programs) {
    this.#programs = programs;
  }

  /**
   * Finds the link by its name, or creates it with the router's bridge. `pid` is a process in the router's
   * namespace.
   */
  ensure(link: string, pid: number): Promise<Transit> {
    const next = this.#previous.then(() => this.#ensure(link, pid));
    this.#previous = next.catch(() => undefined);
    return next;
  }

  async #ensure(link: string, pid: number): Promise<Transit> {
    const found = await attempt(
      this.#programs,
      inNamespace(pid, { program: "ip", arguments: ["link", "show", "up0"] }),
    );
    const [listed = ""] = await this.#programs.run([
      { program: "ip", arguments: ["-j", "-4", "address", "show"] },
    ]);
    const addresses = addressesIn(listed);
    const own = addresses.find((each) => each.link === link && isTransit(each));
    if (found !== undefined && own !== undefined) return transitOf(own.address);
    return this.#create(link, pid, freeSlot(addresses.filter((each) => each.link !== link)));
  }

  async #create(link: string, pid: number, transit: Transit): Promise<Transit> {
    await attempt(this.#programs, { program: "ip", arguments: ["link", "del", link] });
    await attempt(this.#programs, inNamespace(pid, { program: "ip", arguments: ["link", "del", "br0"] }));
    await this.#programs.run([
      // Nothing is forwarded before the VPC's own rules are in effect.
      inNamespace(pid, nft(`${renderGuard([]).join("\n")}\n${CLOSED_RULES}`)),
      batch("ip", [
        ["link", "add", link, "type", "veth", "peer", "name", "up0", "netns", String(pid)],
        ["address", "add", `${transit.hostAddress}/${LINK_PREFIX}`, "dev", link],
        ["link", "set", link, "up"],
      ]),
      inNamespace(
        pid,
        batch("ip", [
          ["link", "set", "lo", "up"],
          ["link", "add", "br0", "address", GATEWAY_MAC, "type", "bridge", "forward_delay", "0"],
          ["link", "set", "br0", "up"],
          ["address", "add", `${transit.routerAddress}/${LINK_PREFIX}`, "dev", "up0"],
          ["link", "set", "up0", "up"],
          ["route", "add", "default", "via", transit.hostAddress],
        ]),
      ),
    ]);
    return transit;
  }
}

function isTransit({ address, prefix }: ListedAddress): boolean {
  return prefix === LINK_PREFIX && address.startsWith("100.64.");
}

/** The first /30 of the transit block that no link of this host uses. */
function freeSlot(addresses: readonly ListedAddress[]): Transit {
  const { base } = present(parseCidr(TRANSIT_BLOCK), "The transit block is valid.");
  const used = new Set(addresses.filter(isTransit).map((each) => each.address));
  for (let slot = 0; slot < 2 ** 14; slot += 1) {
    const hostAddress = formatIp(base + slot * 4 + 1);
    if (!used.has(hostAddress)) return transitOf(hostAddress);
  }
  throw new Error("No free link address is left on this host: remove instances that are not needed.");
}

function transitOf(hostAddress: string): Transit {
  const number = present(parseIp(hostAddress), "A link has an IPv4 address.");
  return { hostAddress, routerAddress: formatIp(number + 1) };
}
