import type { NetworkInterfaceRecord, SubnetRecord } from "@gantry/state";

/** A subnet a task may go to, with what decides. */
export interface SubnetCandidate {
  readonly subnet: SubnetRecord;
  /** Tasks of the same group that are in the subnet's zone already. */
  readonly peers: number;
  readonly freeAddresses: number;
  /** Interfaces that stand ready in it. */
  readonly warm: readonly NetworkInterfaceRecord[];
}

/** The emptiest zone first, then where an interface stands ready, then where most addresses are free. Undefined where all are full. */
export function chooseSubnet(candidates: readonly SubnetCandidate[]): SubnetCandidate | undefined {
  return candidates
    .filter((candidate) => candidate.warm.length > 0 || candidate.freeAddresses > 0)
    .toSorted(
      (a, b) =>
        a.peers - b.peers ||
        Number(b.warm.length > 0) - Number(a.warm.length > 0) ||
        b.freeAddresses - a.freeAddresses,
    )[0];
}
