import { present } from "@gantry/kernel";
import type { SubnetRecord, Transaction, VpcRecord } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { insertDefaultDhcpOptions } from "./dhcp-options.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { zonesOf } from "./zones.ts";

/** A VPC with what AWS makes along with it: a main route table and a default security group. */
export function insertVpc(
  tx: Transaction,
  deps: Ec2Deps,
  place: Place,
  options: Pick<VpcRecord, "cidr" | "isDefault" | "tags" | "instanceTenancy">,
): VpcRecord {
  const { ids } = deps;
  const where = { account: place.account, region: place.region };
  const vpc: VpcRecord = {
    ...where,
    id: `vpc-${ids.hex(17)}`,
    cidr: options.cidr,
    isDefault: options.isDefault,
    ...(options.instanceTenancy === undefined ? {} : { instanceTenancy: options.instanceTenancy }),
    enableDnsSupport: true,
    enableDnsHostnames: options.isDefault,
    index: tx.next("vpc-index"),
    tags: options.tags,
  };
  tx.put("vpc", vpc.id, vpc);
  const tableId = `rtb-${ids.hex(17)}`;
  tx.put("routeTable", tableId, {
    ...where,
    id: tableId,
    vpcId: vpc.id,
    routes: [{ destination: vpc.cidr, target: { type: "local", id: "local" } }],
    associations: [{ id: `rtbassoc-${ids.hex(17)}`, subnetId: undefined }],
    tags: {},
  });
  insertDefaultAcl(tx, deps, vpc);
  const groupId = `sg-${ids.hex(17)}`;
  const rule = { protocol: "-1", fromPort: -1, toPort: -1, description: undefined };
  tx.put("securityGroup", groupId, {
    ...where,
    id: groupId,
    vpcId: vpc.id,
    name: "default",
    description: "default VPC security group",
    rules: [
      { ...rule, id: `sgr-${ids.hex(17)}`, direction: "ingress", cidr: undefined, groupId },
      { ...rule, id: `sgr-${ids.hex(17)}`, direction: "egress", cidr: "0.0.0.0/0", groupId: undefined },
    ],
    tags: {},
  });
  return vpc;
}

/** The default network ACL of a VPC, which allows everything. */
function insertDefaultAcl(tx: Transaction, { ids }: Ec2Deps, vpc: VpcRecord): void {
  const id = `acl-${ids.hex(17)}`;
  const all = { number: 100, protocol: "-1", action: "allow", cidr: "0.0.0.0/0" } as const;
  const entries = [false, true].map((egress) => ({ ...all, egress, fromPort: undefined, toPort: undefined }));
  const { account, region } = vpc;
  tx.put("networkAcl", id, { account, region, id, vpcId: vpc.id, isDefault: true, entries, tags: {} });
}

/** The default subnet of a zone in a default VPC. Source: API_CreateDefaultSubnet. */
export function defaultSubnet(
  { ids }: Ec2Deps,
  vpc: VpcRecord,
  zone: { readonly name: string; readonly cidr: string },
): SubnetRecord {
  return {
    account: vpc.account,
    region: vpc.region,
    id: `subnet-${ids.hex(17)}`,
    vpcId: vpc.id,
    cidr: zone.cidr,
    availabilityZone: zone.name,
    mapPublicIpOnLaunch: true,
    defaultForAz: true,
    tags: {},
  };
}

/**
 * The default VPC that every region of an account has: 172.31.0.0/16, a public /20 in each zone.
 * Source: "Default VPCs", Amazon VPC User Guide.
 */
export function insertDefaultVpc(tx: Transaction, deps: Ec2Deps, place: Place): VpcRecord {
  const vpc = insertVpc(tx, deps, place, { cidr: "172.31.0.0/16", isDefault: true, tags: {} });
  const where = { account: place.account, region: place.region };
  for (const [index, name] of zonesOf(place.region).entries()) {
    const subnet = defaultSubnet(deps, vpc, { name, cidr: `172.31.${index * 16}.0/20` });
    tx.put("subnet", subnet.id, subnet);
  }
  const gatewayId = `igw-${deps.ids.hex(17)}`;
  tx.put("internetGateway", gatewayId, { ...where, id: gatewayId, vpcId: vpc.id, tags: {} });
  const main = present(
    tx.list("routeTable").find((table) => table.vpcId === vpc.id),
    "A VPC has a main route table.",
  );
  tx.put("routeTable", main.id, {
    ...main,
    routes: [
      ...main.routes,
      { destination: "0.0.0.0/0", target: { type: "internet-gateway", id: gatewayId } },
    ],
  });
  return vpc;
}

/** Gives an account its default VPC in every region, once: one that was deleted stays deleted. */
export function defaultVpcMaker(deps: Ec2Deps): (place: { account: string; region: string }) => void {
  const done = new Set<string>();
  return (place) => {
    const key = `default-vpc/${place.account}/${place.region}`;
    if (done.has(key)) return;
    deps.store.transact((tx) => {
      insertDefaultDhcpOptions(tx, deps.ids, place);
      if (tx.list("vpc").some((vpc) => isIn(vpc, place) && vpc.isDefault)) return;
      if (tx.next(key) === 1) insertDefaultVpc(tx, deps, place);
    });
    done.add(key);
  };
}
