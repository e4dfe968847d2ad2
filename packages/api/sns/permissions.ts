import type * as sdk from "@aws-sdk/client-sns";
import type { Reader } from "@gantry/state";
import { on, tagOnCreate, type Need, type PermissionTable } from "../common/permissions.ts";
import { topicArnOf } from "./lookups.ts";

type Given = string | undefined;

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SNS". */
export function snsPermissions(_store: Reader) {
  const topic = ({ TopicArn }: { TopicArn?: Given }): readonly Need[] => on(TopicArn ?? "*");
  const tagged = ({ ResourceArn }: { ResourceArn?: Given }): readonly Need[] => on(ResourceArn ?? "*");
  return {
    CreateTopic: ({ Name, Tags }, place) => {
      const resource = topicArnOf(place, Name);
      return [{ resource }, ...tagOnCreate(Tags, { action: "sns:TagResource", resource })];
    },
    DeleteTopic: topic,
    ListTopics: "*",
    GetTopicAttributes: topic,
    SetTopicAttributes: topic,
    AddPermission: topic,
    RemovePermission: topic,
    TagResource: tagged,
    UntagResource: tagged,
    ListTagsForResource: tagged,
    Subscribe: ({ TopicArn, Protocol = "", Endpoint = "" }) => [
      { resource: TopicArn ?? "*", conditions: { "sns:Protocol": Protocol, "sns:Endpoint": Endpoint } },
    ],
    /** The token is the permission: an endpoint confirms without a signature. */
    ConfirmSubscription: (input, { principal }) => (principal.type === "anonymous" ? [] : topic(input)),
    /** As above, by the ARN of the subscription. The operation checks who owns it. */
    Unsubscribe: (_input, { principal }) => (principal.type === "anonymous" ? [] : on("*")),
    ListSubscriptions: "*",
    ListSubscriptionsByTopic: topic,
    // The operation checks who owns the subscription.
    GetSubscriptionAttributes: "*",
    SetSubscriptionAttributes: "*",
    Publish: ({ TopicArn, TargetArn }) => on(TopicArn ?? TargetArn ?? "*"),
    PublishBatch: ({ TopicArn }) => [{ action: "sns:Publish", resource: TopicArn ?? "*" }],
  } satisfies PermissionTable<typeof sdk>;
}
