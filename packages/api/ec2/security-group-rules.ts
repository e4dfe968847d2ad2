import type * as ec2 from "@aws-sdk/client-ec2";
import type { SecurityGroupRuleRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { applyFilters, selectById } from "./filters.ts";
import { findNamedGroup, findSecurityGroup } from "./lookups.ts";
import { ruleDescription } from "./rule-peers-and-ports.ts";
import { changeRule, checkPeer, isSame, presentRule, toRules } from "./security-group-rule.ts";

type Direction = SecurityGroupRuleRecord["direction"];

/** Security group rules by their ids. Source: API_ModifySecurityGroupRules and following. */
export function securityGroupRuleOperations(deps: Ec2Deps) {
  return {
    DescribeSecurityGroupRules: (input, context) => describeSecurityGroupRules(deps, input, context),
    ModifySecurityGroupRules: (input, context) => modifySecurityGroupRules(deps, input, context),
    UpdateSecurityGroupRuleDescriptionsIngress: (input, context) =>
      updateDescriptions(deps, input, context, "ingress"),
    UpdateSecurityGroupRuleDescriptionsEgress: (input, context) =>
      updateDescriptions(deps, input, context, "egress"),
  } satisfies Implementation<typeof ec2>;
}

function describeSecurityGroupRules(
  { store }: Ec2Deps,
  input: ec2.DescribeSecurityGroupRulesRequest,
  context: RequestContext,
): ec2.DescribeSecurityGroupRulesResult {
  const all = store
    .list("securityGroup")
    .filter((group) => isIn(group, context))
    .flatMap((group) => group.rules.map((rule) => ({ group, rule, tags: rule.tags ?? {} })));
  const chosen = selectById(
    all,
    input.SecurityGroupRuleIds,
    ({ rule }) => rule.id,
    (id) =>
      new ApiError(
        "InvalidSecurityGroupRuleId.NotFound",
        `The security group rule ID '${id}' does not exist`,
      ),
  );
  const fields = {
    "group-id": (each: (typeof all)[number]) => each.group.id,
    "security-group-rule-id": (each: (typeof all)[number]) => each.rule.id,
  };
  return {
    SecurityGroupRules: applyFilters(chosen, input.Filters, fields).map(({ group, rule }) =>
      presentRule(store, group, rule),
    ),
  };
}

function modifySecurityGroupRules(
  { store, ids }: Ec2Deps,
  input: ec2.ModifySecurityGroupRulesRequest,
  context: RequestContext,
): ec2.ModifySecurityGroupRulesResult {
  store.transact((tx) => {
    for (const { SecurityGroupRuleId: id, SecurityGroupRule: wanted } of input.SecurityGroupRules ?? []) {
      refuseMembers(
        wanted ?? {},
        ["CidrIpv6"],
        "InvalidParameterValue",
        "SecurityGroupRules.SecurityGroupRule",
      );
      const group = findSecurityGroup(tx, context, input.GroupId);
      const before = group.rules.find((rule) => rule.id === id);
      if (before === undefined)
        throw new ApiError(
          "InvalidSecurityGroupRuleId.NotFound",
          `The security group rule ID '${id ?? ""}' does not exist`,
        );
      const [changed] = toRules({ IpPermissions: [toPermission(wanted)] }, before.direction, ids);
      if (changed !== undefined) checkPeer(tx, context, group, changed);
      changeRule(tx, context, before.id, (rule) => ({
        ...rule,
        prefixListId: undefined,
        ...changed,
        id: rule.id,
        tags: rule.tags ?? {},
      }));
    }
  });
  return { Return: true };
}

/** A rule as ModifySecurityGroupRules gives it, in the form of AuthorizeSecurityGroupIngress. */
function toPermission(wanted: ec2.SecurityGroupRuleRequest | undefined): ec2.IpPermission {
  const { IpProtocol, FromPort, ToPort, CidrIpv4, ReferencedGroupId, Description } = wanted ?? {};
  const ports = { IpProtocol, FromPort, ToPort };
  if (wanted?.PrefixListId !== undefined)
    return { ...ports, PrefixListIds: [{ PrefixListId: wanted.PrefixListId, Description }] };
  return CidrIpv4 === undefined
    ? { ...ports, UserIdGroupPairs: [{ GroupId: ReferencedGroupId, Description }] }
    : { ...ports, IpRanges: [{ CidrIp: CidrIpv4, Description }] };
}

/** Sets the descriptions of rules in one direction, by id or by what they say. Errors: InvalidGroup.NotFound. */
function updateDescriptions(
  { store, ids }: Ec2Deps,
  input: ec2.UpdateSecurityGroupRuleDescriptionsIngressRequest,
  place: Place,
  direction: Direction,
): ec2.UpdateSecurityGroupRuleDescriptionsIngressResult {
  return store.transact((tx) => {
    const group = findNamedGroup(tx, place, input);
    const byId = new Map(
      (input.SecurityGroupRuleDescriptions ?? []).map((each) => [each.SecurityGroupRuleId, each.Description]),
    );
    const wanted = byId.size > 0 ? [] : toRules(input, direction, ids);
    const rules = group.rules.map((rule) => {
      if (byId.has(rule.id)) return { ...rule, description: ruleDescription(byId.get(rule.id)) };
      const same = wanted.find((each) => isSame(each, rule));
      return same === undefined ? rule : { ...rule, description: same.description };
    });
    tx.put("securityGroup", group.id, { ...group, rules });
    return { Return: true };
  });
}
