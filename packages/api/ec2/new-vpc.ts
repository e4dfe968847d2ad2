import { present } from "@gantry/kernel";
import type { Transaction, VpcRecord } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { zonesOf } from "./zones.ts";

/** A VPC with what AWS makes along with it: a main route table and a default security group. */
export function insertVpc(
  tx: Transaction,
  deps: Ec2Deps,
  place: Place,
  options: { cidr: string; isDefault: boolean; tags: VpcRecord["tags"] },
): VpcRecord {
  const { ids } = deps;
  const where = { account: place.account, region: place.region };
  const vpc: VpcRecord = {
    ...where,
    id: `vpc-${ids.hex(17)}`,
    cidr: options.cidr,
    isDefault: options.isDefault,
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

/** The default VPC that every region of an account has: 172.31.0.0/16, a public /20 in each zone. Source: "Default VPCs", Amazon VPC User Guide. */
export function insertDefaultVpc(tx: Transaction, deps: Ec2Deps, place: Place): VpcRecord {
  const vpc = insertVpc(tx, deps, place, { cidr: "172.31.0.0/16", isDefault: true, tags: {} });
  const where = { account: place.account, region: place.region };
  for (const [index, availabilityZone] of zonesOf(place.region).entries()) {
    const id = `subnet-${deps.ids.hex(17)}`;
    tx.put("subnet", id, {
      ...where,
      id,
      vpcId: vpc.id,
      cidr: `172.31.${index * 16}.0/20`,
      availabilityZone,
      mapPublicIpOnLaunch: true,
      defaultForAz: true,
      tags: {},
    });
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
      if (tx.list("vpc").some((vpc) => isIn(vpc, place) && vpc.isDefault)) return;
      if (tx.next(key) === 1) insertDefaultVpc(tx, deps, place);
    });
    done.add(key);
  };
}
