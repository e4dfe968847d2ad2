import type { AssignedPeering, VpcAssignment } from "@gantry/agent-protocol";
import { entriesIn } from "./ip-json.ts";
import { peerLinkOf } from "./names.ts";
import { batch, inNamespace, type Programs } from "./programs.ts";

/** The MAC addresses of a link's two ends. A namespace has at most one end of each. */
const MAC = { requester: "02:67:61:6e:74:02", accepter: "02:67:61:6e:74:03" } as const;
const OTHER = { requester: "accepter", accepter: "requester" } as const;
/**
 * The next hop of every route to a peer. Its neighbour entry is fixed for each link; no interface has the
 * address.
 */
const NEXT_HOP = "169.254.254.1";
/** Preferences of the rules, and numbers of the routing tables, of subnets with routes to peers. */
const OWN_PREFERENCE = 900;
const FIRST_TABLE = 1_000;

/** The process that holds the namespace of a VPC's router; undefined where the VPC has none on this node. */
type PidOf = (vpcId: string) => number | undefined;

/**
 * Brings the links and routes of a VPC's peerings up to date: a veth pair between the two routers for each
 * peering, and a routing table for each subnet whose route table leads to peerings. Returns the peers that a
 * new link was made to.
 */
export async function ensurePeerings(
  programs: Programs,
  vpc: VpcAssignment,
  { pid, pidOf }: { readonly pid: number; readonly pidOf: PidOf },
): Promise<readonly string[]> {
  const [links = "", rules = ""] = await programs.run([
    inNamespace(pid, { program: "ip", arguments: ["-j", "link", "show"] }),
    inNamespace(pid, { program: "ip", arguments: ["-j", "-4", "rule", "show"] }),
  ]);
  const present = entriesIn(links)
    .map((link) => String(link["ifname"]))
    .filter((name) => name.startsWith("pcx"));
  const assigned = vpc.peerings ?? [];
  const wanted = assigned.map((peering) => peerLinkOf(peering.id));
  const surplus = present.filter((name) => !wanted.includes(name));
  const missing = assigned.filter(
    (peering) => !present.includes(peerLinkOf(peering.id)) && pidOf(peering.peerVpcId) !== undefined,
  );
  // The link of an earlier agent is kept, although this one may not have found the peer's router yet.
  const linked = assigned.filter(
    (peering) => present.includes(peerLinkOf(peering.id)) || missing.includes(peering),
  );
  if (surplus.length > 0)
    await programs.run([
      inNamespace(
        pid,
        batch(
          "ip",
          surplus.map((name) => ["link", "del", name]),
        ),
      ),
    ]);
  for (const peering of missing)
    await join(programs, peering, { pid, peerPid: pidOf(peering.peerVpcId) ?? pid });
  const preferences = entriesIn(rules)
    .map((rule) => Number(rule["priority"]))
    .filter((preference) => preference >= OWN_PREFERENCE && preference < 32_000);
  const lines = [
    ...preferences.map((preference) => ["rule", "del", "pref", String(preference)]),
    ...renderPeerRoutes(vpc, linked),
  ];
  const tables = [...new Set(preferences.filter((preference) => preference >= FIRST_TABLE))];
  await programs.run([
    ...tables.map((table) =>
      inNamespace(pid, { program: "ip", arguments: ["route", "flush", "table", String(table)] }),
    ),
    ...(lines.length === 0 ? [] : [inNamespace(pid, batch("ip", lines))]),
  ]);
  return missing.map((peering) => peering.peerVpcId);
}

/** Connects two routers. A remnant of an earlier link in the peer's namespace is gone with its other end. */
async function join(
  programs: Programs,
  peering: AssignedPeering,
  { pid, peerPid }: { readonly pid: number; readonly peerPid: number },
): Promise<void> {
  const link = peerLinkOf(peering.id);
  const [own, other] = [MAC[peering.side], MAC[OTHER[peering.side]]];
  const up = [["link", "set", link, "up"]];
  await programs.run([
    inNamespace(
      pid,
      batch("ip", [
        [
          ...["link", "add", link, "address", own, "type", "veth"],
          ...["peer", "name", link, "address", other, "netns", String(peerPid)],
        ],
        ...up,
      ]),
    ),
    inNamespace(peerPid, batch("ip", up)),
  ]);
}

/** The rules and routes of subnets that lead to peerings, as lines of `ip`. */
export function renderPeerRoutes(
  vpc: VpcAssignment,
  peerings: readonly AssignedPeering[],
): readonly (readonly string[])[] {
  const subnets = vpc.subnets
    .filter((subnet) => (subnet.peerRoutes ?? []).length > 0)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  if (subnets.length === 0) return [];
  const neighbours = peerings.map((peering) => [
    ...["neigh", "replace", NEXT_HOP, "lladdr", MAC[OTHER[peering.side]]],
    ...["dev", peerLinkOf(peering.id), "nud", "permanent"],
  ]);
  // The VPC's own blocks precede every route of a table: they are local.
  const own = [vpc.cidr, ...(vpc.secondaryCidrs ?? [])].map((cidr, index) => [
    ...["rule", "add", "pref", String(OWN_PREFERENCE + index), "to", cidr, "lookup", "main"],
  ]);
  const tables = subnets.flatMap((subnet, index) => {
    const table = String(FIRST_TABLE + index);
    const routes = new Map<string, readonly string[]>();
    for (const { cidr, peeringId } of subnet.peerRoutes ?? []) {
      const peering = peerings.find((each) => each.id === peeringId);
      routes.set(
        cidr,
        peering === undefined
          ? ["route", "replace", "blackhole", cidr, "table", table]
          : [
              ...["route", "replace", cidr, "via", NEXT_HOP, "dev", peerLinkOf(peering.id)],
              ...["onlink", "table", table],
            ],
      );
    }
    return [["rule", "add", "pref", table, "from", subnet.cidr, "lookup", table], ...routes.values()];
  });
  return [...neighbours, ...own, ...tables];
}
