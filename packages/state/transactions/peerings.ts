import type { PeeringSide, VpcPeeringRecord } from "../records.ts";
import type { Reader } from "../store.ts";

/** An active peering as one of its VPCs sees it. */
export interface ActivePeering {
  readonly peering: VpcPeeringRecord;
  readonly own: PeeringSide;
  readonly peer: PeeringSide;
  readonly side: "requester" | "accepter";
}

/** The active peerings of a VPC. */
export function activePeerings(reader: Reader, vpcId: string): readonly ActivePeering[] {
  return reader.list("vpcPeering").flatMap((peering): readonly ActivePeering[] => {
    const { requester, accepter, state } = peering;
    if (state !== "active") return [];
    if (requester.vpcId === vpcId) return [{ peering, own: requester, peer: accepter, side: "requester" }];
    if (accepter.vpcId === vpcId) return [{ peering, own: accepter, peer: requester, side: "accepter" }];
    return [];
  });
}
