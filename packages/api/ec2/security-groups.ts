import type * as ec2 from "@aws-sdk/client-ec2";
import type {
  NetworkInterfaceRecord,
  SecurityGroupRecord,
  SecurityGroupRuleRecord,
  Tags,
  Transaction,
} from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { interfaceFields, interfaceTypeOf, privateDnsNameOf, securityGroupFields } from "./filter-fields.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import type { Ec2Deps } from "./index.ts";
import { RULES_MAX } from "./rule-peers-and-ports.ts";
import { changeRule, checkPeer, isSame, presentRule, toRules } from "./security-group-rules.ts";
import { RESOURCES } from "./resources.ts";
import { defaultVpcOf, findNamedGroup, findVpc } from "./lookups.ts";
import { isIn } from "../common/place.ts";
import type { Place } from "../common/api-deps.ts";

type Ec2 = Implementation<typeof ec2>;
type Direction = SecurityGroupRuleRecord["direction"];

/** Security groups and their rules. Source: API_CreateSecurityGroup and following. */
export function securityGroupOperations(deps: Ec2Deps) {
  const { store, ids } = deps;
  const authorize = (input: ec2.AuthorizeSecurityGroupIngressRequest, place: Place, direction: Direction) =>
    store.transact((tx) => {
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
            `the specified rule "peer: ${rule.cidr ?? rule.groupId}, ${rule.protocol === "-1" ? "ALL" : rule.protocol.toUpperCase()}, from port: ${rule.fromPort}, to port: ${rule.toPort}, ALLOW" already exists`,
          );
        checkPeer(tx, place, group, rule);
      }
      tx.put("securityGroup", group.id, { ...group, rules: [...group.rules, ...rules] });
      return { Return: true, SecurityGroupRules: rules.map((rule) => presentRule(group, rule)) };
    });
  const revoke = (input: ec2.RevokeSecurityGroupIngressRequest, place: Place, direction: Direction) =>
    store.transact((tx) => {
      const group = findNamedGroup(tx, place, input);
      const byId = new Set(input.SecurityGroupRuleIds ?? []);
      const wanted = byId.size > 0 ? [] : toRules(input, direction, ids);
      const gone = group.rules.filter(
        (rule) => byId.has(rule.id) || wanted.some((each) => isSame(each, rule)),
      );
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
  return {
    CreateSecurityGroup(input, context) {
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
    },
    DeleteSecurityGroup(input, context) {
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
    },
    DescribeSecurityGroups(input, context) {
      const all = store.list("securityGroup").filter((group) => isIn(group, context));
      const named = selectByName(all, input.GroupNames);
      const chosen = selectById(
        named,
        input.GroupIds,
        (group) => group.id,
        (id) => new ApiError("InvalidGroup.NotFound", `The security group '${id}' does not exist`),
      );
      return {
        SecurityGroups: applyFilters(chosen, input.Filters, securityGroupFields(store)).map(presentGroup),
      };
    },
    AuthorizeSecurityGroupIngress: (input, context) => authorize(input, context, "ingress"),
    AuthorizeSecurityGroupEgress: (input, context) => authorize(input, context, "egress"),
    RevokeSecurityGroupIngress: (input, context) => revoke(input, context, "ingress"),
    RevokeSecurityGroupEgress: (input, context) => revoke(input, context, "egress"),
  } satisfies Ec2;
}

/** Network interfaces as the caller may see them, and tags on everything. */
export function interfaceOperations(deps: Ec2Deps) {
  const { store } = deps;
  return {
    DescribeNetworkInterfaces(input, context) {
      const all = store.list("networkInterface").filter((eni) => isIn(eni, context) && eni.type !== "warm");
      const chosen = selectById(
        all,
        input.NetworkInterfaceIds,
        (eni) => eni.id,
        (id) =>
          new ApiError(
            "InvalidNetworkInterfaceID.NotFound",
            `The networkInterface ID '${id}' does not exist`,
          ),
      );
      const names = new Map(store.list("securityGroup").map((group) => [group.id, group.name]));
      return {
        NetworkInterfaces: applyFilters(chosen, input.Filters, interfaceFields(store)).map((eni) =>
          presentInterface(eni, store.get("subnet", eni.subnetId)?.availabilityZone, names),
        ),
      };
    },
    CreateTags(input, context) {
      store.transact((tx) => {
        for (const id of input.Resources ?? [])
          retag(tx, id, (tags) => ({ ...tags, ...toTags(input.Tags) }), context);
      });
      return {};
    },
    DeleteTags(input, context) {
      store.transact((tx) => {
        for (const id of input.Resources ?? [])
          retag(
            tx,
            id,
            (tags) =>
              input.Tags === undefined
                ? {}
                : withoutTags(
                    tags,
                    input.Tags.map((tag) => tag.Key ?? ""),
                  ),
            context,
          );
      });
      return {};
    },
    DescribeAccountAttributes(input, context) {
      const defaultVpc = store.list("vpc").find((vpc) => isIn(vpc, context) && vpc.isDefault);
      return {
        AccountAttributes: [
          { AttributeName: "supported-platforms", AttributeValues: [{ AttributeValue: "VPC" }] },
          { AttributeName: "default-vpc", AttributeValues: [{ AttributeValue: defaultVpc?.id ?? "none" }] },
        ].filter(({ AttributeName }) => input.AttributeNames?.some((name) => name === AttributeName) ?? true),
      };
    },
  } satisfies Ec2;
}

function retag(tx: Transaction, id: string, change: (tags: Tags) => Tags, place: Place): void {
  if (id.startsWith("sgr-"))
    return changeRule(tx, place, id, (rule) => ({ ...rule, tags: change(rule.tags ?? {}) }));
  const kind = RESOURCES[(id.split("-")[0] ?? "") as keyof typeof RESOURCES]?.kind; // Looked up by prefix; undefined is handled.
  const record = kind === undefined ? undefined : tx.get(kind, id);
  if (kind === undefined || record === undefined || !isIn(record, place))
    throw new ApiError("InvalidID", `The ID '${id}' is not valid`);
  tx.put(kind, id, { ...record, tags: change(record.tags) }); // The record of the kind just read, with other tags.
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

function presentGroup(group: SecurityGroupRecord): ec2.SecurityGroup {
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
      PrefixListIds: [],
      UserIdGroupPairs: rules
        .filter((rule) => rule.groupId !== undefined)
        .map((rule) => ({ GroupId: rule.groupId, UserId: group.account, Description: rule.description })),
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

function presentInterface(
  eni: NetworkInterfaceRecord,
  zone: string | undefined,
  names: ReadonlyMap<string, string>,
): ec2.NetworkInterface {
  const dns = privateDnsNameOf(eni);
  const association =
    eni.publicIp === undefined
      ? undefined
      : { PublicIp: eni.publicIp, IpOwnerId: "amazon", PublicDnsName: "" };
  return {
    NetworkInterfaceId: eni.id,
    VpcId: eni.vpcId,
    SubnetId: eni.subnetId,
    AvailabilityZone: zone,
    PrivateIpAddress: eni.privateIp,
    PrivateDnsName: dns,
    MacAddress: eni.mac,
    Status: "in-use",
    InterfaceType: interfaceTypeOf(eni) as ec2.NetworkInterfaceType, // EC2 writes it with an underscore; the SDK's enum does not.
    Description: eni.description,
    OwnerId: eni.account,
    RequesterManaged: true,
    SourceDestCheck: true,
    Groups: eni.securityGroups.map((GroupId) => ({ GroupId, GroupName: names.get(GroupId) })),
    PrivateIpAddresses: [
      { Primary: true, PrivateIpAddress: eni.privateIp, PrivateDnsName: dns, Association: association },
    ],
    Association: association,
    TagSet: presentTags(eni.tags),
  };
}
