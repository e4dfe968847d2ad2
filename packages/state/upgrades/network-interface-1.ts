import type { Row } from "../record-row.ts";

/**
 * Network interface, version 0 to 1: the kind of the owner moves from the key's text to a separate member.
 */
export function upgradeNetworkInterfaceTo1(row: Row): readonly Row[] {
  // The format of version 0.
  const { ownerKey: key, ...record } = row.record as { readonly ownerKey: string; readonly type: string };
  return [{ ...row, record: { ...record, owner: { type: ownerType(key, record.type), key } } }];
}

function ownerType(key: string, interfaceType: string): string {
  if (interfaceType === "nat_gateway") return "natGateway";
  if (interfaceType === "efs") return "mountTarget";
  if (interfaceType === "warm") return "warmPool";
  if (key.includes(":task/")) return "task";
  return key.includes(":loadbalancer/") ? "loadBalancer" : "databaseInstance";
}
