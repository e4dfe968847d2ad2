import type { Reader, SecurityGroupRecord, SubnetRecord, VpcRecord } from "@gantry/state";
import { ApiError } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";

/** Whether the record belongs to the caller's account and region. */
export function isIn(record: { account: string; region: string } | undefined, place: Place): boolean {
  return record?.account === place.account && record.region === place.region;
}

export function findVpc(reader: Reader, place: Place, id: string | undefined): VpcRecord {
  const vpc = reader.get("vpc", id ?? "");
  if (vpc === undefined || !isIn(vpc, place))
    throw new ApiError("InvalidVpcID.NotFound", `The vpc ID '${id}' does not exist`);
  return vpc;
}

export function findSubnet(reader: Reader, place: Place, id: string | undefined): SubnetRecord {
  const subnet = reader.get("subnet", id ?? "");
  if (subnet === undefined || !isIn(subnet, place))
    throw new ApiError("InvalidSubnetID.NotFound", `The subnet ID '${id}' does not exist`);
  return subnet;
}

export function findSecurityGroup(reader: Reader, place: Place, id: string | undefined): SecurityGroupRecord {
  const group = reader.get("securityGroup", id ?? "");
  if (group === undefined || !isIn(group, place))
    throw new ApiError("InvalidGroup.NotFound", `The security group '${id}' does not exist`);
  return group;
}

/** The default security group of a VPC: what an interface gets that names none. */
export function defaultSecurityGroup(reader: Reader, vpcId: string): SecurityGroupRecord | undefined {
  return reader.list("securityGroup").find((group) => group.vpcId === vpcId && group.name === "default");
}
