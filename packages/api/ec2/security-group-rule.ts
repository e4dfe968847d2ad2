import type * as ec2 from "@aws-sdk/client-ec2";
import type { Ids } from "@gantry/kernel";
import type { Reader, SecurityGroupRecord, SecurityGroupRuleRecord, Transaction } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { prefixListOf } from "@gantry/state";
import { ApiError, refuseMembers } from "./api-error.ts";
import { tagsFor } from "./filters.ts";
import { findSecurityGroup } from "./lookups.ts";
import { missingPrefixList } from "./missing.ts";
import { mayReferTo, presentReference } from "./peer-groups.ts";
import { protocolAndPorts, ruleBlock, ruleDescription, ruleGroup } from "./rule-peers-and-ports.ts";

type Direction = SecurityGroupRuleRecord["direction"];

/**
 * A group that a rule refers to is in the same VPC or in a peer, and a prefix list exists. Errors:
 * InvalidGroup.NotFound, InvalidPrefixListID.NotFound.
 */
export function checkPeer(
  tx: Transaction,
  place: Place,
  group: SecurityGroupRecord,
  rule: SecurityGroupRuleRecord,
): void {
  if (rule.prefixListId !== undefined && prefixListOf(tx, place, rule.prefixListId) === undefined)
    throw missingPrefixList(rule.prefixListId);
  if (rule.groupId === undefined) return;
  if (!mayReferTo(tx, group, findSecurityGroup(tx, place, rule.groupId)))
    throw new ApiError(
      "InvalidGroup.NotFound",
      "You have specified two resources that belong to different networks.",
    );
}

/** Changes one rule where it stands. Errors: InvalidSecurityGroupRuleId.NotFound. */
export function changeRule(
  tx: Transaction,
  place: Place,
  id: string,
  change: (rule: SecurityGroupRuleRecord) => SecurityGroupRuleRecord,
): void {
  const group = tx
    .list("securityGroup")
    .find((each) => isIn(each, place) && each.rules.some((rule) => rule.id === id));
  if (group === undefined)
    throw new ApiError(
      "InvalidSecurityGroupRuleId.NotFound",
      `The security group rule ID '${id}' does not exist`,
    );
  tx.put("securityGroup", group.id, {
    ...group,
    rules: group.rules.map((rule) => (rule.id === id ? change(rule) : rule)),
  });
}

/** Rules as a request gives them, one for each block and each group. */
export function toRules(
  input: {
    IpPermissions?: readonly ec2.IpPermission[] | undefined;
    IpProtocol?: string | undefined;
    FromPort?: number | undefined;
    ToPort?: number | undefined;
    CidrIp?: string | undefined;
    SourceSecurityGroupName?: string | undefined;
    TagSpecifications?: readonly ec2.TagSpecification[] | undefined;
  },
  direction: Direction,
  ids: Ids,
): readonly SecurityGroupRuleRecord[] {
  const flat: readonly ec2.IpPermission[] =
    input.CidrIp === undefined
      ? []
      : [
          {
            IpProtocol: input.IpProtocol,
            FromPort: input.FromPort,
            ToPort: input.ToPort,
            IpRanges: [{ CidrIp: input.CidrIp }],
          },
        ];
  refuseMembers(input, ["SourceSecurityGroupName", "SourceSecurityGroupOwnerId"], "InvalidParameterValue");
  const permissions = input.IpPermissions ?? flat;
  const tags = tagsFor(input.TagSpecifications, "security-group-rule");
  if (permissions.length === 0)
    throw new ApiError(
      "MissingParameter",
      "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.",
    );
  return permissions.flatMap((permission) => {
    // Configurations name ::/0 next to 0.0.0.0/0. It is accepted, since there is no IPv6 that it could admit.
    const narrow = (permission.Ipv6Ranges ?? []).filter((range) => range.CidrIpv6 !== "::/0");
    if (narrow.length > 0)
      throw new ApiError(
        "InvalidParameterValue",
        "Gantry does not support the parameter IpPermissions.Ipv6Ranges yet: leave it out.",
      );
    const base = { direction, tags, ...protocolAndPorts(permission) };
    return peersOf(permission).map((peer) => ({ ...base, id: `sgr-${ids.hex(17)}`, ...peer }));
  });
}

type Peer = Pick<SecurityGroupRuleRecord, "cidr" | "groupId" | "prefixListId" | "description">;

/** The blocks, groups and prefix lists of a permission, of which each makes a rule. */
function peersOf(permission: ec2.IpPermission): readonly Peer[] {
  const none = { cidr: undefined, groupId: undefined };
  const byBlock = (permission.IpRanges ?? []).map((range) => ({
    ...none,
    cidr: ruleBlock(range.CidrIp),
    description: ruleDescription(range.Description),
  }));
  const byGroup = (permission.UserIdGroupPairs ?? []).map((pair) => ({
    ...none,
    groupId: ruleGroup(pair),
    description: ruleDescription(pair.Description),
  }));
  const byList = (permission.PrefixListIds ?? []).map((list) => ({
    ...none,
    prefixListId: list.PrefixListId ?? "",
    description: ruleDescription(list.Description),
  }));
  return [...byBlock, ...byGroup, ...byList];
}

export function isSame(a: SecurityGroupRuleRecord, b: SecurityGroupRuleRecord): boolean {
  return (
    a.direction === b.direction &&
    a.protocol === b.protocol &&
    a.fromPort === b.fromPort &&
    a.toPort === b.toPort &&
    a.cidr === b.cidr &&
    a.groupId === b.groupId &&
    a.prefixListId === b.prefixListId
  );
}

export function presentRule(
  reader: Reader,
  group: SecurityGroupRecord,
  rule: SecurityGroupRuleRecord,
): ec2.SecurityGroupRule {
  return {
    SecurityGroupRuleId: rule.id,
    SecurityGroupRuleArn: `arn:aws:ec2:${group.region}:${group.account}:security-group-rule/${rule.id}`,
    GroupId: group.id,
    GroupOwnerId: group.account,
    IsEgress: rule.direction === "egress",
    IpProtocol: rule.protocol,
    FromPort: rule.fromPort,
    ToPort: rule.toPort,
    CidrIpv4: rule.cidr,
    PrefixListId: rule.prefixListId,
    ReferencedGroupInfo:
      rule.groupId === undefined ? undefined : presentReference(reader, group, rule.groupId),
    Description: rule.description,
    Tags: presentTags(rule.tags ?? {}),
  };
}
