/** The address at which a VPC's tasks reach the AWS service names; not part of any subnet. */
export const SERVICES_ADDRESS = "169.254.170.10";
/**
 * The address at which ECS tasks expect metadata and credentials. Source: Amazon ECS task metadata endpoint
 * version 4.
 */
export const METADATA_ADDRESS = "169.254.170.2";
/**
 * The address at which instances read their metadata. Source: EC2 User Guide, "Access instance metadata for an
 * EC2 instance".
 */
export const INSTANCE_METADATA_ADDRESS = "169.254.169.254";
/** The port of the host's end of a VPC's link that answers instances. */
export const METADATA_PORT = 8_081;
/** The block from which the links between the host and the routers take their /30. */
export const TRANSIT_BLOCK = "100.64.0.0/16";

/** Addresses of the link between the host and a VPC's router. */
export interface Transit {
  readonly hostAddress: string;
  readonly routerAddress: string;
}
