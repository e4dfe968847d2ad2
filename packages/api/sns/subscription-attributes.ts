import { parseArn } from "@gantry/kernel";
import {
  EventPatternError,
  parseEventPattern,
  type Reader,
  type TopicSubscriptionRecord,
} from "@gantry/state";
import { invalid } from "./lookups.ts";
import { checkJson } from "./topic-attributes.ts";

type Attributed = Pick<
  TopicSubscriptionRecord,
  "account" | "region" | "protocol" | "topicArn" | "attributes"
>;

/** Source: API_SetSubscriptionAttributes. The attributes after those that are given. Errors: InvalidParameter. */
export function subscriptionAttributes(
  reader: Reader,
  subscription: Attributed,
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const next: Record<string, string> = { ...subscription.attributes };
  for (const [name, value] of Object.entries(given)) {
    if (value !== "") checkAttribute(reader, subscription, name, value);
    if (value === "" || (name === "FilterPolicy" && value === "{}")) delete next[name];
    else next[name] = value;
  }
  if (next["FilterPolicy"] !== undefined) checkFilter(next["FilterPolicy"], next["FilterPolicyScope"]);
  return next;
}

function checkAttribute(reader: Reader, subscription: Attributed, name: string, value: string): void {
  switch (name) {
    case "RawMessageDelivery":
      if (value !== "true" && value !== "false")
        throw invalid("Attributes Reason: RawMessageDelivery: Invalid value. Must be true or false.");
      return;
    case "FilterPolicyScope":
      if (value !== "MessageAttributes" && value !== "MessageBody")
        throw invalid(
          "Attributes Reason: FilterPolicyScope: Invalid value. Must be MessageAttributes or MessageBody.",
        );
      return;
    case "FilterPolicy":
      return;
    case "DeliveryPolicy":
      if (subscription.protocol === "sqs")
        throw invalid("Attributes Reason: Delivery protocol [sqs] does not support DeliveryPolicy");
      checkJson(value, "DeliveryPolicy");
      return;
    case "RedrivePolicy":
      return checkRedrive(reader, subscription, value);
    default:
      throw invalid("AttributeName");
  }
}

/** Source: SNS Developer Guide, "Subscription filter policies", constraints. */
function checkFilter(policy: string, scope: string | undefined): void {
  const value = checkJson(policy, "FilterPolicy");
  if (
    scope !== "MessageBody" &&
    Object.entries(value).some(([key, each]) => key !== "$or" && !Array.isArray(each))
  )
    throw invalid(
      "FilterPolicy: Filter policy scope MessageAttributes does not support nested filter policy",
    );
  try {
    parseEventPattern(policy);
  } catch (thrown) {
    if (thrown instanceof EventPatternError) throw invalid(`FilterPolicy: ${thrown.message}`);
    throw thrown;
  }
}

/** Source: SNS Developer Guide, "Dead-letter queues": the queue has the subscription's account and region. */
function checkRedrive(reader: Reader, { account, region, topicArn }: Attributed, value: string): void {
  const target = checkJson(value, "RedrivePolicy")["deadLetterTargetArn"];
  const arn = typeof target === "string" ? parseArn(target) : undefined;
  if (arn?.service !== "sqs" || typeof target !== "string")
    throw invalid("RedrivePolicy: deadLetterTargetArn is an invalid arn");
  if (arn.account !== account || arn.region !== region)
    throw invalid("RedrivePolicy: deadLetterTargetArn must be of the subscription's account and region");
  if (topicArn.endsWith(".fifo") !== target.endsWith(".fifo"))
    throw invalid("RedrivePolicy: must use a dead-letter queue of the topic's type");
  if (reader.get("queue", target) === undefined)
    throw invalid(`RedrivePolicy: the queue ${target} does not exist`);
}
