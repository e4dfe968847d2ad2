import { keyOf, type MetricRead, type MetricStore, type MetricValues } from "@gantry/content";
import type { ActionRecord, FleetTraffic, Placed, Reader, ReportInterval } from "@gantry/state";
import type { ReportedDeployment } from "./reported-deployment.ts";

const MINUTE_MS = 60_000;
const STATISTICS = [
  { name: "RequestCount", statistics: ["Sum"] },
  { name: "HTTPCode_Target_5XX_Count", statistics: ["Sum"] },
  { name: "TargetConnectionErrorCount", statistics: ["Sum"] },
  { name: "TargetResponseTime", statistics: ["p50", "p99"] },
] as const;

/** What load balancers measured of a deployment's fleets, by the minute; nothing for minutes without requests. */
export async function measureIntervals(
  { store, metrics }: { readonly store: Reader; readonly metrics: Pick<MetricStore, "read"> },
  deployment: ReportedDeployment,
  time: { readonly from: number; readonly until: number },
): Promise<readonly ReportInterval[]> {
  const { groupArns: target } = deployment.target;
  const { groupArns: source } = deployment.source;
  const read = async (groups: readonly string[]) =>
    (await Promise.all(groups.map((group) => readGroup({ store, metrics }, deployment, group, time)))).flat();
  const [ofSource, ofTarget] = await Promise.all([read(source), read(target)]);
  const minutes = Math.round((time.until - time.from) / MINUTE_MS);
  return Array.from({ length: minutes }, (_, index): ReportInterval => {
    const from = time.from + index * MINUTE_MS;
    return {
      ...{ from, until: from + MINUTE_MS, weight: weightAt(store, deployment, from + MINUTE_MS) },
      source: source.length === 0 ? undefined : trafficAt(ofSource, from),
      target: trafficAt(ofTarget, from),
    };
  }).filter((each) => (each.source?.requests ?? 0) + (each.target?.requests ?? 0) > 0);
}

/** The target fleet's part of production traffic at a time, by the report's timeline. */
function weightAt(reader: Reader, { key, hasWeights }: ReportedDeployment, at: number): number | undefined {
  if (!hasWeights) return undefined;
  const timeline = reader.get("deploymentReport", key)?.timeline ?? [];
  const moved = timeline.findLast((event) => event.type === "traffic" && event.at < at);
  return moved?.type === "traffic" ? moved.production : 0;
}

/** One value for each metric of a group and load balancer. */
type GroupValues = readonly (MetricValues | undefined)[];

async function readGroup(
  { store, metrics }: { readonly store: Reader; readonly metrics: Pick<MetricStore, "read"> },
  { account, region }: Placed,
  group: string,
  time: { readonly from: number; readonly until: number },
): Promise<readonly GroupValues[]> {
  const TargetGroup = group.slice(group.lastIndexOf(":") + 1);
  return Promise.all(
    balancersOf(store, group).map(async (LoadBalancer) => {
      const reads = STATISTICS.map(({ name, statistics }): MetricRead => ({
        key: keyOf({
          ...{ account, region, namespace: "AWS/ApplicationELB", name },
          dimensions: { LoadBalancer, TargetGroup },
        }),
        ...{ unit: undefined, ...time, period: 60, statistics, perUnit: false },
      }));
      return (await metrics.read(reads)).map(([first]) => first);
    }),
  );
}

/** The load balancers that send requests to a target group, as their metrics name them: `app/NAME/ID`. */
function balancersOf(reader: Reader, group: string): readonly string[] {
  const leads = (actions: readonly ActionRecord[]) =>
    actions.some(
      (action) =>
        action.type === "forward" && action.targets.some((target) => target.targetGroupArn === group),
    );
  const arns = reader.list("listener").flatMap((listener) => {
    const rules = reader.listBy("rule", "listener", listener.arn);
    return leads(listener.defaultActions) || rules.some((rule) => leads(rule.actions))
      ? [listener.loadBalancerArn]
      : [];
  });
  return [...new Set(arns)].map((arn) => arn.slice(arn.indexOf("loadbalancer/") + "loadbalancer/".length));
}

function trafficAt(groups: readonly GroupValues[], at: number): FleetTraffic {
  const values = groups.map((group) =>
    group.flatMap((metric, index) => {
      const found = metric?.timestamps.indexOf(at) ?? -1;
      return (
        STATISTICS[index]?.statistics.map((_, column) =>
          metric === undefined || found < 0 ? Number.NaN : (metric.values[column]?.[found] ?? Number.NaN),
        ) ?? []
      );
    }),
  );
  const sum = (column: number) =>
    values.reduce(
      (total, each) => total + (Number.isNaN(each[column] ?? Number.NaN) ? 0 : (each[column] ?? 0)),
      0,
    );
  const most = (column: number) => {
    const known = values.map((each) => each[column] ?? Number.NaN).filter((value) => !Number.isNaN(value));
    return known.length === 0 ? undefined : Math.round(Math.max(...known) * 1_000_000) / 1_000;
  };
  return { requests: sum(0), errors: sum(1) + sum(2), p50Ms: most(3), p99Ms: most(4) };
}
