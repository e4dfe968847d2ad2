import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { formatArn, isIn } from "@gantry/kernel";
import {
  allocatePublicIp,
  chooseHost,
  createInterface,
  type LoadBalancerRecord,
  type NetworkInterfaceRecord,
  type Reader,
  type SubnetMappingRecord,
  type SubnetRecord,
  type Transaction,
} from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { defaultSecurityGroup } from "../ec2/lookups.ts";
import { ApiError } from "./api-error.ts";
import type { Elbv2Deps } from "./elbv2-deps.ts";
import { checkLoadBalancerQuota } from "./quotas.ts";
import { newTags } from "./tags.ts";
import { validation } from "./validation.ts";

/** Writes a load balancer and its interfaces, one in each subnet. Errors: as API_CreateLoadBalancer lists. */
export function insertLoadBalancer(
  tx: Transaction,
  deps: Elbv2Deps,
  place: Place,
  input: elb.CreateLoadBalancerInput,
): LoadBalancerRecord {
  const { ids, clock } = deps;
  const name = input.Name ?? "";
  const isNetwork = input.Type === "network";
  checkLoadBalancerQuota(tx, place, isNetwork ? "net" : "app");
  checkNameIsFree(tx, place, name);
  const subnets = toSubnets(tx, place, input, isNetwork);
  const { vpcId } = subnets[0];
  // A network load balancer has security groups only where it is created with some.
  const given = isNetwork ? (input.SecurityGroups ?? []) : input.SecurityGroups;
  const securityGroups = toSecurityGroups(tx, vpcId, given);
  const scheme = input.Scheme ?? "internet-facing";
  const open = tx.list("internetGateway").some((gateway) => gateway.vpcId === vpcId);
  if (scheme === "internet-facing" && !open)
    throw new ApiError("InvalidSubnet", `VPC ${vpcId} has no internet gateway`);
  const id = ids.hex(16);
  const kind = isNetwork ? "net" : "app";
  const arn = formatArn("elasticloadbalancing", place, `loadbalancer/${kind}/${name}/${id}`);
  const zones = subnets.map((subnet) => subnet.availabilityZone);
  const suffix = isNetwork ? id : ids.digits(10);
  const prefix = scheme === "internal" && !isNetwork ? "internal-" : "";
  const record: LoadBalancerRecord = {
    account: place.account,
    region: place.region,
    arn,
    name,
    ...(isNetwork ? { type: "network" } : {}),
    nodeId: chooseHost(tx, zones),
    dnsName: `${prefix}${name}-${suffix}.${place.region}.elb.localhost`,
    scheme,
    vpcId,
    subnetIds: subnets.map((subnet) => subnet.id),
    securityGroups,
    networkInterfaceIds: [],
    ...(isNetwork ? { mappings: toMappings(input.SubnetMappings) } : {}),
    attributes: {},
    state: "provisioning",
    hostPorts: {},
    createdAt: clock.now(),
    tags: newTags(input.Tags),
  };
  const enis = subnets.map((subnet) => insertInterface(tx, deps, record, subnet));
  const made = { ...record, networkInterfaceIds: enis.map((eni) => eni.id) };
  tx.put("loadBalancer", arn, made);
  return made;
}

/** Writes the interface of a load balancer in a subnet. Errors: AllocationIdNotFound, InvalidConfigurationRequest. */
export function insertInterface(
  tx: Transaction,
  { ids, clock, publicPool }: Elbv2Deps,
  balancer: LoadBalancerRecord,
  subnet: SubnetRecord,
): NetworkInterfaceRecord {
  const { arn, scheme, securityGroups, mappings } = balancer;
  const { allocationId, privateIp } = mappings?.[subnet.id] ?? {};
  const address = allocationId === undefined ? undefined : tx.get("elasticAddress", allocationId);
  if (allocationId !== undefined) {
    if (within(address, balancer) === undefined)
      throw new ApiError("AllocationIdNotFound", `The allocation IDs '${allocationId}' do not exist`);
    if (scheme === "internal")
      throw new ApiError(
        "InvalidConfigurationRequest",
        "Elastic IP addresses cannot be specified for internal load balancers",
      );
    if (address?.associationId !== undefined)
      throw new ApiError("ResourceInUse", `The allocation IDs '${allocationId}' are not available for use`);
  }
  if (privateIp !== undefined) checkPrivateAddress(tx, subnet, privateIp);
  const isPublic = scheme === "internet-facing";
  const eni = createInterface(tx, ids, {
    subnet,
    securityGroups,
    type: "interface",
    description: `ELB ${arn.slice(arn.indexOf(":loadbalancer/") + ":loadbalancer/".length)}`,
    owner: { type: "loadBalancer", key: arn },
    nodeId: balancer.nodeId,
    publicIp: isPublic ? (address?.publicIp ?? allocatePublicIp(tx, publicPool)) : undefined,
    privateIp,
    now: clock.now(),
  });
  if (address !== undefined)
    tx.put("elasticAddress", address.allocationId, {
      ...address,
      associationId: `eipassoc-${ids.hex(17)}`,
      networkInterfaceId: eni.id,
    });
  return eni;
}

function checkPrivateAddress(tx: Transaction, subnet: SubnetRecord, privateIp: string): void {
  if (!isIn(privateIp, [subnet.cidr]))
    throw new ApiError(
      "InvalidConfigurationRequest",
      `The private IPv4 address '${privateIp}' is not in the CIDR block of the subnet '${subnet.id}'`,
    );
  if (tx.countBy("networkInterface", "address", `${subnet.id}/${privateIp}`) > 0)
    throw new ApiError("InvalidConfigurationRequest", `The private IPv4 address '${privateIp}' is in use`);
}

/** The allocations and addresses that subnet mappings choose, by subnet. */
export function toMappings(
  given: readonly elb.SubnetMapping[] | undefined,
): Readonly<Record<string, SubnetMappingRecord>> {
  return Object.fromEntries(
    (given ?? []).map(({ SubnetId: id = "", AllocationId, PrivateIPv4Address }) => [
      id,
      { allocationId: AllocationId, privateIp: PrivateIPv4Address },
    ]),
  );
}

/** Errors: DuplicateLoadBalancerName. */
function checkNameIsFree(reader: Reader, place: Place, name: string): void {
  const existing = reader.list("loadBalancer", formatArn("elasticloadbalancing", place, "loadbalancer/"));
  if (existing.some((each) => each.name === name))
    throw new ApiError(
      "DuplicateLoadBalancerName",
      `A load balancer with the same name '${name}' exists, but with different settings`,
    );
}

/**
 * The subnets of a load balancer, of one VPC, each in a zone of its own; an application load balancer has two
 * at least.
 * Errors: SubnetNotFound, ValidationError, InvalidConfigurationRequest, InvalidSubnet.
 */
export function toSubnets(
  reader: Reader,
  place: Place,
  input: Pick<elb.CreateLoadBalancerInput, "Subnets" | "SubnetMappings">,
  isNetwork: boolean,
): readonly [SubnetRecord, ...SubnetRecord[]] {
  const mapped = (input.SubnetMappings ?? []).map((mapping) => mapping.SubnetId);
  const [first, ...others] = [...(input.Subnets ?? []), ...mapped].map((id) => {
    const subnet = within(reader.get("subnet", id), place);
    if (subnet === undefined) throw new ApiError("SubnetNotFound", `The subnet ID '${id}' does not exist`);
    return subnet;
  });
  const zones = new Set([first, ...others].map((subnet) => subnet?.availabilityZone));
  if (first === undefined && isNetwork) throw validation("At least one subnet must be specified");
  if (first === undefined || (zones.size < 2 && !isNetwork))
    throw validation("At least two subnets in two different Availability Zones must be specified");
  if (zones.size < others.length + 1)
    throw new ApiError(
      "InvalidConfigurationRequest",
      "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
    );
  if (others.some((subnet) => subnet.vpcId !== first.vpcId))
    throw new ApiError("InvalidSubnet", "All subnets must belong to the same VPC");
  return [first, ...others];
}

/** The given security groups, else the VPC's default one. Errors: InvalidSecurityGroup. */
export function toSecurityGroups(
  reader: Reader,
  vpcId: string,
  given: readonly string[] | undefined,
): readonly string[] {
  const fallback = defaultSecurityGroup(reader, vpcId);
  const groups = given ?? (fallback === undefined ? [] : [fallback.id]);
  for (const id of groups)
    if (reader.get("securityGroup", id)?.vpcId !== vpcId)
      throw new ApiError("InvalidSecurityGroup", `One or more security groups are invalid: ${id}`);
  return groups;
}
