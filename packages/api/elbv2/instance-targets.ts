import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Reader, TargetGroupRecord } from "@gantry/state";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import { validation } from "./validation.ts";

const PORT_MAX = 65_535;

/**
 * The address and port of an instance that is registered by its id: its primary private address.
 * Source: ELB User Guide, "Target type". Errors: InvalidTarget, ValidationError.
 */
export function toInstanceTarget(
  reader: Reader,
  group: TargetGroupRecord,
  { Id: id = "", Port: port = group.port }: elb.TargetDescription,
): { targetGroupArn: string; address: string; port: number; instanceId: string } {
  const instance = within(reader.get("ec2Instance", id), group);
  if (instance === undefined) throw new ApiError("InvalidTarget", `Instance ID '${id}' is not valid`);
  if (instance.vpcId !== group.vpcId)
    throw new ApiError(
      "InvalidTarget",
      `The following targets are not in the target group VPC '${group.vpcId}': '${id}'`,
    );
  const address = reader.get("networkInterface", instance.networkInterfaceId)?.privateIp;
  if (address === undefined || instance.state === "shutting-down" || instance.state === "terminated")
    throw new ApiError("InvalidTarget", `The following targets are not in a running state: '${id}'`);
  if (!Number.isInteger(port) || port < 1 || port > PORT_MAX)
    throw validation(`The port '${port}' must be between 1 and ${PORT_MAX}`);
  return { targetGroupArn: group.arn, address, port, instanceId: id };
}

/** The address of a target as it is named: by the id of an instance in a group of instances. */
export function addressOfTarget(
  reader: Reader,
  group: TargetGroupRecord,
  { Id: id = "" }: elb.TargetDescription,
): string {
  if (group.targetType !== "instance") return id;
  const target = reader.listBy("target", "group", group.arn).find((each) => each.instanceId === id);
  return target?.address ?? id;
}
