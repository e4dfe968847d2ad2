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
 * A client on this host has its loopback address, which means another host to a target: where targets see clients'
 * addresses, it gets the address that the VPC's router has for the host, as if it had come by the VPC's link.
 */
function renderHostClients(
  balancer: Balancer,
  { defaultAction }: BalancerListener,
  { preserving, options }: Context,
): readonly string[] {
  if (defaultAction.type !== "forward") return [];
  if (!defaultAction.targets.some(({ targetGroupArn }) => preserving.has(targetGroupArn))) return [];
  const address = options.hostAddressOf?.(balancer.vpcId);
  return address === undefined ? [] : [`  tcp-request connection set-src str(${address}) if ${FROM_HOST}`];
}

function renderFrontend(balancer: Balancer, listener: BalancerListener, context: Context): readonly string[] {
  const { folder } = context.options;
  const hostPort = context.options.hostPortOf(balancer, listener);
  const tls = listener.tls ? renderTls([{ balancer, listener }], context) : "";
  const clients = renderClients(balancer, listener, "clients");
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
      ...(hostPort === undefined ? [] : [`  bind 127.0.0.1:${hostPort}${tls}`]),
      `  timeout client ${listener.idleSeconds ?? IDLE_SECONDS}s`,
      ...clients.acls,
      ...(clients.test === undefined
        ? []
        : [`  tcp-request connection reject if ${FROM_HOST} ${clients.test}`]),
      ...renderHostClients(balancer, listener, context),
    ]),
    defaultAction.type === "forward"
      ? `  use_backend %[rand(${DICE_SIDES}),map_int(${folder}/${weights},${NETWORK_UNAVAILABLE_BACKEND})]`
      : `  default_backend ${NETWORK_UNAVAILABLE_BACKEND}`,
    "",
  ];
}
