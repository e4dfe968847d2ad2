import { formatArn } from "@gantry/kernel";
import type { Reader, TopicRecord, TopicSubscriptionRecord } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";

type Given = string | undefined;

/** Errors are InvalidParameter, as SNS phrases them. */
export function invalid(parameter: string): ApiError {
  return new ApiError("InvalidParameterException", `Invalid parameter: ${parameter}`);
}

export function topicArnOf(place: Place, name: Given): string {
  return formatArn("sns", place, name ?? "");
}

/** A topic of the call's region. Errors: NotFound, InvalidParameter for another region's. */
export function findTopic(reader: Reader, { region }: Place, arn: Given): TopicRecord {
  if (arn === undefined || !/^arn:aws:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}(?:\.fifo)?$/.test(arn))
    throw invalid("TopicArn");
  const topic = reader.get("topic", arn);
  if (topic === undefined || topic.region !== region)
    throw new ApiError("NotFoundException", "Topic does not exist");
  return topic;
}

/** A subscription of the caller's account. Errors: NotFound, InvalidParameter, AuthorizationError. */
export function findSubscription(
  reader: Reader,
  { region, account }: Place,
  arn: Given,
): TopicSubscriptionRecord {
  const parts = (arn ?? "").split(":").length;
  if (parts !== 7)
    throw invalid(`SubscriptionArn Reason: An ARN must have at least 6 elements, not ${parts}`);
  const subscription = reader.get("topicSubscription", arn);
  if (subscription === undefined || subscription.region !== region)
    throw new ApiError("NotFoundException", "Subscription does not exist");
  if (subscription.account !== account)
    throw new ApiError("AuthorizationErrorException", "The subscription belongs to another account.");
  return subscription;
}

export function isFifo({ attributes }: Pick<TopicRecord, "attributes">): boolean {
  return attributes["FifoTopic"] === "true";
}
