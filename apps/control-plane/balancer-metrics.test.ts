import type { TrafficSample } from "@gantry/agent-protocol";
import type { Reader } from "@gantry/state";
import { expect, it } from "vitest";
import { balancerMetrics, hostMetrics } from "./balancer-metrics.ts";

const LB = "arn:aws:elasticloadbalancing:r:0:loadbalancer/app/web/1";
const TG = "arn:aws:elasticloadbalancing:r:0:targetgroup/web/2";
const forward = { type: "forward", targets: [{ targetGroupArn: TG, weight: 1 }], stickySeconds: undefined };

/**
 * One load balancer that forwards to one group with two healthy targets and one unhealthy target, in two
 * zones.
 */
const store = {
  get: (_kind: string, arn: string) =>
    arn === LB ? { arn: LB, account: "0", region: "r", vpcId: "vpc-1" } : undefined,
  list: (kind: string) =>
    kind === "loadBalancer"
      ? [{ arn: LB, account: "0", region: "r", vpcId: "vpc-1" }]
      : ["a", "b"].map((zone) => ({ id: `subnet-${zone}`, vpcId: "vpc-1", availabilityZone: `r${zone}` })),
  listBy: (kind: string) => {
    if (kind === "listener") return [{ arn: "listener", defaultActions: [forward] }];
    if (kind === "target")
      return [
        { state: "healthy", address: "10.0.0.5" },
        { state: "healthy", address: "10.0.1.5" },
        { state: "unhealthy", address: "10.0.0.5" },
      ];
    return [];
  },
  countBy: (_kind: string, _index: string, value: string) =>
    Number(["subnet-a/10.0.0.5", "subnet-b/10.0.1.5"].includes(value)),
} as unknown as Reader; // Only these fields are read.

const sample = (more: Partial<TrafficSample>): TrafficSample => ({
  balancer: LB,
  targetGroup: TG,
  target: "10.0.0.5",
  requests: 0,
  answered: [0, 0, 0, 0],
  generated: {},
  bytes: 0,
  connectionErrors: 0,
  latencies: [],
  ...more,
});
function metricsOf(...traffic: readonly TrafficSample[]) {
  const points = balancerMetrics(store, {
    type: "metrics",
    session: "s",
    sequence: 1,
    usage: [],
    at: 60_000,
    traffic,
  });
  const entries = points.map((point) => {
    const { AvailabilityZone: zone = "", TargetGroup: group = "" } = point.metric.dimensions;
    const where = [zone, group && "TG"].filter(Boolean).join(" ");
    return [`${point.metric.name} ${where}`.trim(), point.sample.sum] as const;
  });
  return { points, sums: Object.fromEntries(entries) };
}

it("counts requests by load balancer, target group and zone", () => {
  const { points, sums } = metricsOf(
    sample({ requests: 10, answered: [7, 0, 2, 1], bytes: 500 }),
    sample({ requests: 4, answered: [4, 0, 0, 0], bytes: 100, target: "10.0.1.5" }),
  );
  expect(sums).toMatchObject({
    RequestCount: 14,
    "RequestCount ra": 10,
    "RequestCount rb": 4,
    "RequestCount TG": 14,
    "RequestCount ra TG": 10,
    HTTPCode_Target_2XX_Count: 11,
    HTTPCode_Target_4XX_Count: 2,
    "HTTPCode_Target_5XX_Count TG": 1,
    ProcessedBytes: 600,
    "RequestCountPerTarget TG": 7,
  });
  expect(sums).not.toHaveProperty("HTTPCode_Target_3XX_Count");
  expect(points[0]?.metric).toMatchObject({
    account: "0",
    region: "r",
    namespace: "AWS/ApplicationELB",
    dimensions: { LoadBalancer: "app/web/1" },
  });
});

it("counts hosts by target group, as a whole and by zone", () => {
  const counts = hostMetrics(store, 60_000).map(({ metric, at, sample: { count, sum } }) => {
    expect([at, count]).toEqual([60_000, 1]);
    expect(metric.dimensions).toMatchObject({ LoadBalancer: "app/web/1", TargetGroup: "targetgroup/web/2" });
    return [metric.name, metric.dimensions["AvailabilityZone"], sum];
  });
  expect(counts).toEqual([
    ["HealthyHostCount", undefined, 2],
    ["UnHealthyHostCount", undefined, 1],
    ["HealthyHostCount", "ra", 1],
    ["UnHealthyHostCount", "ra", 1],
    ["HealthyHostCount", "rb", 1],
    ["UnHealthyHostCount", "rb", 0],
  ]);
});

it("counts responses of the load balancer and of targets separately", () => {
  const own = sample({ targetGroup: undefined, target: undefined, generated: { 301: 3, 404: 1 } });
  const failed = sample({ requests: 2, generated: { 502: 2 }, connectionErrors: 2 });
  expect(metricsOf(own, failed).sums).toMatchObject({
    RequestCount: 2,
    HTTPCode_ELB_3XX_Count: 3,
    HTTPCode_ELB_4XX_Count: 1,
    HTTPCode_ELB_5XX_Count: 2,
    HTTPCode_ELB_502_Count: 2,
    "TargetConnectionErrorCount TG": 2,
  });
});

it("counts connections by load balancer, as the proxy's counters have them", () => {
  const connections = { opened: 5, active: 3, bytes: 900 };
  const { sums } = metricsOf(sample({ targetGroup: undefined, target: undefined, connections }));
  expect(sums).toMatchObject({ NewConnectionCount: 5, ActiveConnectionCount: 3 });
  expect(Object.keys(sums).filter((name) => /Connection.* /.test(name))).toEqual([]);
});

it("has a sample of the response time for each request, in seconds", () => {
  const { points } = metricsOf(
    sample({ latencies: [5, 2, 20, 1] }),
    sample({ latencies: [5, 1], target: "10.0.1.5" }),
  );
  const time = points.find(({ metric }) => metric.name === "TargetResponseTime");
  expect(time?.unit).toBe("Seconds");
  expect(time?.sample).toMatchObject({ count: 4, min: 0.005, max: 0.02 });
  expect([...(time?.sample.values ?? [])]).toEqual([
    [0.005, 3],
    [0.02, 1],
  ]);
});

it("ignores load balancers without a record and agents that do not count requests", () => {
  expect(metricsOf(sample({ balancer: "unknown", requests: 1 })).sums).not.toHaveProperty("RequestCount");
  expect(balancerMetrics(store, { type: "metrics", session: "s", sequence: 1, usage: [] })).toEqual([]);
});
