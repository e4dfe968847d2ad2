import { ApiError, type ErrorCode } from "./api-error.ts";

type Missing = (id: string | undefined) => ApiError;

/** The error for an id that names nothing, in EC2's words. */
function missing(code: ErrorCode, noun: string): Missing {
  return (id) => new ApiError(code, `The ${noun} ID '${id ?? ""}' does not exist`);
}

export const missingAcl = missing("InvalidNetworkAclID.NotFound", "networkAcl");
export const missingDhcpOptions = missing("InvalidDhcpOptionID.NotFound", "dhcpOption");
export const missingInterface = missing("InvalidNetworkInterfaceID.NotFound", "networkInterface");
export const missingPeering = missing("InvalidVpcPeeringConnectionID.NotFound", "vpcPeeringConnection");
export const missingPrefixList: Missing = (id) =>
  new ApiError("InvalidPrefixListID.NotFound", `The prefix list ID '${id ?? ""}' does not exist`);
export const missingEndpoint: Missing = (id) =>
  new ApiError("InvalidVpcEndpointId.NotFound", `The Vpc Endpoint Id '${id ?? ""}' does not exist`);
export const missingEndpointService: Missing = (id) =>
  new ApiError(
    "InvalidVpcEndpointServiceId.NotFound",
    `The VpcEndpointService Id '${id ?? ""}' does not exist`,
  );
export const missingNotification: Missing = (id) =>
  new ApiError("InvalidConnectionNotification", `The connection notification '${id ?? ""}' does not exist`);
export const missingFlowLog: Missing = (id) =>
  new ApiError("InvalidFlowLogId.NotFound", `The flow log '${id ?? ""}' does not exist`);
export const missingExclusion: Missing = (id) =>
  new ApiError(
    "InvalidVpcBlockPublicAccessExclusionId.NotFound",
    `The VPC Block Public Access exclusion ID '${id ?? ""}' does not exist`,
  );

/** A value that EC2 does not accept for a parameter. */
export function invalidValue(value: unknown, parameter: string, more = ""): ApiError {
  const text = `Value (${String(value)}) for parameter ${parameter} is invalid.`;
  return new ApiError("InvalidParameterValue", more === "" ? text : `${text} ${more}`);
}
