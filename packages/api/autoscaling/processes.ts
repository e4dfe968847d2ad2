import type * as sdk from "@aws-sdk/client-auto-scaling";
import type { AutoScalingGroupRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { validation } from "./api-error.ts";
import { TERMINATION_POLICIES } from "./group-spec.ts";
import { findGroup } from "./lookups.ts";

/** Source: EC2 Auto Scaling User Guide, "Types of processes". */
const PROCESSES = [
  "AZRebalance",
  "AddToLoadBalancer",
  "AlarmNotification",
  "HealthCheck",
  "InstanceRefresh",
  "Launch",
  "ReplaceUnhealthy",
  "ScheduledActions",
  "Terminate",
];
/** Source: API_EnableMetricsCollection. */
const METRICS = [
  "GroupMinSize",
  "GroupMaxSize",
  "GroupDesiredCapacity",
  "GroupInServiceInstances",
  "GroupPendingInstances",
  "GroupStandbyInstances",
  "GroupTerminatingInstances",
  "GroupTotalInstances",
];

/** Processes that can be suspended, metrics of groups, and the lists of what there is. */
export function processOperations(deps: ApiDeps) {
  return {
    SuspendProcesses: (input, context) =>
      changeGroup(deps, { input, context }, (group) => ({
        ...group,
        suspended: {
          ...group.suspended,
          ...Object.fromEntries(
            processesIn(input).map((name) => [name, `User suspended at ${timeOf(deps.clock.now())}`]),
          ),
        },
      })),
    ResumeProcesses: (input, context) =>
      changeGroup(deps, { input, context }, (group) => {
        const resumed = processesIn(input);
        const suspended = Object.entries(group.suspended).filter(([name]) => !resumed.includes(name));
        return { ...group, suspended: Object.fromEntries(suspended) };
      }),
    EnableMetricsCollection: (input, context) =>
      changeGroup(deps, { input, context }, (group) => ({
        ...group,
        metrics: [...new Set([...group.metrics, ...metricsIn(input.Metrics)])],
      })),
    DisableMetricsCollection: (input, context) =>
      changeGroup(deps, { input, context }, (group) => {
        const disabled = metricsIn(input.Metrics);
        return { ...group, metrics: group.metrics.filter((each) => !disabled.includes(each)) };
      }),
    DescribeScalingProcessTypes: () => ({ Processes: PROCESSES.map((ProcessName) => ({ ProcessName })) }),
    DescribeTerminationPolicyTypes: () => ({ TerminationPolicyTypes: [...TERMINATION_POLICIES] }),
    DescribeMetricCollectionTypes: () => ({
      Metrics: METRICS.map((Metric) => ({ Metric })),
      Granularities: [{ Granularity: "1Minute" }],
    }),
    DescribeAdjustmentTypes: () => ({
      AdjustmentTypes: ["ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"].map(
        (AdjustmentType) => ({ AdjustmentType }),
      ),
    }),
    DescribeAccountLimits: (_, context) => ({
      MaxNumberOfAutoScalingGroups: 500,
      MaxNumberOfLaunchConfigurations: 200,
      NumberOfAutoScalingGroups: deps.store
        .list("autoScalingGroup")
        .filter(({ account, region }) => account === context.account && region === context.region).length,
      NumberOfLaunchConfigurations: 0,
    }),
  } satisfies Implementation<typeof sdk>;
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** Errors: ValidationError. */
function changeGroup(
  { store }: ApiDeps,
  {
    input,
    context,
  }: {
    readonly input: { readonly AutoScalingGroupName?: string | undefined };
    readonly context: RequestContext;
  },
  change: (group: AutoScalingGroupRecord) => AutoScalingGroupRecord,
): object {
  store.transact((tx) => {
    const group = findGroup(tx, context, input.AutoScalingGroupName);
    tx.put("autoScalingGroup", group.arn, change(group));
  });
  return {};
}

/** All processes where none are named. Errors: ValidationError. */
function processesIn({ ScalingProcesses: names = [] }: sdk.ScalingProcessQuery): readonly string[] {
  const unknown = names.find((name) => !PROCESSES.includes(name));
  if (unknown !== undefined) throw validation(`${unknown} is not a valid process type.`);
  return names.length === 0 ? PROCESSES : names;
}

/** All metrics where none are named. Errors: ValidationError. */
function metricsIn(names: readonly string[] = []): readonly string[] {
  const unknown = names.find(
    (name) => !METRICS.includes(name) && !/^(?:Group|WarmPool|GroupAndWarmPool)\w+$/.test(name),
  );
  if (unknown !== undefined) throw validation(`${unknown} is not a valid metric.`);
  return names.length === 0 ? METRICS : names;
}
