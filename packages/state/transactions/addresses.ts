import { cidrSize, formatIp, parseCidr, present, type Ids } from "@gantry/kernel";
import type { NetworkInterfaceRecord, SubnetRecord, Tags } from "../records.ts";
import type { Transaction } from "../store.ts";

/** All addresses of a subnet, or of the public pool, are in use. */
export class NoFreeAddressError extends Error {
  override readonly name = "NoFreeAddressError";
}

/**
 * AWS reserves the first four addresses and the last of each subnet. Source: Amazon VPC User Guide, "Subnet
 * sizing".
 */
const RESERVED_FIRST = 4;
const RESERVED_LAST = 1;

/** The number of free addresses in a subnet. */
export function freeAddressCount(tx: Pick<Transaction, "countBy" | "listBy">, subnet: SubnetRecord): number {
  const block = present(parseCidr(subnet.cidr), "A stored subnet's block is valid.");
  const own = tx.countBy("networkInterface", "subnet", subnet.id);
  const secondary = tx
    .listBy("networkInterface", "secondary", subnet.id)
    .reduce((count, eni) => count + (eni.secondaryIps?.length ?? 0), 0);
  return cidrSize(block) - RESERVED_FIRST - RESERVED_LAST - own - secondary;
}

/** Creates an interface with a unique address in the subnet, within one transaction. */
export function createInterface(
  tx: Transaction,
  ids: Ids,
  options: {
    subnet: SubnetRecord;
    securityGroups: readonly string[];
    type: NetworkInterfaceRecord["type"];
    description: string;
    owner: NetworkInterfaceRecord["owner"];
    nodeId: string | undefined;
    publicIp: string | undefined;
    now: number;
    tags?: Tags;
    /** A free address of the subnet; undefined: the next one. */
    privateIp?: string | undefined;
  },
): NetworkInterfaceRecord {
  const { subnet } = options;
  const privateIp = options.privateIp ?? nextFreeAddress(tx, subnet);
  const id = `eni-${ids.hex(17)}`;
  const record: NetworkInterfaceRecord = {
    id,
    account: subnet.account,
    region: subnet.region,
    vpcId: subnet.vpcId,
    subnetId: subnet.id,
    privateIp,
    mac: `02:${ids.hex(10).replace(/(..)(?=.)/g, "$1:")}`,
    securityGroups: options.securityGroups,
    publicIp: options.publicIp,
    type: options.type,
    description: options.description,
    owner: options.owner,
    nodeId: options.nodeId,
    ready: false,
    createdAt: options.now,
    tags: options.tags ?? {},
  };
  tx.put("networkInterface", id, record);
  return record;
}

/** The next free address of a subnet. Errors: NoFreeAddressError. */
export function nextFreeAddress(tx: Transaction, subnet: SubnetRecord): string {
  const block = present(parseCidr(subnet.cidr), "A stored subnet's block is valid.");
  const size = cidrSize(block);
  const usable = size - RESERVED_FIRST - RESERVED_LAST;
  // Round-robin from a counter, so that a released address is not reused immediately.
  const start = tx.next(`address/${subnet.id}`);
  const secondary = new Set(
    tx.listBy("networkInterface", "secondary", subnet.id).flatMap((eni) => eni.secondaryIps ?? []),
  );
  for (let step = 0; step < usable; step += 1) {
    const ip = formatIp(block.base + RESERVED_FIRST + ((start + step) % usable));
    if (!secondary.has(ip) && tx.countBy("networkInterface", "address", `${subnet.id}/${ip}`) === 0)
      return ip;
  }
  throw new NoFreeAddressError(
    `The subnet '${subnet.id}' does not have enough free addresses to satisfy the request.`,
  );
}

/** The pool of public addresses: RFC 2544's benchmark network, which is not routed, one /24 per instance. */
export function allocatePublicIp(tx: Transaction, pool: string): string {
  const block = present(parseCidr(pool), "The pool of public addresses is valid.");
  const used = new Set([
    ...tx.list("elasticAddress").map((address) => address.publicIp),
    ...tx.list("networkInterface").flatMap((eni) => (eni.publicIp === undefined ? [] : [eni.publicIp])),
  ]);
  const usable = cidrSize(block) - 2;
  const start = tx.next("public-address");
  for (let step = 0; step < usable; step += 1) {
    const ip = formatIp(block.base + 1 + ((start + step) % usable));
    if (!used.has(ip)) return ip;
  }
  throw new NoFreeAddressError("The maximum number of addresses has been reached.");
}
