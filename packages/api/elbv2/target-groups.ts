import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { formatArn } from "@gantry/kernel";
import {
  newTarget,
  targetKeyOf,
  type Reader,
  type TargetGroupRecord,
  type TargetRecord,
  type Transaction,
} from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import { within } from "../common/place.ts";
import { refuseMembers } from "../common/refuse.ts";
import { toTags } from "../common/tags.ts";
import { presentAttributes, TARGET_GROUP_ATTRIBUTES, withAttributes } from "./attributes.ts";
import type { Elbv2Deps } from "./index.ts";
import { balancersOf, findLoadBalancer, findTargetGroup, missingGroup, partOf } from "./lookups.ts";
import { checkTargetQuota, QUOTAS } from "./quotas.ts";
import { toTargetPlace } from "./targets.ts";
import { validation } from "./validation.ts";

const PORT_MAX = 65_535;

/** Target groups, their targets and health. Source: API_CreateTargetGroup and following. */
export function targetGroupOperations(deps: Elbv2Deps) {
  const { store, ids, clock } = deps;
  return {
    CreateTargetGroup(input, context) {
      refuseMembers(
        {
          ...input,
          ProtocolVersion: ["", "HTTP1"].includes(input.ProtocolVersion ?? "")
            ? undefined
            : input.ProtocolVersion,
          IpAddressType: input.IpAddressType === "ipv4" ? undefined : input.IpAddressType,
        },
        ["ProtocolVersion", "IpAddressType"],
        "ValidationError",
      );
      if (input.TargetType !== "ip")
        throw validation(
          `Gantry supports target groups of type ip, not ${input.TargetType ?? "instance (the default)"}.`,
        );
      if (input.Protocol !== "HTTP" && input.Protocol !== "HTTPS")
        throw validation(`Gantry supports the target group protocols HTTP and HTTPS, not ${input.Protocol}.`);
      const name = input.Name ?? "";
      if (!/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?$/.test(name))
        throw validation(
          `Target group name '${name}' can have 32 characters at most, must contain only alphanumeric characters or hyphens, and must not begin or end with a hyphen`,
        );
      const record = store.transact((tx) => {
        const vpc = input.VpcId === undefined ? undefined : within(tx.get("vpc", input.VpcId), context);
        if (vpc === undefined) throw validation(`The VPC ID '${input.VpcId}' is not found`);
        const there = tx.list("targetGroup", formatArn("elasticloadbalancing", context, "targetgroup/"));
        if (there.length >= QUOTAS.targetGroups)
          throw new ApiError("TooManyTargetGroups", "The maximum number of target groups has been reached");
        if (there.some((group) => group.name === name))
          throw new ApiError(
            "DuplicateTargetGroupName",
            `A target group with the same name '${name}' exists, but with different settings`,
          );
        const group: TargetGroupRecord = {
          account: context.account,
          region: context.region,
          arn: formatArn("elasticloadbalancing", context, `targetgroup/${name}/${ids.hex(16)}`),
          name,
          protocol: input.Protocol === "HTTPS" ? "HTTPS" : "HTTP",
          port: input.Port ?? 80,
          vpcId: vpc.id,
          targetType: "ip",
          healthCheck: toHealthCheck(input, {
            enabled: true,
            protocol: "HTTP",
            port: "traffic-port",
            path: "/",
            intervalSeconds: 30,
            timeoutSeconds: 5,
            healthyThreshold: 5,
            unhealthyThreshold: 2,
            matcher: "200",
          }),
          attributes: {},
          createdAt: clock.now(),
          tags: toTags(input.Tags),
        };
        tx.put("targetGroup", group.arn, group);
        return group;
      });
      return { TargetGroups: [presentGroup(record, store)] };
    },
    ModifyTargetGroup(input, context) {
      const record = store.transact((tx) => {
        const group = findTargetGroup(tx, context, input.TargetGroupArn);
        const next: TargetGroupRecord = { ...group, healthCheck: toHealthCheck(input, group.healthCheck) };
        tx.put("targetGroup", group.arn, next);
        return next;
      });
      return { TargetGroups: [presentGroup(record, store)] };
    },
    DescribeTargetGroups(input, context) {
      const all = store.list("targetGroup", formatArn("elasticloadbalancing", context, "targetgroup/"));
      const byArn = (input.TargetGroupArns ?? []).map((arn) => findTargetGroup(store, context, arn));
      const byName = (input.Names ?? []).map((name) => {
        const found = all.find((group) => group.name === name);
        if (found === undefined) throw missingGroup();
        return found;
      });
      const given = input.TargetGroupArns !== undefined || input.Names !== undefined;
      const balancer =
        input.LoadBalancerArn === undefined
          ? undefined
          : findLoadBalancer(store, context, input.LoadBalancerArn);
      const ofBalancer =
        balancer === undefined
          ? all
          : all.filter((group) => balancersOf(store, group.arn).includes(balancer.arn));
      return {
        TargetGroups: (given ? [...byArn, ...byName] : ofBalancer).map((group) => presentGroup(group, store)),
      };
    },
    DeleteTargetGroup(input, context) {
      store.transact((tx) => {
        const group = partOf(tx, context, { kind: "targetGroup", arn: input.TargetGroupArn });
        if (group === undefined) return;
        if (balancersOf(tx, group.arn).length > 0)
          throw new ApiError(
            "ResourceInUse",
            `Target group '${group.arn}' is currently in use by a listener or a rule`,
          );
        for (const target of tx.listBy("target", "group", group.arn))
          tx.delete("target", targetKeyOf(target));
        tx.delete("targetGroup", group.arn);
      });
      return {};
    },
    DescribeTargetGroupAttributes: (input, context) => ({
      Attributes: presentAttributes(
        TARGET_GROUP_ATTRIBUTES,
        findTargetGroup(store, context, input.TargetGroupArn).attributes,
      ),
    }),
    ModifyTargetGroupAttributes(input, context) {
      const record = store.transact((tx) => {
        const group = findTargetGroup(tx, context, input.TargetGroupArn);
        const next = {
          ...group,
          attributes: withAttributes(group.attributes, input.Attributes, TARGET_GROUP_ATTRIBUTES),
        };
        tx.put("targetGroup", group.arn, next);
        return next;
      });
      return { Attributes: presentAttributes(TARGET_GROUP_ATTRIBUTES, record.attributes) };
    },
    RegisterTargets(input, context) {
      store.transact((tx) => {
        const group = findTargetGroup(tx, context, input.TargetGroupArn);
        for (const target of input.Targets ?? []) {
          const place = toTargetPlace(tx, group, target);
          const there = tx.get("target", targetKeyOf(place));
          if (there === undefined || there.drainingSince !== undefined)
            tx.put("target", targetKeyOf(place), newTarget(place, undefined, clock.now()));
        }
        checkTargetQuota(tx, group.arn);
      });
      return {};
    },
    DeregisterTargets(input, context) {
      store.transact((tx) => {
        const group = findTargetGroup(tx, context, input.TargetGroupArn);
        for (const target of input.Targets ?? [])
          drain(
            tx,
            { targetGroupArn: group.arn, address: target.Id ?? "", port: target.Port ?? group.port },
            clock.now(),
          );
      });
      return {};
    },
    DescribeTargetHealth(input, context) {
      const group = findTargetGroup(store, context, input.TargetGroupArn);
      const all = store.listBy("target", "group", group.arn);
      if (input.Targets === undefined) return { TargetHealthDescriptions: all.map(presentHealth) };
      return {
        TargetHealthDescriptions: input.Targets.map((asked) => {
          const found = all.find(
            (target) => target.address === asked.Id && target.port === (asked.Port ?? group.port),
          );
          return found === undefined
            ? {
                Target: asked,
                TargetHealth: {
                  State: "unused",
                  Reason: "Target.NotRegistered",
                  Description: "Target is not registered to the target group",
                },
              }
            : presentHealth(found);
        }),
      };
    },
  } satisfies Implementation<typeof elb>;
}

function drain(
  tx: Transaction,
  place: { targetGroupArn: string; address: string; port: number },
  now: number,
): void {
  const target = tx.get("target", targetKeyOf(place));
  if (target === undefined || target.drainingSince !== undefined) return;
  tx.put("target", targetKeyOf(place), {
    ...target,
    drainingSince: now,
    state: "draining",
    reason: "Target.DeregistrationInProgress",
    description: "Target deregistration is in progress",
  });
}

function toHealthCheck(
  input: elb.ModifyTargetGroupInput | elb.CreateTargetGroupInput,
  kept: TargetGroupRecord["healthCheck"],
): TargetGroupRecord["healthCheck"] {
  const check: TargetGroupRecord["healthCheck"] = {
    enabled: input.HealthCheckEnabled ?? kept.enabled,
    protocol:
      input.HealthCheckProtocol === "HTTPS"
        ? "HTTPS"
        : input.HealthCheckProtocol === undefined
          ? kept.protocol
          : "HTTP",
    port: input.HealthCheckPort ?? kept.port,
    path: input.HealthCheckPath ?? kept.path,
    intervalSeconds: input.HealthCheckIntervalSeconds ?? kept.intervalSeconds,
    timeoutSeconds: input.HealthCheckTimeoutSeconds ?? kept.timeoutSeconds,
    healthyThreshold: input.HealthyThresholdCount ?? kept.healthyThreshold,
    unhealthyThreshold: input.UnhealthyThresholdCount ?? kept.unhealthyThreshold,
    matcher: input.Matcher?.HttpCode ?? kept.matcher,
  };
  if (check.intervalSeconds < 5 || check.intervalSeconds > 300)
    throw validation(`Health check interval '${check.intervalSeconds}' must be between 5 and 300 seconds`);
  if (check.timeoutSeconds < 2 || check.timeoutSeconds > 120)
    throw validation(`Health check timeout '${check.timeoutSeconds}' must be between 2 and 120 seconds`);
  if (check.timeoutSeconds >= check.intervalSeconds)
    throw validation(
      `Health check timeout '${check.timeoutSeconds}' must be smaller than the interval '${check.intervalSeconds}'`,
    );
  for (const threshold of [check.healthyThreshold, check.unhealthyThreshold])
    if (threshold < 2 || threshold > 10)
      throw validation(`Health check threshold '${threshold}' must be between 2 and 10`);
  if (!/^\/[\u0021-\u007e]*$/.test(check.path))
    throw validation(
      `Health check path '${check.path}' must begin with a '/' character, and can only contain printable ASCII characters, without spaces`,
    );
  if (check.port !== "traffic-port" && !(/^[1-9]\d{0,4}$/.test(check.port) && Number(check.port) <= PORT_MAX))
    throw validation(
      `Health check port '${check.port}' must be either 'traffic-port' or from 1 to ${PORT_MAX}`,
    );
  if (!isMatcher(check.matcher))
    throw validation(`Health check matcher HTTP code '${check.matcher}' must be within '200-499'`);
  return check;
}

/** Codes and ranges of codes from 200 to 499, separated by commas. Source: API_Matcher. */
function isMatcher(text: string): boolean {
  return text.split(",").every((part) => {
    const [first = "", last = first, ...rest] = part.split("-");
    return rest.length === 0 && [first, last].every((code) => /^[2-4]\d\d$/.test(code)) && first <= last;
  });
}

function presentGroup(group: TargetGroupRecord, reader: Reader): elb.TargetGroup {
  const check = group.healthCheck;
  return {
    TargetGroupArn: group.arn,
    TargetGroupName: group.name,
    Protocol: group.protocol,
    ProtocolVersion: "HTTP1",
    Port: group.port,
    VpcId: group.vpcId,
    TargetType: group.targetType,
    IpAddressType: "ipv4",
    HealthCheckEnabled: check.enabled,
    HealthCheckProtocol: check.protocol,
    HealthCheckPort: check.port,
    HealthCheckPath: check.path,
    HealthCheckIntervalSeconds: check.intervalSeconds,
    HealthCheckTimeoutSeconds: check.timeoutSeconds,
    HealthyThresholdCount: check.healthyThreshold,
    UnhealthyThresholdCount: check.unhealthyThreshold,
    Matcher: { HttpCode: check.matcher },
    LoadBalancerArns: [...balancersOf(reader, group.arn)],
  };
}

function presentHealth(target: TargetRecord): elb.TargetHealthDescription {
  return {
    Target: { Id: target.address, Port: target.port },
    HealthCheckPort: String(target.port),
    TargetHealth: {
      State: target.state,
      Reason: target.reason as elb.TargetHealthReasonEnum | undefined,
      Description: target.description,
    },
  }; // The reasons written are the enum's.
}
