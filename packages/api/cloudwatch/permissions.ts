import type * as sdk from "@aws-sdk/client-cloudwatch";
import type { ConditionContext } from "@gantry/iam";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { alarmArnOf, dashboardArnOf } from "./lookups.ts";

type Given = string | undefined;
interface AlarmInput {
  readonly AlarmName?: Given;
  readonly OKActions?: readonly string[] | undefined;
  readonly AlarmActions?: readonly string[] | undefined;
  readonly InsufficientDataActions?: readonly string[] | undefined;
  readonly Tags?: readonly sdk.Tag[] | undefined;
}

/** Source: Service Authorization Reference, Amazon CloudWatch. */
export function cloudWatchPermissions() {
  const alarm = (input: { readonly AlarmName?: Given }, place: Caller): readonly Need[] =>
    on(alarmArnOf(place, input.AlarmName));
  const alarms = (
    input: { readonly AlarmNames?: readonly string[] | undefined },
    place: Caller,
  ): readonly Need[] => on(...(input.AlarmNames ?? []).map((name) => alarmArnOf(place, name)));
  /** Operations that list alarms need the permission on all of them. */
  const anyAlarm = (_input: unknown, place: Caller): readonly Need[] => on(alarmArnOf(place, "*"));
  const putAlarm = (input: AlarmInput, place: Caller): readonly Need[] => {
    const resource = alarmArnOf(place, input.AlarmName);
    return [
      { resource, conditions: actionKeys(input) },
      ...tagOnCreate(input.Tags, { action: "cloudwatch:TagResource", resource }),
    ];
  };
  const tagged = (input: { readonly ResourceARN?: Given }): readonly Need[] => on(input.ResourceARN ?? "*");
  return {
    PutMetricAlarm: putAlarm,
    PutCompositeAlarm: putAlarm,
    DescribeAlarms: anyAlarm,
    DescribeAlarmsForMetric: "*",
    DescribeAlarmHistory: (input, place) =>
      input.AlarmName === undefined ? anyAlarm(input, place) : alarm(input, place),
    SetAlarmState: alarm,
    EnableAlarmActions: alarms,
    DisableAlarmActions: alarms,
    DeleteAlarms: alarms,

    PutMetricData: (input) => [
      { resource: "*", conditions: { "cloudwatch:namespace": input.Namespace ?? "" } },
    ],
    GetMetricStatistics: "*",
    GetMetricData: "*",
    ListMetrics: "*",

    PutDashboard: (input, place) => {
      const resource = dashboardArnOf(place, input.DashboardName);
      return [{ resource }, ...tagOnCreate(input.Tags, { action: "cloudwatch:TagResource", resource })];
    },
    GetDashboard: (input, place) => on(dashboardArnOf(place, input.DashboardName)),
    DeleteDashboards: (input, place) =>
      on(...(input.DashboardNames ?? []).map((name) => dashboardArnOf(place, name))),
    ListDashboards: "*",

    TagResource: tagged,
    UntagResource: tagged,
    ListTagsForResource: tagged,
  } satisfies PermissionTable<typeof sdk>;
}

function actionKeys(input: AlarmInput): ConditionContext {
  const actions = [
    ...(input.OKActions ?? []),
    ...(input.AlarmActions ?? []),
    ...(input.InsufficientDataActions ?? []),
  ];
  return actions.length === 0 ? {} : { "cloudwatch:AlarmActions": actions };
}
