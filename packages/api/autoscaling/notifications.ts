import type * as sdk from "@aws-sdk/client-auto-scaling";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { validation } from "./api-error.ts";
import { findGroup, groupNamed, groupsOf } from "./lookups.ts";

/** Source: API_DescribeAutoScalingNotificationTypes. */
const TYPES = [
  "autoscaling:EC2_INSTANCE_LAUNCH",
  "autoscaling:EC2_INSTANCE_LAUNCH_ERROR",
  "autoscaling:EC2_INSTANCE_TERMINATE",
  "autoscaling:EC2_INSTANCE_TERMINATE_ERROR",
  "autoscaling:TEST_NOTIFICATION",
];

/** Notifications of groups to topics. Source: API_PutNotificationConfiguration and following. */
export function notificationOperations(deps: ApiDeps) {
  return {
    PutNotificationConfiguration: (input, context) => putNotification(deps, input, context),
    DeleteNotificationConfiguration: (input, context) => deleteNotification(deps, input, context),
    DescribeNotificationConfigurations: (input, context) => describeNotifications(deps, input, context),
    DescribeAutoScalingNotificationTypes: () => ({ AutoScalingNotificationTypes: [...TYPES] }),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: ValidationError. */
function putNotification(
  { store }: ApiDeps,
  input: sdk.PutNotificationConfigurationType,
  context: RequestContext,
): object {
  const { TopicARN: topic = "", NotificationTypes: types = [] } = input;
  if (!topic.startsWith(`arn:aws:sns:${context.region}:`)) throw validation(`Invalid Topic ARN: ${topic}`);
  const unknown = types.find((each) => !TYPES.includes(each));
  if (unknown !== undefined) throw validation(`"${unknown}" is not a valid Notification Type.`);
  store.transact((tx) => {
    const group = findGroup(tx, context, input.AutoScalingGroupName);
    const notifications = { ...group.notifications, [topic]: [...new Set(types)] };
    tx.put("autoScalingGroup", group.arn, { ...group, notifications });
  });
  return {};
}

function deleteNotification(
  { store }: ApiDeps,
  input: sdk.DeleteNotificationConfigurationType,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const group = findGroup(tx, context, input.AutoScalingGroupName);
    const notifications = Object.fromEntries(
      Object.entries(group.notifications).filter(([topic]) => topic !== input.TopicARN),
    );
    tx.put("autoScalingGroup", group.arn, { ...group, notifications });
  });
  return {};
}

function describeNotifications(
  { store }: ApiDeps,
  { AutoScalingGroupNames: names = [] }: sdk.DescribeNotificationConfigurationsType,
  context: RequestContext,
): sdk.DescribeNotificationConfigurationsAnswer {
  const groups =
    names.length === 0
      ? groupsOf(store, context)
      : names.flatMap((name) => groupNamed(store, context, name) ?? []);
  return {
    NotificationConfigurations: groups.flatMap(({ name, notifications }) =>
      Object.entries(notifications).flatMap(([TopicARN, types]) =>
        types.map((NotificationType) => ({ AutoScalingGroupName: name, TopicARN, NotificationType })),
      ),
    ),
  };
}
