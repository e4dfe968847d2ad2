import { FILTERS } from "./filters.ts";
import type { Candidate, PlacementRequest, Refusal } from "./placement-candidate.ts";

/** Rates a candidate that passed all filters: the lowest rating wins. Pure. */
type Scorer = (candidate: Candidate) => number;

/**
 * The first scorer that rates two candidates differently decides: spread over zones, then over nodes; then a
 * ready interface; then the node with most of its memory and CPU reserved (binpack), which leaves room for
 * large tasks on the others; then the subnet with most free addresses.
 */
const SCORERS: readonly Scorer[] = [
  ({ zonePeers }) => zonePeers,
  ({ nodePeers }) => nodePeers,
  ({ warm }) => (warm.length > 0 ? 0 : 1),
  ({ node, reserved }) => -(reserved.memoryMiB / node.memoryMiB),
  ({ node, reserved }) => -(reserved.cpuUnits / node.cpu),
  ({ freeAddresses }) => -freeAddresses,
];

export type PlacementChoice =
  | { readonly type: "chosen"; readonly candidate: Candidate }
  /** Each node's reasons, once each. */
  | { readonly type: "refused"; readonly refusals: readonly Refusal[] };

/**
 * The best of the candidates that no filter refuses, or why each was refused. The same candidates give the
 * same answer.
 */
export function choosePlacement(
  request: PlacementRequest,
  candidates: readonly Candidate[],
): PlacementChoice {
  const refusals: Refusal[] = [];
  let best: Candidate | undefined;
  for (const candidate of candidates) {
    const refusal = firstRefusal(request, candidate);
    if (refusal !== undefined) {
      const isKnown = refusals.some(
        (each) => each.nodeId === refusal.nodeId && each.detail === refusal.detail,
      );
      if (!isKnown) refusals.push(refusal);
    } else if (best === undefined || compare(candidate, best) < 0) best = candidate;
  }
  return best === undefined ? { type: "refused", refusals } : { type: "chosen", candidate: best };
}

function firstRefusal(request: PlacementRequest, candidate: Candidate): Refusal | undefined {
  for (const filter of FILTERS) {
    const refusal = filter(request, candidate);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function compare(a: Candidate, b: Candidate): number {
  for (const scorer of SCORERS) {
    const difference = scorer(a) - scorer(b);
    if (difference !== 0) return difference;
  }
  return order(a.node.id, b.node.id) || order(a.subnet.id, b.subnet.id);
}

function order(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
