import type { Reader } from "@gantry/state";

/** Where each internet-facing load balancer's listeners answer on this host. */
export function loadBalancerStatus(
  reader: Reader,
): readonly { arn: string; dnsName: string; listeners: readonly { port: number; url: string }[] }[] {
  return reader.list("loadBalancer").map((balancer) => ({
    arn: balancer.arn,
    dnsName: balancer.dnsName,
    listeners: reader.listBy("listener", "loadBalancer", balancer.arn).flatMap((listener) => {
      const hostPort = balancer.hostPorts[String(listener.port)];
      if (hostPort === undefined) return [];
      const scheme = listener.protocol === "HTTPS" ? "https" : "http";
      const usual = hostPort === (scheme === "https" ? 443 : 80);
      return [{ port: listener.port, url: `${scheme}://${balancer.dnsName}${usual ? "" : `:${hostPort}`}/` }];
    }),
  }));
}
