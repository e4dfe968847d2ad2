import type * as ec2 from "@aws-sdk/client-ec2";
import { activePeerings, type Reader, type SecurityGroupRecord } from "@gantry/state";

/** Whether a rule of the group may refer to the other one: it is in the same VPC, or in a peer. */
export function mayReferTo(reader: Reader, group: SecurityGroupRecord, other: SecurityGroupRecord): boolean {
  return (
    other.vpcId === group.vpcId ||
    activePeerings(reader, group.vpcId).some(({ peer }) => peer.vpcId === other.vpcId)
  );
}

/** A reference to a group. That of a peer is shown with the peering. Source: API_UserIdGroupPair. */
export function presentReference(
  reader: Reader,
  group: SecurityGroupRecord,
  groupId: string,
): ec2.UserIdGroupPair {
  const own = { GroupId: groupId, UserId: group.account };
  const vpcId = reader.get("securityGroup", groupId)?.vpcId;
  if (vpcId === undefined || vpcId === group.vpcId) return own;
  const active = activePeerings(reader, group.vpcId).find(({ peer }) => peer.vpcId === vpcId);
  return {
    ...own,
    VpcId: vpcId,
    VpcPeeringConnectionId: active?.peering.id,
    PeeringStatus: active?.peering.state ?? "deleted",
  };
}
