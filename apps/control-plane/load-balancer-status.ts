import type { Reader } from "@gantry/state";

interface LoadBalancerStatus {
  readonly arn: string;
  readonly dnsName: string;
  readonly state: string;
  /** The part of the configuration that an impaired load balancer omits, and the reason. */
  readonly reason: string | undefined;
  readonly listeners: readonly { readonly port: number; readonly url: string }[];
}

/**
 * The state of each load balancer, and the addresses on this host at which the listeners of internet-facing
 * ones answer.
 */
export function loadBalancerStatus(reader: Reader): readonly LoadBalancerStatus[] {
  return reader.list("loadBalancer").map((balancer) => ({
    arn: balancer.arn,
    dnsName: balancer.dnsName,
    state: balancer.state,
    reason: balancer.stateReason,
    listeners: reader.listBy("listener", "loadBalancer", balancer.arn).flatMap((listener) => {
      const hostPort = balancer.hostPorts[String(listener.port)];
      if (hostPort === undefined) return [];
      const { protocol } = listener;
      const isHttp = protocol === "HTTP" || protocol === "HTTPS";
      const scheme = protocol.toLowerCase();
      if (!isHttp) return [{ port: listener.port, url: `${scheme}://${balancer.dnsName}:${hostPort}` }];
      const usual = hostPort === (scheme === "https" ? 443 : 80);
      return [{ port: listener.port, url: `${scheme}://${balancer.dnsName}${usual ? "" : `:${hostPort}`}/` }];
    }),
  }));
}
