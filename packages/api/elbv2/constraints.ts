import type { Constraints } from "@gantry/wire";

const PROTOCOLS = ["HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP", "GENEVE"];

/** Source: the service's model, Elastic Load Balancing API Reference. */
export const CONSTRAINTS: Constraints = {
  Port: { least: 1, most: 65_535 },
  Priority: { least: 1, most: 50_000 },
  Protocol: { oneOf: PROTOCOLS },
  HealthCheckProtocol: { oneOf: PROTOCOLS },
  HealthCheckPath: { shortest: 1, longest: 1_024 },
  HealthCheckIntervalSeconds: { least: 5, most: 300 },
  HealthCheckTimeoutSeconds: { least: 2, most: 120 },
  HealthyThresholdCount: { least: 2, most: 10 },
  UnhealthyThresholdCount: { least: 2, most: 10 },
  TargetType: { oneOf: ["instance", "ip", "lambda", "alb"] },
  Scheme: { oneOf: ["internet-facing", "internal"] },
  Type: { oneOf: ["application", "network", "gateway"] },
  IpAddressType: { oneOf: ["ipv4", "dualstack", "dualstack-without-public-ipv4", "ipv6"] },
  PageSize: { least: 1, most: 400 },
};
