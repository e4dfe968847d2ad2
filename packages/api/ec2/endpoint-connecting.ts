import {
  balancersOfService,
  customServiceName,
  endpointState,
  type EndpointServiceRecord,
  type Reader,
  type SubnetRecord,
  type VpcEndpointRecord,
} from "@gantry/state";
import { ApiError } from "./api-error.ts";

interface Chosen {
  readonly type: VpcEndpointRecord["type"];
  readonly own?: EndpointServiceRecord;
}

/**
 * How a new endpoint is connected to a customer's service. Errors: InvalidParameter where private DNS is asked for
 * and the service has no verified name, or has to accept the endpoint first.
 */
export function connectionOf(
  { own }: Chosen,
  privateDns: boolean | undefined,
): Pick<VpcEndpointRecord, "serviceId" | "needsAcceptance"> {
  if (own === undefined) return {};
  if (privateDns === true) {
    checkName(own);
    if (own.acceptanceRequired) throw notAccepted(own);
  }
  return { serviceId: own.id, needsAcceptance: own.acceptanceRequired };
}

/** Whether an endpoint that says nothing of private DNS has it: where its service can have it at once. */
export function hasPrivateDns({ type, own }: Chosen): boolean {
  if (own === undefined) return type === "Interface";
  return own.privateDns?.state === "verified" && !own.acceptanceRequired;
}

/** Errors: InvalidParameter where an endpoint of a customer's service cannot have private DNS. */
export function checkPrivateName(reader: Reader, endpoint: VpcEndpointRecord): void {
  if (endpoint.serviceId === undefined) return;
  const service = reader.get("endpointService", endpoint.serviceId);
  if (service === undefined)
    throw new ApiError(
      "InvalidServiceName",
      `The Vpc Endpoint Service '${endpoint.serviceName}' does not exist`,
    );
  checkName(service);
  if (endpointState(reader, endpoint) !== "available") throw notAccepted(service);
}

function checkName(service: EndpointServiceRecord): void {
  if (service.privateDns?.state !== "verified")
    throw new ApiError(
      "InvalidParameter",
      `Private DNS can't be enabled because the service ${customServiceName(service)} does not provide a ` +
        "private DNS name.",
    );
}

function notAccepted(service: EndpointServiceRecord): ApiError {
  return new ApiError(
    "InvalidParameter",
    "Private DNS can only be enabled after the endpoint connection is accepted by the owner of " +
      `${customServiceName(service)}.`,
  );
}

/**
 * Checks that a load balancer of the endpoint service is in the subnet's availability zone; services of AWS are in
 * every zone. Errors: InvalidParameter.
 */
export function checkZone(reader: Reader, endpoint: VpcEndpointRecord, subnet: SubnetRecord): void {
  const service = reader.get("endpointService", endpoint.serviceId);
  if (service === undefined) return;
  const isServed = balancersOfService(reader, service).some(({ zones }) =>
    zones.includes(subnet.availabilityZone),
  );
  if (!isServed)
    throw new ApiError(
      "InvalidParameter",
      `The VPC endpoint service ${customServiceName(service)} does not support the availability zone of the ` +
        `subnet: ${subnet.id}.`,
    );
}
