import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { formatIp, isIn, isTargetAddress, parseIp } from "@gantry/kernel";
import type { Reader, TargetGroupRecord } from "@gantry/state";
import { ApiError } from "@gantry/wire";
import { validation } from "./validation.ts";

const PORT_MAX = 65_535;

/**
 * The address and port of a target: an address of the group's VPC or a private one, and no address of the platform's.
 * Source: API_TargetDescription and "Target type". Errors: InvalidTarget, ValidationError.
 */
export function toTargetPlace(
  reader: Reader,
  group: TargetGroupRecord,
  target: elb.TargetDescription,
): { targetGroupArn: string; address: string; port: number } {
  const address = target.Id ?? "";
  const ip = parseIp(address);
  if (ip === undefined || formatIp(ip) !== address)
    throw new ApiError("InvalidTarget", `The IP address '${address}' is not a valid IPv4 address`);
  const port = target.Port ?? group.port;
  if (!Number.isInteger(port) || port < 1 || port > PORT_MAX)
    throw validation(`The port '${port}' must be between 1 and ${PORT_MAX}`);
  const vpcCidr = reader.get("vpc", group.vpcId)?.cidr;
  const vpcCidrs = vpcCidr === undefined ? [] : [vpcCidr];
  if (!isTargetAddress(address, vpcCidrs))
    throw new ApiError(
      "InvalidTarget",
      `The IP address '${address}' is neither in the VPC nor in the ranges 10.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12 and 192.168.0.0/16`,
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
