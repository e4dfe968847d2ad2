import type { Balancer, BalancerListener } from "@gantry/agent-protocol";
import { FROM_HOST } from "./actions.ts";
import { renderClients } from "./clients.ts";
import { renderConnectionLog } from "./connection-details.ts";
import { balancerName, frontendName } from "./names.ts";
import { keyOf } from "./parts.ts";
import { isLeftOut, mark, type Context } from "./render-context.ts";
import { DICE_SIDES, NETWORK_UNAVAILABLE_BACKEND, renderWeights, weightsName } from "./render-weights.ts";
import { renderTls, usableCertificates } from "./tls.ts";

/** Source: "Listeners for your Network Load Balancers", connection idle timeout. */
const IDLE_SECONDS = 350;
/**
 * Sockets of endpoints have these ids and following: their addresses are of other VPCs, whose blocks may be those
 * of the load balancer's own.
 */
const FIRST_ENDPOINT_ID = 10_000;
/** Matches a client that came through an endpoint of another VPC. */
const FROM_ENDPOINT = `{ so_id ge ${FIRST_ENDPOINT_ID} }`;

/**
 * Renders one frontend for each listener of a network load balancer: connections are passed on as they are, or
 * after TLS was terminated. Each connection selects a target group by the weights.
 */
export function renderNetworkFrontends(balancers: readonly Balancer[], context: Context): readonly string[] {
  return balancers.flatMap((balancer) =>
    balancer.listeners
      .filter((listener) => {
        if (isLeftOut(context, () => keyOf.listener(balancer, listener))) return false;
        return !listener.tls || usableCertificates(listener, context).length > 0;
      })
      .flatMap((listener) => renderFrontend(balancer, listener, context)),
  );
}

/**
 * Clients whose addresses mean another host to a target, where targets see clients' addresses. One on this host has
 * its loopback address: it gets the address that the VPC's router has for the host, as if it had come by the VPC's
 * link. One that came through an endpoint has an address of another VPC: it gets the load balancer's.
 * Source: User Guide for Network Load Balancers, "Client IP preservation": traffic by AWS PrivateLink.
 */
function renderForeignClients(
  balancer: Balancer,
  { defaultAction }: BalancerListener,
  { preserving, options }: Context,
): readonly string[] {
  if (defaultAction.type !== "forward") return [];
  if (!defaultAction.targets.some(({ targetGroupArn }) => preserving.has(targetGroupArn))) return [];
  const address = options.hostAddressOf?.(balancer.vpcId);
  const [own] = balancer.addresses;
  return [
    ...(address === undefined ? [] : [`  tcp-request connection set-src str(${address}) if ${FROM_HOST}`]),
    ...(own === undefined || (balancer.endpoints ?? []).length === 0
      ? []
      : [`  tcp-request connection set-src str(${own}) if ${FROM_ENDPOINT}`]),
  ];
}

function renderFrontend(balancer: Balancer, listener: BalancerListener, context: Context): readonly string[] {
  const { folder } = context.options;
  const hostPort = context.options.hostPortOf(balancer, listener);
  const tls = listener.tls ? renderTls([{ balancer, listener }], context) : "";
  const clients = renderClients(balancer, listener, "clients");
  const endpoints = (balancer.endpoints ?? []).filter(({ vpcId }) => context.options.namespaces.has(vpcId));
  const weights = `weights_${weightsName(balancer, listener, undefined, 0)}`;
  const { defaultAction } = listener;
  if (defaultAction.type === "forward") context.files[weights] = renderWeights(defaultAction, context.known);
  return [
    ...mark(context, () => keyOf.listener(balancer, listener), [
      `frontend ${frontendName(balancer, listener)}`,
      "  mode tcp",
      ...(listener.tls && balancer.logs?.access === true
        ? renderConnectionLog(balancerName(balancer.arn), listener.id ?? "-", listener.port)
        : ["  no log"]),
      ...balancer.addresses.map(
        (address) => `  bind ${address}:${listener.port} namespace ${balancer.vpcId}${tls}`,
      ),
      ...endpoints.map(
        ({ address, vpcId }, index) =>
          `  bind ${address}:${listener.port} namespace ${vpcId} id ${FIRST_ENDPOINT_ID + index}${tls}`,
      ),
      ...(hostPort === undefined ? [] : [`  bind 127.0.0.1:${hostPort}${tls}`]),
      `  timeout client ${listener.idleSeconds ?? IDLE_SECONDS}s`,
      ...clients.acls,
      ...(clients.test === undefined
        ? []
        : [
            `  tcp-request connection reject if ${FROM_HOST} ${clients.test}`,
            ...(endpoints.length > 0 && balancer.bindsEndpoints === true
              ? [`  tcp-request connection reject if ${FROM_ENDPOINT} ${clients.test}`]
              : []),
          ]),
      ...renderForeignClients(balancer, listener, context),
    ]),
    defaultAction.type === "forward"
      ? `  use_backend %[rand(${DICE_SIDES}),map_int(${folder}/${weights},${NETWORK_UNAVAILABLE_BACKEND})]`
      : `  default_backend ${NETWORK_UNAVAILABLE_BACKEND}`,
    "",
  ];
}
