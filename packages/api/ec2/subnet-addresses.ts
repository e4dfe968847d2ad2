import { cidrContains, parseCidr, parseIp, present } from "@gantry/kernel";
import type { SubnetRecord, Transaction } from "@gantry/state";
import { ApiError } from "./api-error.ts";

/**
 * The address that a request names, if it is free in the subnet. Errors: InvalidParameterValue for an address
 * outside the subnet, InvalidIPAddress.InUse.
 */
export function checkedAddress(
  tx: Transaction,
  subnet: SubnetRecord,
  ip: string | undefined,
): string | undefined {
  if (ip === undefined) return undefined;
  const base = parseIp(ip);
  const block = present(parseCidr(subnet.cidr), "A stored subnet's block is valid.");
  if (base === undefined || !cidrContains(block, { base, prefix: 32 }))
    throw new ApiError("InvalidParameterValue", "Address does not fall within the subnet's address range");
  if (base - block.base < 4 || base === block.base + 2 ** (32 - block.prefix) - 1)
    throw new ApiError("InvalidParameterValue", "Address is in subnet's reserved address range");
  if (tx.countBy("networkInterface", "address", `${subnet.id}/${ip}`) > 0 || isSecondary(tx, subnet, ip))
    throw new ApiError("InvalidIPAddress.InUse", `Address ${ip} is in use.`);
  return ip;
}

function isSecondary(tx: Transaction, subnet: SubnetRecord, ip: string): boolean {
  return tx
    .listBy("networkInterface", "secondary", subnet.id)
    .some((eni) => eni.secondaryIps?.includes(ip) === true);
}
