import type * as ec2 from "@aws-sdk/client-ec2";
import type { Reader, SecurityGroupRecord, SecurityGroupRuleRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { securityGroupFields } from "./filter-fields.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import { defaultVpcOf, findNamedGroup, findVpc } from "./lookups.ts";
import { presentReference } from "./peer-groups.ts";
import { RULES_MAX } from "./rule-peers-and-ports.ts";
import { checkPeer, isSame, presentRule, toRules } from "./security-group-rule.ts";
import { checkSecurityGroupQuota } from "./quotas.ts";

type Direction = SecurityGroupRuleRecord["direction"];

/** Security groups and their rules. Source: API_CreateSecurityGroup and following. */
export function securityGroupOperations(deps: Ec2Deps) {
  return {
    CreateSecurityGroup: (input, context) => createSecurityGroup(deps, input, context),
    DeleteSecurityGroup: (input, context) => deleteSecurityGroup(deps, input, context),
    DescribeSecurityGroups: (input, context) => describeSecurityGroups(deps, input, context),
    AuthorizeSecurityGroupIngress: (input, context) => authorize(deps, input, context, "ingress"),
    AuthorizeSecurityGroupEgress: (input, context) => authorize(deps, input, context, "egress"),
    RevokeSecurityGroupIngress: (input, context) => revoke(deps, input, context, "ingress"),
    RevokeSecurityGroupEgress: (input, context) => revoke(deps, input, context, "egress"),
  } satisfies Implementation<typeof ec2>;
}

function createSecurityGroup(
  { store, ids }: Ec2Deps,
  input: ec2.CreateSecurityGroupRequest,
  context: RequestContext,
): ec2.CreateSecurityGroupResult {
  const group = store.transact((tx) => {
    const vpc = input.VpcId === undefined ? defaultVpcOf(tx, context) : findVpc(tx, context, input.VpcId);
    if (vpc === undefined) throw new ApiError("VPCIdNotSpecified", "No default VPC for this user");
    const name = input.GroupName ?? "";
    if (name.startsWith("sg-") || name === "default" || name.length > 255 || name === "")
      throw new ApiError("InvalidParameterValue", `Value (${name}) for parameter GroupName is invalid.`);
    if (tx.list("securityGroup").some((each) => each.vpcId === vpc.id && each.name === name))
      throw new ApiError(
        "InvalidGroup.Duplicate",
        `The security group '${name}' already exists for VPC '${vpc.id}'`,
      );
    checkSecurityGroupQuota(tx, context, vpc.id);
    const everywhere: SecurityGroupRuleRecord = {
      id: `sgr-${ids.hex(17)}`,
      direction: "egress",
      protocol: "-1",
      fromPort: -1,
      toPort: -1,
      cidr: "0.0.0.0/0",
      groupId: undefined,
      description: undefined,
    };
    const record: SecurityGroupRecord = {
      account: context.account,
      region: context.region,
      id: `sg-${ids.hex(17)}`,
      vpcId: vpc.id,
      name,
      description: input.Description ?? "",
      rules: [everywhere],
      tags: tagsFor(input.TagSpecifications, "security-group"),
    };
    tx.put("securityGroup", record.id, record);
    return record;
  });
  return {
    GroupId: group.id,
    SecurityGroupArn: `arn:aws:ec2:${group.region}:${group.account}:security-group/${group.id}`,
    Tags: presentTags(group.tags),
  };
}

function deleteSecurityGroup(
  { store }: Ec2Deps,
  input: ec2.DeleteSecurityGroupRequest,
  context: RequestContext,
): ec2.DeleteSecurityGroupResult {
  store.transact((tx) => {
    const group = findNamedGroup(tx, context, input);
    if (group.name === "default")
      throw new ApiError(
        "CannotDelete",
        `the specified group: "${group.id}" name: "default" cannot be deleted by a user`,
      );
    const used = tx
      .listBy("networkInterface", "vpc", group.vpcId)
      .some((eni) => eni.securityGroups.includes(group.id));
    const named = tx
      .list("securityGroup")
      .some((other) => other.id !== group.id && other.rules.some((rule) => rule.groupId === group.id));
    if (used || named)
      throw new ApiError("DependencyViolation", `resource ${group.id} has a dependent object`);
    tx.delete("securityGroup", group.id);
  });
  return { Return: true, GroupId: input.GroupId };
}

function describeSecurityGroups(
  { store }: Ec2Deps,
  input: ec2.DescribeSecurityGroupsRequest,
  context: RequestContext,
): ec2.DescribeSecurityGroupsResult {
  const all = store.list("securityGroup").filter((group) => isIn(group, context));
  const named = selectByName(all, input.GroupNames);
  const chosen = selectById(
    named,
    input.GroupIds,
    (group) => group.id,
    (id) => new ApiError("InvalidGroup.NotFound", `The security group '${id}' does not exist`),
  );
  return {
    SecurityGroups: applyFilters(chosen, input.Filters, securityGroupFields(store)).map((group) =>
      presentGroup(store, group),
    ),
  };
}

/**
 * Adds rules in one direction.
 * Errors: InvalidGroup.NotFound, InvalidPermission.Duplicate, RulesPerSecurityGroupLimitExceeded,
 * InvalidParameterValue.
 */
function authorize(
  { store, ids }: Ec2Deps,
  input: ec2.AuthorizeSecurityGroupIngressRequest,
  place: Place,
  direction: Direction,
): ec2.AuthorizeSecurityGroupIngressResult {
  return store.transact((tx) => {
    const group = findNamedGroup(tx, place, input);
    const rules = toRules(input, direction, ids);
    if (rules.some((rule, index) => rules.slice(0, index).some((other) => isSame(rule, other))))
      throw new ApiError("InvalidParameterValue", "The same permission must not appear multiple times");
    if (group.rules.filter((rule) => rule.direction === direction).length + rules.length > RULES_MAX)
      throw new ApiError(
        "RulesPerSecurityGroupLimitExceeded",
        "The maximum number of rules per security group has been reached.",
      );
    for (const rule of rules) {
      const same = group.rules.find((each) => isSame(each, rule));
      if (same !== undefined)
        throw new ApiError(
          "InvalidPermission.Duplicate",
          `the specified rule "peer: ${rule.cidr ?? rule.groupId ?? rule.prefixListId}, ` +
            `${rule.protocol === "-1" ? "ALL" : rule.protocol.toUpperCase()}, from port: ` +
            `${rule.fromPort}, to port: ${rule.toPort}, ALLOW" already exists`,
        );
      checkPeer(tx, place, group, rule);
    }
    tx.put("securityGroup", group.id, { ...group, rules: [...group.rules, ...rules] });
    return { Return: true, SecurityGroupRules: rules.map((rule) => presentRule(tx, group, rule)) };
  });
}

/**
 * Removes rules in one direction, by id or by what they say.
 * Errors: InvalidGroup.NotFound, InvalidPermission.NotFound, InvalidSecurityGroupRuleId.NotFound.
 */
function revoke(
  { store, ids }: Ec2Deps,
  input: ec2.RevokeSecurityGroupIngressRequest,
  place: Place,
  direction: Direction,
): ec2.RevokeSecurityGroupIngressResult {
  return store.transact((tx) => {
    const group = findNamedGroup(tx, place, input);
    const byId = new Set(input.SecurityGroupRuleIds ?? []);
    const wanted = byId.size > 0 ? [] : toRules(input, direction, ids);
    const gone = group.rules.filter((rule) => byId.has(rule.id) || wanted.some((each) => isSame(each, rule)));
    if (gone.length === 0)
      throw new ApiError(
        byId.size > 0 ? "InvalidSecurityGroupRuleId.NotFound" : "InvalidPermission.NotFound",
        "The specified rule does not exist in this security group.",
      );
    tx.put("securityGroup", group.id, {
      ...group,
      rules: group.rules.filter((rule) => !gone.includes(rule)),
    });
    return { Return: true };
  });
}

/** Groups by name, of any VPC. Errors: InvalidGroup.NotFound. */
function selectByName(
  all: readonly SecurityGroupRecord[],
  names: readonly string[] | undefined,
): readonly SecurityGroupRecord[] {
  if (names === undefined || names.length === 0) return all;
  const missing = names.find((name) => !all.some((group) => group.name === name));
  if (missing !== undefined)
    throw new ApiError("InvalidGroup.NotFound", `The security group '${missing}' does not exist`);
  return all.filter((group) => names.includes(group.name));
}

function presentGroup(reader: Reader, group: SecurityGroupRecord): ec2.SecurityGroup {
  const permissions = (direction: Direction): ec2.IpPermission[] => {
    const byPorts = new Map<string, SecurityGroupRuleRecord[]>();
    for (const rule of group.rules.filter((each) => each.direction === direction)) {
      const key = `${rule.protocol}/${rule.fromPort}/${rule.toPort}`;
      byPorts.set(key, [...(byPorts.get(key) ?? []), rule]);
    }
    return [...byPorts.values()].map((rules) => ({
      IpProtocol: rules[0]?.protocol,
      ...(["tcp", "udp", "icmp"].includes(rules[0]?.protocol ?? "")
        ? { FromPort: rules[0]?.fromPort, ToPort: rules[0]?.toPort }
        : {}),
      IpRanges: rules
        .filter((rule) => rule.cidr !== undefined)
        .map((rule) => ({ CidrIp: rule.cidr, Description: rule.description })),
      Ipv6Ranges: [],
      PrefixListIds: rules
        .filter((rule) => rule.prefixListId !== undefined)
        .map((rule) => ({ PrefixListId: rule.prefixListId, Description: rule.description })),
      UserIdGroupPairs: rules.flatMap(({ groupId, description }) =>
        groupId === undefined
          ? []
          : [{ ...presentReference(reader, group, groupId), Description: description }],
      ),
    }));
  };
  return {
    GroupId: group.id,
    GroupName: group.name,
    Description: group.description,
    VpcId: group.vpcId,
    OwnerId: group.account,
    SecurityGroupArn: `arn:aws:ec2:${group.region}:${group.account}:security-group/${group.id}`,
    IpPermissions: permissions("ingress"),
    IpPermissionsEgress: permissions("egress"),
    Tags: presentTags(group.tags),
  };
}
