import type { Reader, VpcEndpointRecord } from "@gantry/state";

/**
 * The interface endpoints of a VPC that its tasks' pulls from ECR go through: `api` for the token, `dkr` for images.
 * One without private DNS has a name that no image has. Source: Amazon ECR User Guide, "Amazon ECR interface VPC
 * endpoints (AWS PrivateLink)".
 */
export function pullEndpoints(reader: Reader, vpcId: string | undefined, region: string) {
  const find = (part: "api" | "dkr"): VpcEndpointRecord | undefined =>
    reader
      .list("vpcEndpoint")
      .find(
        (each) =>
          each.vpcId === vpcId &&
          each.privateDns &&
          each.serviceName === `com.amazonaws.${region}.ecr.${part}`,
      );
  return { api: find("api"), dkr: find("dkr") };
}

/** What policies see of a request that came through an endpoint. Source: IAM User Guide, "aws:SourceVpce". */
export function endpointKeys(endpoint: VpcEndpointRecord): Readonly<Record<string, string>> {
  return { "aws:SourceVpce": endpoint.id, "aws:SourceVpc": endpoint.vpcId };
}
