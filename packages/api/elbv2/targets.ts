import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { formatIp, isIn, isTargetAddress, parseIp } from "@gantry/kernel";
import {
  newTarget,
  type Reader,
  type TargetGroupRecord,
  targetKeyOf,
  type TargetRecord,
  type Transaction,
  vpcBlocks,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import type { Elbv2Deps } from "./elbv2-deps.ts";
import { findTargetGroup } from "./lookups.ts";
import { addressOfTarget, toInstanceTarget } from "./instance-targets.ts";
import { checkTargetQuota } from "./quotas.ts";
import { validation } from "./validation.ts";

const PORT_MAX = 65_535;

/** The targets of a target group. Source: API_RegisterTargets and following. */
export function targetOperations(deps: Elbv2Deps) {
  return {
    RegisterTargets: (input, context) => registerTargets(deps, input, context),
    DeregisterTargets: (input, context) => deregisterTargets(deps, input, context),
    DescribeTargetHealth: (input, context) => describeTargetHealth(deps, input, context),
  } satisfies Implementation<typeof elb>;
}

function registerTargets(
  { store, clock }: Elbv2Deps,
  input: elb.RegisterTargetsInput,
  context: RequestContext,
): object {
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
}

function deregisterTargets(
  { store, clock }: Elbv2Deps,
  input: elb.DeregisterTargetsInput,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const group = findTargetGroup(tx, context, input.TargetGroupArn);
    for (const target of input.Targets ?? [])
      drain(
        tx,
        {
          targetGroupArn: group.arn,
          address: addressOfTarget(tx, group, target),
          port: target.Port ?? group.port,
        },
        clock.now(),
      );
  });
  return {};
}

function describeTargetHealth(
  { store }: Elbv2Deps,
  input: elb.DescribeTargetHealthInput,
  context: RequestContext,
): elb.DescribeTargetHealthOutput {
  const group = findTargetGroup(store, context, input.TargetGroupArn);
  const all = store.listBy("target", "group", group.arn);
  if (input.Targets === undefined) return { TargetHealthDescriptions: all.map(presentHealth) };
  return {
    TargetHealthDescriptions: input.Targets.map((asked) => {
      const found = all.find(
        (target) =>
          (target.instanceId ?? target.address) === asked.Id && target.port === (asked.Port ?? group.port),
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

function presentHealth(target: TargetRecord): elb.TargetHealthDescription {
  return {
    Target: { Id: target.instanceId ?? target.address, Port: target.port },
    HealthCheckPort: String(target.port),
    TargetHealth: {
      State: target.state,
      Reason: target.reason as elb.TargetHealthReasonEnum | undefined,
      Description: target.description,
    },
  }; // The reasons written are the enum's.
}

/**
 * The address and port of a target: an address of the group's VPC or a private one, and no address of the platform's.
 * Source: API_TargetDescription and "Target type". Errors: InvalidTarget, ValidationError.
 */
function toTargetPlace(
  reader: Reader,
  group: TargetGroupRecord,
  target: elb.TargetDescription,
): { targetGroupArn: string; address: string; port: number; instanceId?: string } {
  const address = target.Id ?? "";
  if (group.targetType === "instance") return toInstanceTarget(reader, group, target);
  if (group.targetType === "alb") return toBalancerTarget(reader, group, target);
  const ip = parseIp(address);
  if (ip === undefined || formatIp(ip) !== address)
    throw new ApiError("InvalidTarget", `The IP address '${address}' is not a valid IPv4 address`);
  const port = target.Port ?? group.port;
  if (!Number.isInteger(port) || port < 1 || port > PORT_MAX)
    throw validation(`The port '${port}' must be between 1 and ${PORT_MAX}`);
  const vpc = reader.get("vpc", group.vpcId);
  const vpcCidrs = vpc === undefined ? [] : vpcBlocks(vpc);
  if (!isTargetAddress(address, vpcCidrs))
    throw new ApiError(
      "InvalidTarget",
      `The IP address '${address}' is neither in the VPC nor in the ranges 10.0.0.0/8, 100.64.0.0/10, ` +
        "172.16.0.0/12 and 192.168.0.0/16",
    );
  const isInside = isIn(address, vpcCidrs);
  const isEverywhere = target.AvailabilityZone === "all";
  if (isInside && isEverywhere)
    throw validation(
      `The IP address '${address}' is within the VPC, and cannot have its Availability Zone overridden to 'all'`,
    );
  if (!isInside && !isEverywhere)
    throw validation(
      `The Availability Zone is required for IP address '${address}' because it is not in the VPC`,
    );
  return { targetGroupArn: group.arn, address, port };
}

/** An application load balancer of the same VPC that has a listener on the port. Errors: InvalidTarget. */
function toBalancerTarget(
  reader: Reader,
  group: TargetGroupRecord,
  { Id: id = "", Port: port = group.port }: elb.TargetDescription,
): { targetGroupArn: string; address: string; port: number } {
  const balancer = within(reader.get("loadBalancer", id), group);
  if (balancer === undefined || balancer.type === "network")
    throw new ApiError("InvalidTarget", `Application Load Balancer '${id}' not found`);
  if (balancer.vpcId !== group.vpcId)
    throw new ApiError(
      "InvalidTarget",
      `Application Load Balancer '${id}' is not in the VPC '${group.vpcId}'`,
    );
  const listeners = reader.listBy("listener", "loadBalancer", id);
  if (port !== group.port || !listeners.some((listener) => listener.port === port))
    throw new ApiError(
      "InvalidTarget",
      `Application Load Balancer '${id}' does not have a listener on the port '${port}' of the target group`,
    );
  return { targetGroupArn: group.arn, address: id, port };
}
