import type * as ec2 from "@aws-sdk/client-ec2";
import { balancersOfService, endpointState, type Reader, type VpcEndpointRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { isIn } from "../common/place.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { notifyOf } from "./endpoint-notifications.ts";
import { findEndpointService } from "./endpoint-services.ts";
import { endpointConnectionFields } from "./filter-fields-network.ts";
import { applyFilters } from "./filters.ts";
import { missingEndpoint } from "./missing.ts";
import { dnsEntries } from "./present-endpoints.ts";

/** Decisions of the owner of an endpoint service. Source: API_AcceptVpcEndpointConnections and following. */
export function endpointConnectionOperations(deps: Ec2Deps) {
  return {
    AcceptVpcEndpointConnections: (input, context) => decide(deps, input, context, ACCEPT),
    RejectVpcEndpointConnections: (input, context) => decide(deps, input, context, REJECT),
    DescribeVpcEndpointConnections: (input, context) => describeConnections(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

interface Decision {
  readonly to: "available" | "rejected";
  readonly event: "Accept" | "Reject";
}
const ACCEPT: Decision = { to: "available", event: "Accept" };
/** An accepted endpoint can be rejected too. Source: AWS PrivateLink Guide, "Accept or reject connection requests". */
const REJECT: Decision = { to: "rejected", event: "Reject" };

/** Accepts or rejects endpoints; one that is already as it is asked for stays so. */
function decide(
  deps: Ec2Deps,
  input: ec2.AcceptVpcEndpointConnectionsRequest,
  context: RequestContext,
  { to, event }: Decision,
): ec2.AcceptVpcEndpointConnectionsResult {
  const Unsuccessful = deps.store.transact((tx) => {
    const service = findEndpointService(tx, context, input.ServiceId);
    const given = [...new Set(input.VpcEndpointIds)];
    const endpoints = given.flatMap((id) => endpointOf(tx, service.id, id) ?? []);
    const changed = endpoints.filter((endpoint) => endpointState(tx, endpoint) !== to);
    const kept = Object.entries(service.decisions).filter(([id]) => tx.get("vpcEndpoint", id) !== undefined);
    const decisions = {
      ...Object.fromEntries(kept),
      ...Object.fromEntries(changed.map(({ id }) => [id, to])),
    };
    tx.put("endpointService", service.id, { ...service, decisions });
    for (const endpoint of changed) notifyOf(tx, deps, endpoint, event);
    return given
      .filter((id) => !endpoints.some((endpoint) => endpoint.id === id))
      .map((id): ec2.UnsuccessfulItem => {
        const { code, message } = missingEndpoint(id);
        return { ResourceId: id, Error: { Code: code, Message: message } };
      });
  });
  return { Unsuccessful };
}

function endpointOf(reader: Reader, serviceId: string, id: string): VpcEndpointRecord | undefined {
  const endpoint = reader.get("vpcEndpoint", id);
  return endpoint?.serviceId === serviceId ? endpoint : undefined;
}

function describeConnections(
  { store }: Ec2Deps,
  input: ec2.DescribeVpcEndpointConnectionsRequest,
  context: RequestContext,
): ec2.DescribeVpcEndpointConnectionsResult {
  const all = store
    .list("vpcEndpoint")
    .filter(({ serviceId }) => isIn(store.get("endpointService", serviceId), context))
    .map((endpoint) => ({ ...endpoint, tags: {} }));
  return {
    VpcEndpointConnections: applyFilters(all, input.Filters, endpointConnectionFields(store)).map(
      (endpoint) => presentConnection(store, endpoint),
    ),
  };
}

function presentConnection(reader: Reader, endpoint: VpcEndpointRecord): ec2.VpcEndpointConnection {
  const service = reader.get("endpointService", endpoint.serviceId);
  const balancers = service === undefined ? [] : balancersOfService(reader, service);
  return {
    ServiceId: endpoint.serviceId,
    VpcEndpointId: endpoint.id,
    VpcEndpointOwner: endpoint.account,
    VpcEndpointState: endpointState(reader, endpoint) as ec2.State, // EC2 writes it in lower case.
    VpcEndpointRegion: endpoint.region,
    // Derived, so that a connection has one id for as long as its endpoint exists.
    VpcEndpointConnectionId: endpoint.id.replace(/^vpce-/, "vpce-con-"),
    CreationTimestamp: new Date(endpoint.createdAt),
    DnsEntries: dnsEntries(endpoint, reader),
    NetworkLoadBalancerArns: balancers.map(({ balancer }) => balancer.arn),
    IpAddressType: "ipv4",
    Tags: [],
  };
}
