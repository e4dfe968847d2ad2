/**
 * EC2 Auto Scaling: groups of instances, their policies, scheduled actions, lifecycle hooks and refreshes are records,
 * which the auto-scaling-group controller carries out. What is refused: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-auto-scaling";
import type { Handler, Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { paged, pagedBy, type PagedList, type PageWords } from "../common/paging.ts";
import { permissionsBy } from "../common/permissions.ts";
import { activityOperations } from "./activities.ts";
import { ApiError, refusing } from "./api-error.ts";
import { attachmentOperations } from "./attachments.ts";
import { groupOperations } from "./groups.ts";
import { hookOperations } from "./hooks.ts";
import { instanceOperations } from "./instances.ts";
import { REFUSED } from "./members.ts";
import { notificationOperations } from "./notifications.ts";
import { autoScalingPermissions } from "./permissions.ts";
import { policyOperations } from "./policies.ts";
import { processOperations } from "./processes.ts";
import { refreshOperations } from "./refreshes.ts";
import { scheduledActionOperations } from "./scheduled-actions.ts";
import { tagOperations } from "./tags.ts";

const WORDS: PageWords = {
  size: "MaxRecords",
  token: "NextToken",
  next: "NextToken",
  most: 100,
  invalidToken: () => new ApiError("InvalidNextToken", "The NextToken value is not valid."),
};

/** Source: the Describe operations that have MaxRecords and NextToken, API Reference. */
const LISTS = {
  DescribeAutoScalingGroups: pagedBy(WORDS, "AutoScalingGroupName"),
  DescribeAutoScalingInstances: pagedBy(WORDS, "InstanceId"),
  DescribeInstanceRefreshes: {
    ...WORDS,
    keyOf: ({ StartTime, InstanceRefreshId }) => backwards(StartTime, InstanceRefreshId),
  },
  DescribeLoadBalancers: pagedBy(WORDS, "LoadBalancerName"),
  DescribeLoadBalancerTargetGroups: pagedBy(WORDS, "LoadBalancerTargetGroupARN"),
  DescribeTrafficSources: pagedBy(WORDS, "Identifier"),
  DescribeNotificationConfigurations: {
    ...WORDS,
    keyOf: ({ AutoScalingGroupName, TopicARN, NotificationType }) =>
      [AutoScalingGroupName, TopicARN, NotificationType].map(String).join(" "),
  },
  DescribePolicies: pagedBy(WORDS, "PolicyARN"),
  DescribeScalingActivities: {
    ...WORDS,
    keyOf: ({ StartTime, ActivityId }) => backwards(StartTime, ActivityId),
  },
  DescribeScheduledActions: pagedBy(WORDS, "ScheduledActionARN"),
  DescribeTags: { ...WORDS, keyOf: ({ ResourceId, Key }) => `${String(ResourceId)} ${String(Key)}` },
} satisfies Partial<Record<keyof Implementation<typeof sdk>, PagedList>>;

/** A key that puts later times first. */
function backwards(time: unknown, id: unknown): string {
  return `${1e15 - (time instanceof Date ? time.getTime() : 0)} ${String(id)}`;
}

export function autoscalingService(deps: ApiDeps): ServiceModule {
  const operations = {
    ...groupOperations(deps),
    ...tagOperations(deps),
    ...instanceOperations(deps),
    ...activityOperations(deps),
    ...attachmentOperations(deps),
    ...processOperations(deps),
    ...notificationOperations(deps),
    ...hookOperations(deps),
    ...policyOperations(deps),
    ...scheduledActionOperations(deps),
    ...refreshOperations(deps),
  } satisfies Implementation<typeof sdk>;
  const pages: Readonly<Record<string, Handler>> = paged(operations, LISTS);
  return {
    sdk,
    operations: refusing(pages, REFUSED, "ValidationError"),
    permissions: permissionsBy("autoscaling", operations, autoScalingPermissions(deps.store)),
  };
}
