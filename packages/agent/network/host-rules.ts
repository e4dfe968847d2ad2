import { messageOf } from "@gantry/kernel";
import type { Naming } from "../naming.ts";
import { elementsOf } from "./guard-rules.ts";
import { entriesIn } from "./ip-json.ts";
import { attempt, nft, type Command, type Programs } from "./programs.ts";
import { METADATA_PORT, TRANSIT_BLOCK } from "./transit.ts";

const IPTABLES = ["iptables-nft", "iptables-legacy"] as const;
const LINK = /^[A-Za-z0-9_.@:-]{1,15}$/;

/**
 * Applies the rules of the host's firewall for this instance's VPCs. A VPC reaches the outside, the
 * platform's endpoints on its own link, and public addresses of VPCs; it does not reach the host, the
 * engine's networks, other VPCs or link-local addresses. All rules are in a table and under a comment with
 * the instance's name. Repeating it changes nothing, except that it restores rules that another program has
 * removed.
 */
export async function ensureHostRules(programs: Programs, naming: Naming): Promise<void> {
  const [routes = ""] = await programs.run([
    { program: "ip", arguments: ["-j", "-4", "route", "show", "default"] },
  ]);
  const uplinks = entriesIn(routes)
    .map((route) => String(route["dev"]))
    .filter((name) => LINK.test(name));
  await programs.run([nft(renderHostRules(naming, [...new Set(uplinks)].toSorted()))]);
  // Docker drops forwarded packets unless one of its rules accepts them; these rules accept the packets that
  // the table above has let through.
  for (const program of IPTABLES) {
    const listed = await attempt(programs, { program, arguments: ["-S", "DOCKER-USER"] });
    if (listed === undefined) continue;
    for (const rule of dockerRules(naming)) {
      const present = await attempt(programs, { program, arguments: ["-C", ...rule] });
      if (present === undefined) await programs.run([{ program, arguments: ["-I", ...rule] }]);
    }
  }
}

/**
 * Removes everything that `ensureHostRules` and the routers added to the host. Tries every step, then throws
 * an error that names what could not be removed.
 */
export async function removeHostRules(programs: Programs, naming: Naming): Promise<void> {
  const failures: string[] = [];
  const remove = async (command: Command): Promise<void> => {
    try {
      await programs.run([command]);
    } catch (thrown) {
      failures.push(messageOf(thrown));
    }
  };
  const table = hostTable(naming);
  await remove(nft(`table ip ${table}\ndelete table ip ${table}\n`));
  for (const program of IPTABLES) {
    const listed = await attempt(programs, { program, arguments: ["-S", "DOCKER-USER"] });
    if (listed === undefined) continue;
    for (const rule of dockerRules(naming)) {
      const own = listed
        .split("\n")
        .filter((line) => line.includes(` ${rule[1]} ${rule[2]} `) && line.includes(table));
      for (const _ of own) await remove({ program, arguments: ["-D", ...rule] });
    }
  }
  const [links = ""] = await programs.run([{ program: "ip", arguments: ["-j", "link", "show"] }]);
  for (const { ifname } of entriesIn(links))
    if (String(ifname).startsWith(naming.linkPrefix))
      await remove({ program: "ip", arguments: ["link", "del", String(ifname)] });
  if (failures.length > 0) throw new Error(`The host still has rules or links: ${failures.join("; ")}`);
}

/**
 * The instance's table. `uplinks` are the links of default routes, which count as the outside whatever their
 * kind.
 */
export function renderHostRules(naming: Naming, uplinks: readonly string[]): string {
  const table = hostTable(naming);
  const links = `"${naming.linkPrefix}*"`;
  return `table ip ${table}
delete table ip ${table}
table ip ${table} {
  set uplinks { type ifname;${elementsOf(uplinks.map((name) => `"${name}"`))} }
  chain prerouting {
    type filter hook prerouting priority -300;
    iifname ${links} fib saddr . iif oif missing drop
  }
  chain postrouting {
    type nat hook postrouting priority 100;
    iifname ${links} oifname != ${links} masquerade
  }
  chain input {
    type filter hook input priority -5;
    iifname ${links} ct state established,related accept
    iifname ${links} fib daddr . iif type != local drop
    iifname ${links} udp dport 53 accept
    iifname ${links} tcp dport { 53, 80, 443, 8080, ${METADATA_PORT} } accept
    iifname ${links} drop
  }
  chain forward {
    type filter hook forward priority -5;
    iifname != ${links} return
    ct state established,related accept
    ip daddr { 0.0.0.0/8, ${TRANSIT_BLOCK}, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3 } drop
    oifname "gt*" ip daddr 198.18.0.0/15 accept
    oifname "gt*" drop
    oifname @uplinks accept
    meta oifkind { "bridge", "veth", "vxlan", "dummy", "macvlan", "ipvlan" } drop
  }
  chain output {
    type filter hook output priority -5;
    oifname ${links} icmp type destination-unreachable drop
    oifname ${links} tcp flags & (rst | ack) == rst | ack tcp sequence 0 drop
  }
}
`;
}

/** The arguments of the two rules in Docker's own chain, after -C, -I or -D. */
function dockerRules(naming: Naming): readonly (readonly string[])[] {
  return ["-i", "-o"].map((direction) => [
    ...["DOCKER-USER", direction, `${naming.linkPrefix}+`],
    ...["-m", "comment", "--comment", hostTable(naming), "-j", "ACCEPT"],
  ]);
}

function hostTable(naming: Naming): string {
  return `gantry_${naming.instance.replace(/[^A-Za-z0-9]/g, "_")}`;
}
