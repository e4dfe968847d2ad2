import { formatArn } from "@gantry/kernel";
import type {
  ElasticAddressRecord,
  InternetGatewayRecord,
  Reader,
  RouteTableRecord,
  SecurityGroupRecord,
  SubnetRecord,
  VpcRecord,
} from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { isIn, within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";

export function findVpc(reader: Reader, place: Place, id: string | undefined): VpcRecord {
  const vpc = within(reader.get("vpc", id), place);
  if (vpc === undefined) throw new ApiError("InvalidVpcID.NotFound", `The vpc ID '${id}' does not exist`);
  return vpc;
}

/** The VPC that an operation means when it names none. */
export function defaultVpcOf(reader: Reader, place: Place): VpcRecord | undefined {
  return reader.list("vpc").find((vpc) => isIn(vpc, place) && vpc.isDefault);
}

export function findSubnet(reader: Reader, place: Place, id: string | undefined): SubnetRecord {
  const subnet = within(reader.get("subnet", id), place);
  if (subnet === undefined)
    throw new ApiError("InvalidSubnetID.NotFound", `The subnet ID '${id}' does not exist`);
  return subnet;
}

export function findSecurityGroup(reader: Reader, place: Place, id: string | undefined): SecurityGroupRecord {
  const group = within(reader.get("securityGroup", id), place);
  if (group === undefined)
    throw new ApiError("InvalidGroup.NotFound", `The security group '${id}' does not exist`);
  return group;
}

/** A security group by its id, or by its name in the default VPC. */
export function securityGroupOf(
  reader: Reader,
  place: Place,
  named: { GroupId?: string | undefined; GroupName?: string | undefined },
): SecurityGroupRecord | undefined {
  if (named.GroupId !== undefined) return within(reader.get("securityGroup", named.GroupId), place);
  const vpc = defaultVpcOf(reader, place);
  return reader.list("securityGroup").find((each) => each.vpcId === vpc?.id && each.name === named.GroupName);
}

/** Errors: InvalidGroup.NotFound. */
export function findNamedGroup(
  reader: Reader,
  place: Place,
  input: { GroupId?: string | undefined; GroupName?: string | undefined },
): SecurityGroupRecord {
  const group = securityGroupOf(reader, place, input);
  if (group === undefined)
    throw new ApiError(
      "InvalidGroup.NotFound",
      input.GroupId === undefined
        ? `The security group '${input.GroupName}' does not exist in default VPC ` +
            `'${defaultVpcOf(reader, place)?.id ?? "none"}'`
        : `The security group '${input.GroupId}' does not exist`,
    );
  return group;
}

/** The default security group of a VPC: what an interface gets that names none. */
export function defaultSecurityGroup(reader: Reader, vpcId: string): SecurityGroupRecord | undefined {
  return reader.list("securityGroup").find((group) => group.vpcId === vpcId && group.name === "default");
}

/** The address of an association. */
export function associatedAddressOf(
  reader: Reader,
  place: Place,
  associationId: string | undefined,
): ElasticAddressRecord | undefined {
  if (associationId === undefined) return undefined;
  return reader
    .list("elasticAddress")
    .find((each) => isIn(each, place) && each.associationId === associationId);
}

/** The route table of an association. */
export function associatedRouteTableOf(
  reader: Reader,
  place: Place,
  associationId: string | undefined,
): RouteTableRecord | undefined {
  if (associationId === undefined) return undefined;
  return reader
    .list("routeTable")
    .find((each) => isIn(each, place) && each.associations.some(({ id }) => id === associationId));
}

export function subnetArnOf(subnet: SubnetRecord): string {
  return formatArn("ec2", subnet, `subnet/${subnet.id}`);
}

/** Whether the route table is the main one of its VPC. */
export function isMain(table: { associations: readonly { subnetId: string | undefined }[] }): boolean {
  return table.associations.some((association) => association.subnetId === undefined);
}

/** Errors: InvalidInternetGatewayID.NotFound. */
export function findInternetGateway(
  reader: Reader,
  place: Place,
  id: string | undefined,
): InternetGatewayRecord {
  const record = within(reader.get("internetGateway", id), place);
  if (record === undefined) throw missingInternetGateway(id);
  return record;
}

/** Errors: InvalidAllocationID.NotFound. */
export function findAddress(reader: Reader, place: Place, id: string | undefined): ElasticAddressRecord {
  const record = within(reader.get("elasticAddress", id), place);
  if (record === undefined) throw missingAddress(id);
  return record;
}

export const missingInternetGateway = (id: string | undefined): ApiError =>
  new ApiError("InvalidInternetGatewayID.NotFound", `The internetGateway ID '${id ?? ""}' does not exist`);

export const missingAddress = (id: string | undefined): ApiError =>
  new ApiError("InvalidAllocationID.NotFound", `The allocation ID '${id ?? ""}' does not exist`);

export const missingNatGateway = (id: string | undefined): ApiError =>
  new ApiError("NatGatewayNotFound", `NatGateway ${id ?? ""} was not found`);
