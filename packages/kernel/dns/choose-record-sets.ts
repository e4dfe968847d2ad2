import type { DnsRecordSet, DnsRouting } from "./zone-content.ts";

/** Most values of an answer of multivalue record sets. Source: Route 53, "Multivalue answer routing". */
const MULTIVALUE_MAX = 8;

/** The inputs of a choice between record sets: the origin of the query, and a random number in [0, 1). */
export interface Choice {
  /** The region of the VPC; undefined outside of VPCs. */
  readonly region: string | undefined;
  readonly random: () => number;
}

type Routed<Type extends DnsRouting["type"]> = DnsRecordSet & {
  readonly routing: Extract<DnsRouting, { readonly type: Type }>;
};

/**
 * The record sets of one name and type that answer a query. Unhealthy ones are left out, unless all are
 * unhealthy. Source: Amazon Route 53 Developer Guide, "Choosing a routing policy" and "How Amazon Route 53
 * chooses records when health checking is configured".
 */
export function chooseRecordSets(sets: readonly DnsRecordSet[], choice: Choice): readonly DnsRecordSet[] {
  const type = sets[0]?.routing?.type;
  const healthy = sets.filter((set) => set.isUnhealthy !== true);
  const left = healthy.length === 0 ? sets : healthy;
  switch (type) {
    case undefined:
      return sets.slice(0, 1);
    case "weighted":
      return byWeight(left.filter(isRouted("weighted")), sets.filter(isRouted("weighted")), choice);
    case "latency":
      return nearest(left.filter(isRouted("latency")), choice);
    case "failover": {
      const primary = sets.filter(isRouted("failover")).find(({ routing }) => routing.role === "PRIMARY");
      if (primary !== undefined && (primary.isUnhealthy !== true || healthy.length === 0)) return [primary];
      return left.filter(isRouted("failover")).filter(({ routing }) => routing.role === "SECONDARY");
    }
    case "multivalue":
      return shuffled(left, choice).slice(0, MULTIVALUE_MAX);
  }
}

function isRouted<Type extends DnsRouting["type"]>(type: Type) {
  return (set: DnsRecordSet): set is Routed<Type> => set.routing?.type === type;
}

/** Record sets of weight 0 answer only where all others that are healthy have it too. */
function byWeight(
  left: readonly Routed<"weighted">[],
  all: readonly Routed<"weighted">[],
  { random }: Choice,
): readonly DnsRecordSet[] {
  const areAllZero = all.every(({ routing }) => routing.weight === 0);
  const weightOf = ({ routing }: Routed<"weighted">): number => (areAllZero ? 1 : routing.weight);
  const counted = left.filter((set) => weightOf(set) > 0);
  const candidates = counted.length > 0 ? counted : left;
  const total = candidates.reduce((sum, set) => sum + weightOf(set), 0);
  let rest = random() * total;
  for (const set of candidates) {
    rest -= weightOf(set);
    if (rest < 0) return [set];
  }
  return candidates.slice(-1);
}

/**
 * The record set of the VPC's region, else of the same part of the world, else the first one: there is no
 * measured latency between regions of one machine.
 */
function nearest(sets: readonly Routed<"latency">[], { region = "" }: Choice): readonly DnsRecordSet[] {
  const continent = region.split("-")[0];
  const chosen =
    sets.find(({ routing }) => routing.region === region) ??
    sets.find(({ routing }) => routing.region.split("-")[0] === continent) ??
    sets[0];
  return chosen === undefined ? [] : [chosen];
}

function shuffled<T>(items: readonly T[], { random }: Choice): readonly T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
