import type { Reader, SubnetRecord, VpcEndpointRecord } from "@gantry/state";
import { DIRECT, type NetworkPath, type NetworkPathOf, type RelayOrigin } from "@gantry/wire";

/** Signing names of services whose endpoints have other names. */
const ENDPOINT_PARTS: Readonly<Record<string, readonly string[]>> = {
  ecr: ["ecr.api"],
  ecs: ["ecs", "ecs-agent", "ecs-telemetry"],
};

/**
 * Finds the VPC endpoint that a task's request comes through, fresh from the records: an interface endpoint
 * by the address that the task connected to, a gateway endpoint by the route table of the task's subnet. An
 * interface endpoint leads to its own service alone. A VPC with endpoints reaches other services only from
 * where it has a route out. A VPC without any reaches them all, which is an extension (SUPPORT.md). Source:
 * AWS PrivateLink Guide, "Gateway endpoints" and "Access AWS services".
 */
export function networkPaths(reader: Reader): NetworkPathOf {
  return (origin, { service, region }) => {
    if (origin === undefined) return DIRECT;
    const names = (ENDPOINT_PARTS[service] ?? [service]).map((part) => `com.amazonaws.${region}.${part}`);
    const [interfaceOf] = reader
      .listBy("networkInterface", "vpc", origin.vpcId)
      .filter((eni) => eni.type === "vpc_endpoint" && eni.privateIp === origin.destinationIp);
    const isServices = origin.destinationIp === SERVICES_ADDRESS;
    if (!isServices || interfaceOf !== undefined) {
      const endpoint = reader.get("vpcEndpoint", interfaceOf?.owner.key);
      return endpoint !== undefined && names.includes(endpoint.serviceName)
        ? through(endpoint, origin)
        : unreachable(`No endpoint at ${origin.destinationIp} leads to ${service} in ${region}.`);
    }
    const gateway = gatewayOf(reader, origin, names);
    if (gateway !== undefined) return through(gateway, origin);
    const hasEndpoints = reader.list("vpcEndpoint").some((each) => each.vpcId === origin.vpcId);
    return origin.hasExit || !hasEndpoints
      ? DIRECT
      : unreachable(`The VPC ${origin.vpcId} has neither a route out nor an endpoint for ${service}.`);
  };
}

/** The address of the AWS service names in every VPC. */
const SERVICES_ADDRESS = "169.254.170.10";

function unreachable(reason: string): NetworkPath {
  return { type: "unreachable", reason };
}

function through(endpoint: VpcEndpointRecord, origin: RelayOrigin): NetworkPath {
  return {
    type: "endpoint",
    endpointId: endpoint.id,
    policy: endpoint.policy,
    keys: {
      "aws:SourceVpce": endpoint.id,
      "aws:SourceVpc": endpoint.vpcId,
      "aws:VpcSourceIp": origin.sourceIp,
    },
  };
}

/** The gateway endpoint that the route table of the task's subnet leads to. */
function gatewayOf(
  reader: Reader,
  { vpcId, sourceIp }: RelayOrigin,
  names: readonly string[],
): VpcEndpointRecord | undefined {
  const candidates = reader
    .list("vpcEndpoint")
    .filter((each) => each.type === "Gateway" && each.vpcId === vpcId && names.includes(each.serviceName));
  if (candidates.length === 0) return undefined;
  const eni = reader
    .listBy("networkInterface", "vpc", vpcId)
    .find((each) => each.privateIp === sourceIp || each.secondaryIps?.includes(sourceIp) === true);
  const tableId = tableOf(reader, reader.get("subnet", eni?.subnetId));
  return candidates.find((each) => tableId !== undefined && each.routeTableIds.includes(tableId));
}

function tableOf(reader: Reader, subnet: SubnetRecord | undefined): string | undefined {
  if (subnet === undefined) return undefined;
  const tables = reader.list("routeTable").filter((table) => table.vpcId === subnet.vpcId);
  const of = (subnetId: string | undefined) =>
    tables.find((table) => table.associations.some((each) => each.subnetId === subnetId));
  return (of(subnet.id) ?? of(undefined))?.id;
}
