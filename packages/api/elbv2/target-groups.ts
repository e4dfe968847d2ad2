import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { formatArn } from "@gantry/kernel";
import {
  type ProtocolVersion,
  type Reader,
  type TargetGroupRecord,
  targetKeyOf,
  type Transaction,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import { presentAttributes, targetGroupAttributes, withAttributes } from "./attributes.ts";
import type { Elbv2Deps } from "./elbv2-deps.ts";
import { healthCheckDefaults, toHealthCheck } from "./health-checks.ts";
import { balancersOf, findLoadBalancer, findTargetGroup, missingGroup, partOf } from "./lookups.ts";
import { QUOTAS } from "./quotas.ts";
import { newTags } from "./tags.ts";
import { validation } from "./validation.ts";

/** Target groups and their health checks. Source: API_CreateTargetGroup and following. */
export function targetGroupOperations(deps: Elbv2Deps) {
  return {
    CreateTargetGroup: (input, context) => createTargetGroup(deps, input, context),
    ModifyTargetGroup: (input, context) => modifyTargetGroup(deps, input, context),
    DescribeTargetGroups: (input, context) => describeTargetGroups(deps, input, context),
    DeleteTargetGroup: (input, context) => deleteTargetGroup(deps, input, context),
    DescribeTargetGroupAttributes: (input, context) => describeTargetGroupAttributes(deps, input, context),
    ModifyTargetGroupAttributes: (input, context) => modifyTargetGroupAttributes(deps, input, context),
  } satisfies Implementation<typeof elb>;
}

function createTargetGroup(
  deps: Elbv2Deps,
  input: elb.CreateTargetGroupInput,
  context: RequestContext,
): elb.CreateTargetGroupOutput {
  refuseMembers(
    {
      ...input,
      IpAddressType: input.IpAddressType === "ipv4" ? undefined : input.IpAddressType,
    },
    ["IpAddressType"],
    "ValidationError",
  );
  toTargetType(input);
  const name = input.Name ?? "";
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?$/.test(name))
    throw validation(
      `Target group name '${name}' can have 32 characters at most, must contain only alphanumeric ` +
        "characters or hyphens, and must not begin or end with a hyphen",
    );
  const record = deps.store.transact((tx) => insertTargetGroup(tx, deps, context, input));
  return { TargetGroups: [presentGroup(record, deps.store)] };
}

/** Errors: ValidationError, TooManyTargetGroups, DuplicateTargetGroupName. */
function insertTargetGroup(
  tx: Transaction,
  { ids, clock }: Elbv2Deps,
  place: Place,
  input: elb.CreateTargetGroupInput,
): TargetGroupRecord {
  const name = input.Name ?? "";
  const targetType = toTargetType(input);
  const protocol = toProtocol(input, targetType);
  const isHttp = protocol === "HTTP" || protocol === "HTTPS";
  if (!isHttp && input.ProtocolVersion !== undefined)
    throw validation(
      `Protocol version cannot be specified for target groups with the protocol '${protocol}'`,
    );
  const version = toProtocolVersion(input.ProtocolVersion);
  const checked = { protocol, targetType, version };
  if (input.Port === undefined) throw validation("A port must be specified");
  const vpc = within(tx.get("vpc", input.VpcId), place);
  if (vpc === undefined) throw validation(`The VPC ID '${input.VpcId}' is not found`);
  const existing = tx.list("targetGroup", formatArn("elasticloadbalancing", place, "targetgroup/"));
  if (existing.length >= QUOTAS.targetGroups)
    throw new ApiError("TooManyTargetGroups", "The maximum number of target groups has been reached");
  if (existing.some((group) => group.name === name))
    throw new ApiError(
      "DuplicateTargetGroupName",
      `A target group with the same name '${name}' exists, but with different settings`,
    );
  const group: TargetGroupRecord = {
    account: place.account,
    region: place.region,
    arn: formatArn("elasticloadbalancing", place, `targetgroup/${name}/${ids.hex(16)}`),
    name,
    protocol,
    port: input.Port,
    vpcId: vpc.id,
    targetType,
    ...(isHttp ? { protocolVersion: version } : {}),
    healthCheck: toHealthCheck(input, healthCheckDefaults(checked, input.HealthCheckProtocol), checked),
    attributes: {},
    createdAt: clock.now(),
    tags: newTags(input.Tags),
  };
  tx.put("targetGroup", group.arn, group);
  return group;
}

function modifyTargetGroup(
  { store }: Elbv2Deps,
  input: elb.ModifyTargetGroupInput,
  context: RequestContext,
): elb.ModifyTargetGroupOutput {
  const record = store.transact((tx) => {
    const group = findTargetGroup(tx, context, input.TargetGroupArn);
    const next: TargetGroupRecord = {
      ...group,
      healthCheck: toHealthCheck(input, group.healthCheck, { ...group, version: versionOf(group) }),
    };
    tx.put("targetGroup", group.arn, next);
    return next;
  });
  return { TargetGroups: [presentGroup(record, store)] };
}

function describeTargetGroups(
  { store }: Elbv2Deps,
  input: elb.DescribeTargetGroupsInput,
  context: RequestContext,
): elb.DescribeTargetGroupsOutput {
  const all = store.list("targetGroup", formatArn("elasticloadbalancing", context, "targetgroup/"));
  const byArn = (input.TargetGroupArns ?? []).map((arn) => findTargetGroup(store, context, arn));
  const byName = (input.Names ?? []).map((name) => {
    const found = all.find((group) => group.name === name);
    if (found === undefined) throw missingGroup();
    return found;
  });
  const given = input.TargetGroupArns !== undefined || input.Names !== undefined;
  const balancer =
    input.LoadBalancerArn === undefined ? undefined : findLoadBalancer(store, context, input.LoadBalancerArn);
  const ofBalancer =
    balancer === undefined
      ? all
      : all.filter((group) => balancersOf(store, group.arn).includes(balancer.arn));
  return {
    TargetGroups: (given ? [...byArn, ...byName] : ofBalancer).map((group) => presentGroup(group, store)),
  };
}

function deleteTargetGroup(
  { store }: Elbv2Deps,
  input: elb.DeleteTargetGroupInput,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const group = partOf(tx, context, { kind: "targetGroup", arn: input.TargetGroupArn });
    if (group === undefined) return;
    if (balancersOf(tx, group.arn).length > 0)
      throw new ApiError(
        "ResourceInUse",
        `Target group '${group.arn}' is currently in use by a listener or a rule`,
      );
    for (const target of tx.listBy("target", "group", group.arn)) tx.delete("target", targetKeyOf(target));
    tx.delete("targetGroup", group.arn);
  });
  return {};
}

function describeTargetGroupAttributes(
  { store }: Elbv2Deps,
  input: elb.DescribeTargetGroupAttributesInput,
  context: RequestContext,
): elb.DescribeTargetGroupAttributesOutput {
  return { Attributes: attributesOf(findTargetGroup(store, context, input.TargetGroupArn)) };
}

function modifyTargetGroupAttributes(
  { store }: Elbv2Deps,
  input: elb.ModifyTargetGroupAttributesInput,
  context: RequestContext,
): elb.ModifyTargetGroupAttributesOutput {
  const record = store.transact((tx) => {
    const group = findTargetGroup(tx, context, input.TargetGroupArn);
    const next = {
      ...group,
      attributes: withAttributes(group.attributes, input.Attributes, targetGroupAttributes(group)),
    };
    tx.put("targetGroup", group.arn, next);
    return next;
  });
  return { Attributes: attributesOf(record) };
}

/** Targets that are not addresses see the client's address by default. Source: API_TargetGroupAttribute. */
function attributesOf(group: TargetGroupRecord): elb.TargetGroupAttribute[] {
  const isNetwork = group.protocol === "TCP" || group.protocol === "TLS";
  const initial: Readonly<Record<string, string>> =
    isNetwork && group.targetType !== "ip" ? { "preserve_client_ip.enabled": "true" } : {};
  return presentAttributes(targetGroupAttributes(group), { ...initial, ...group.attributes });
}

const TARGET_TYPES = ["instance", "ip", "alb"] as const;

/** Errors: ValidationError for functions, and for unknown types. */
function toTargetType({
  TargetType = "instance",
}: elb.CreateTargetGroupInput): TargetGroupRecord["targetType"] {
  const type = TARGET_TYPES.find((each) => each === TargetType);
  if (type !== undefined) return type;
  throw validation("Gantry does not support target groups of type lambda: there are no functions to call.");
}

const PROTOCOLS = ["HTTP", "HTTPS", "TCP", "TLS"] as const;

/** Errors: ValidationError. */
function toProtocol(
  { Protocol: given }: elb.CreateTargetGroupInput,
  targetType: TargetGroupRecord["targetType"],
): TargetGroupRecord["protocol"] {
  if (given === undefined) throw validation("A protocol must be specified");
  const protocol = PROTOCOLS.find((each) => each === given);
  if (protocol === undefined)
    throw validation(
      `Gantry does not support the target group protocol ${given}: it serves HTTP, HTTPS, TCP and TLS.`,
    );
  if (targetType === "alb" && protocol !== "TCP")
    throw validation(
      `Protocol '${protocol}' is not supported for target groups of type 'alb': it must be 'TCP'`,
    );
  return protocol;
}

const VERSIONS: readonly ProtocolVersion[] = ["HTTP1", "HTTP2", "GRPC"];

/** Errors: ValidationError. */
function toProtocolVersion(given: string | undefined): ProtocolVersion {
  const version = VERSIONS.find((each) => each === (given === undefined || given === "" ? "HTTP1" : given));
  if (version === undefined)
    throw validation(`Protocol version '${given}' must be one of '[${VERSIONS.join(", ")}]'`);
  return version;
}

function versionOf(group: TargetGroupRecord): ProtocolVersion {
  return group.protocolVersion ?? "HTTP1";
}

function presentGroup(group: TargetGroupRecord, reader: Reader): elb.TargetGroup {
  const check = group.healthCheck;
  const isHttp = group.protocol === "HTTP" || group.protocol === "HTTPS";
  const matcher = versionOf(group) === "GRPC" ? { GrpcCode: check.matcher } : { HttpCode: check.matcher };
  return {
    TargetGroupArn: group.arn,
    TargetGroupName: group.name,
    Protocol: group.protocol,
    ...(isHttp ? { ProtocolVersion: versionOf(group) } : {}),
    Port: group.port,
    VpcId: group.vpcId,
    TargetType: group.targetType,
    IpAddressType: "ipv4",
    HealthCheckEnabled: check.enabled,
    HealthCheckProtocol: check.protocol,
    HealthCheckPort: check.port,
    ...(check.protocol === "TCP" ? {} : { HealthCheckPath: check.path, Matcher: matcher }),
    HealthCheckIntervalSeconds: check.intervalSeconds,
    HealthCheckTimeoutSeconds: check.timeoutSeconds,
    HealthyThresholdCount: check.healthyThreshold,
    UnhealthyThresholdCount: check.unhealthyThreshold,
    LoadBalancerArns: [...balancersOf(reader, group.arn)],
  };
}
