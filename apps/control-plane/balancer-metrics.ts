import type { ToControlPlane, TrafficSample } from "@gantry/agent-protocol";
import type { MetricPoint, Sample } from "@gantry/content";
import type { LoadBalancerRecord, Reader, TargetRecord } from "@gantry/state";
import { MetricSet, once } from "./metric-set.ts";

type Batch = Extract<ToControlPlane, { type: "metrics" }>;

/**
 * The combinations of dimension names to publish. Source: "CloudWatch metrics for your Application Load
 * Balancer".
 */
type Names = readonly ("LoadBalancer" | "TargetGroup" | "AvailabilityZone")[];
const BALANCER: readonly Names[] = [["LoadBalancer"], ["AvailabilityZone", "LoadBalancer"]];
const GROUP: readonly Names[] = [
  ["LoadBalancer", "TargetGroup"],
  ["AvailabilityZone", "LoadBalancer", "TargetGroup"],
];
const BOTH: readonly Names[] = [...BALANCER, ...GROUP];

/** The metrics of one load balancer in one minute. */
class Points {
  readonly #at: number;
  readonly #applications = new MetricSet("AWS/ApplicationELB");
  readonly #networks = new MetricSet("AWS/NetworkELB");

  constructor(at: number) {
    this.#at = at;
  }

  get all(): readonly MetricPoint[] {
    return [...this.#applications.points, ...this.#networks.points];
  }

  /** Adds to the metric under each set of names whose dimensions are all known. */
  add(
    place: Pick<LoadBalancerRecord, "account" | "region" | "type">,
    metric: { readonly name: string; readonly unit: string; readonly sets: readonly Names[] },
    known: Readonly<Record<string, string | undefined>>,
    sample: Sample,
  ): void {
    for (const names of metric.sets) {
      const entries = names.map((name) => [name, known[name]] as const);
      if (entries.some(([, value]) => value === undefined)) continue;
      const dimensions = Object.fromEntries(entries) as Record<string, string>; // All are known.
      const set = place.type === "network" ? this.#networks : this.#applications;
      set.add(place, metric, dimensions, { at: this.#at, sample });
    }
  }
}

/**
 * AWS/ApplicationELB and AWS/NetworkELB metrics of one minute, as counted by a node's proxy.
 * A count is one sample whose sum is the count; a response time is a sample for each request.
 * Source: Elastic Load Balancing, "CloudWatch metrics for your Application Load Balancer".
 */
export function balancerMetrics(store: Reader, { traffic = [], at }: Batch): readonly MetricPoint[] {
  if (at === undefined) return [];
  const points = new Points(at);
  for (const sample of traffic) addTraffic(store, points, sample);
  return points.all;
}

/**
 * The metrics of the number of healthy targets according to the records, in the minute that
 * begins at `at` (ms).
 */
export function hostMetrics(store: Reader, at: number): readonly MetricPoint[] {
  const points = new Points(at);
  for (const balancer of store.list("loadBalancer")) addHosts(store, points, balancer);
  return points.all;
}

function addTraffic(store: Reader, points: Points, sample: TrafficSample): void {
  const balancer = store.get("loadBalancer", sample.balancer);
  if (balancer === undefined) return;
  const known = {
    LoadBalancer: nameIn(balancer.arn, "loadbalancer/"),
    TargetGroup: sample.targetGroup && nameIn(sample.targetGroup, ""),
    AvailabilityZone: zoneOf(store, balancer, sample.target),
  };
  const count = (name: string, value: number, sets: readonly Names[], unit = "Count"): void => {
    if (value > 0) points.add(balancer, { name, unit, sets }, known, once(value));
  };
  if (sample.connections !== undefined) addConnections(points, balancer, sample.connections);
  count("RequestCount", sample.requests, BOTH);
  count("ProcessedBytes", sample.bytes, BALANCER, "Bytes");
  count("TargetConnectionErrorCount", sample.connectionErrors, BOTH);
  for (const [index, value] of sample.answered.entries())
    count(`HTTPCode_Target_${index + 2}XX_Count`, value, BOTH);
  for (const [status, value] of Object.entries(sample.generated)) {
    count(`HTTPCode_ELB_${status.charAt(0)}XX_Count`, value, BALANCER);
    if (["500", "502", "503", "504"].includes(status)) count(`HTTPCode_ELB_${status}_Count`, value, BALANCER);
  }
  const healthy = sample.targetGroup === undefined ? 0 : healthyOf(targetsOf(store, sample.targetGroup));
  if (healthy > 0) count("RequestCountPerTarget", sample.requests / healthy, [["TargetGroup"], ...GROUP]);
  const times = responseTimes(sample.latencies);
  if (times !== undefined)
    points.add(balancer, { name: "TargetResponseTime", unit: "Seconds", sets: BOTH }, known, times);
}

/** Source: as above, and "CloudWatch metrics for your Network Load Balancer". */
function addConnections(
  points: Points,
  balancer: LoadBalancerRecord,
  { opened, active, bytes }: NonNullable<TrafficSample["connections"]>,
): void {
  const known = { LoadBalancer: nameIn(balancer.arn, "loadbalancer/") };
  const add = (name: string, unit: string, value: number): void =>
    points.add(balancer, { name, unit, sets: [["LoadBalancer"]] }, known, once(value));
  if (balancer.type !== "network") {
    add("ActiveConnectionCount", "Count", active);
    add("NewConnectionCount", "Count", opened);
    return;
  }
  add("ActiveFlowCount", "Count", active);
  add("NewFlowCount", "Count", opened);
  add("ProcessedBytes", "Bytes", bytes);
}

/** Latencies in ms, each followed by the number of times it was measured. */
function responseTimes(latencies: readonly number[]): Sample | undefined {
  const values = new Map<number, number>();
  let [count, sum, min, max] = [0, 0, Infinity, 0];
  for (let index = 0; index + 1 < latencies.length; index += 2) {
    const [seconds, times] = [(latencies[index] ?? 0) / 1_000, latencies[index + 1] ?? 0];
    values.set(seconds, (values.get(seconds) ?? 0) + times);
    count += times;
    sum += seconds * times;
    min = Math.min(min, seconds);
    max = Math.max(max, seconds);
  }
  return count === 0 ? undefined : { count, sum, min, max, values };
}

function addHosts(store: Reader, points: Points, balancer: LoadBalancerRecord): void {
  for (const arn of groupsOf(store, balancer)) {
    const targets = targetsOf(store, arn);
    const known = { LoadBalancer: nameIn(balancer.arn, "loadbalancer/"), TargetGroup: nameIn(arn, "") };
    const add = (of: readonly TargetRecord[], names: Names, zone?: string): void => {
      const count = (name: string, value: number): void =>
        points.add(
          balancer,
          { name, unit: "Count", sets: [names] },
          { ...known, AvailabilityZone: zone },
          once(value),
        );
      count("HealthyHostCount", healthyOf(of));
      count("UnHealthyHostCount", of.filter(({ state }) => state === "unhealthy").length);
    };
    if (targets.length === 0) continue;
    add(targets, ["LoadBalancer", "TargetGroup"]);
    const byZone = Map.groupBy(targets, (target) => zoneOf(store, balancer, target.address));
    for (const [zone, own] of byZone)
      if (zone !== undefined) add(own, ["AvailabilityZone", "LoadBalancer", "TargetGroup"], zone);
  }
}

function groupsOf(store: Reader, balancer: LoadBalancerRecord): ReadonlySet<string> {
  const listeners = store.listBy("listener", "loadBalancer", balancer.arn);
  const rules = listeners.flatMap((listener) => store.listBy("rule", "listener", listener.arn));
  const actions = [
    ...listeners.flatMap(({ defaultActions }) => defaultActions),
    ...rules.flatMap((rule) => rule.actions),
  ];
  return new Set(
    actions.flatMap((action) =>
      action.type === "forward" ? action.targets.map(({ targetGroupArn }) => targetGroupArn) : [],
    ),
  );
}

function targetsOf(store: Reader, group: string): readonly TargetRecord[] {
  return store.listBy("target", "group", group);
}

function healthyOf(targets: readonly TargetRecord[]): number {
  return targets.filter(({ state }) => state === "healthy").length;
}

/**
 * The zone of the subnet that contains a target's address; undefined where no subnet of the load balancer's
 * VPC does.
 */
function zoneOf(
  store: Reader,
  balancer: LoadBalancerRecord,
  address: string | undefined,
): string | undefined {
  if (address === undefined) return undefined;
  const subnets = store.list("subnet").filter(({ vpcId }) => vpcId === balancer.vpcId);
  return subnets.find((subnet) => store.countBy("networkInterface", "address", `${subnet.id}/${address}`) > 0)
    ?.availabilityZone;
}

/** The last part of an ARN, as CloudWatch dimensions use it. */
function nameIn(arn: string, prefix: string): string {
  const resource = arn.split(":").slice(5).join(":");
  return resource.startsWith(prefix) ? resource.slice(prefix.length) : resource;
}
