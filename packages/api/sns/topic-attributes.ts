import { kmsKeyNamed, type Reader, type TopicRecord } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { invalid } from "./lookups.ts";

export type TopicAttributes = Readonly<Record<string, string>>;

const FEEDBACK = /^(?:HTTP|SQS|Lambda|Application|Firehose)(?:Success|Failure)FeedbackRoleArn$/;
const SAMPLES = /^(?:HTTP|SQS|Lambda|Application|Firehose)SuccessFeedbackSampleRate$/;
const WORDS: Readonly<Record<string, readonly string[]>> = {
  SignatureVersion: ["1", "2"],
  TracingConfig: ["PassThrough", "Active"],
  ContentBasedDeduplication: ["true", "false"],
  FifoThroughputScope: ["Topic", "MessageGroup"],
};
const FIFO_ONLY: ReadonlySet<string> = new Set(["ContentBasedDeduplication", "FifoThroughputScope"]);
const DISPLAY_NAME_MAX = 100;

/** The attributes after those that are given. An empty value removes. Errors: InvalidParameter. */
export function withAttributes(
  reader: Reader,
  topic: Place & Pick<TopicRecord, "attributes">,
  given: TopicAttributes,
): TopicAttributes {
  const next: Record<string, string> = { ...topic.attributes };
  for (const [name, value] of Object.entries(given)) {
    checkAttribute(reader, topic, name, value);
    if (value === "") delete next[name];
    else next[name] = value;
  }
  return next;
}

function checkAttribute(
  reader: Reader,
  topic: Place & Pick<TopicRecord, "attributes">,
  name: string,
  value: string,
): void {
  const isWrong = (reason: string) => invalid(`Attributes Reason: ${reason}`);
  if (FEEDBACK.test(name)) return;
  if (SAMPLES.test(name)) {
    if (value !== "" && !/^(?:\d{1,2}|100)$/.test(value)) throw isWrong(`${name}: must be between 0 and 100`);
    return;
  }
  const words = WORDS[name];
  if (words !== undefined) {
    if (FIFO_ONLY.has(name) && topic.attributes["FifoTopic"] !== "true")
      throw isWrong(`${name}: is for FIFO topics only`);
    if (value !== "" && !words.includes(value)) throw isWrong(`${name}: must be one of ${words.join(", ")}`);
    return;
  }
  switch (name) {
    case "DisplayName":
      if (value.length > DISPLAY_NAME_MAX) throw isWrong("DisplayName: must be at most 100 characters");
      return;
    case "KmsMasterKeyId":
      if (value !== "" && !value.endsWith("alias/aws/sns") && kmsKeyNamed(reader, topic, value) === undefined)
        throw isWrong(`KmsMasterKeyId: the key ${value} does not exist`);
      return;
    case "DeliveryPolicy":
      if (value !== "") checkJson(value, "DeliveryPolicy");
      return;
    default:
      throw invalid("AttributeName");
  }
}

/** Errors: InvalidParameter. */
export function checkJson(text: string, name: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Readonly<Record<string, unknown>>; // Checked just above.
  } catch {
    // Refused below.
  }
  throw invalid(`Attributes Reason: ${name}: failed to parse JSON.`);
}

/** The policy of a topic that has none of its own. */
export function defaultPolicy({ arn, account }: Pick<TopicRecord, "arn" | "account">): string {
  return JSON.stringify({
    Version: "2008-10-17",
    Id: "__default_policy_ID",
    Statement: [
      {
        Sid: "__default_statement_ID",
        Effect: "Allow",
        Principal: { AWS: "*" },
        Action: [
          ...["SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission"],
          ...["SNS:RemovePermission", "SNS:DeleteTopic", "SNS:Subscribe"],
          ...["SNS:ListSubscriptionsByTopic", "SNS:Publish"],
        ],
        Resource: arn,
        Condition: { StringEquals: { "AWS:SourceOwner": account } },
      },
    ],
  });
}

const RETRIES = {
  minDelayTarget: 20,
  maxDelayTarget: 20,
  numRetries: 3,
  numMaxDelayRetries: 0,
  numNoDelayRetries: 0,
  numMinDelayRetries: 0,
  backoffFunction: "linear",
};

/**
 * The delivery policy in effect, with AWS's defaults.
 * Source: SNS Developer Guide, "Creating an HTTP/S delivery policy".
 */
export function effectiveDeliveryPolicy(given: string | undefined): string {
  const http = given === undefined ? {} : (checkJson(given, "DeliveryPolicy")["http"] as object | undefined);
  return JSON.stringify({
    http: {
      defaultHealthyRetryPolicy: RETRIES,
      disableSubscriptionOverrides: false,
      defaultRequestPolicy: { headerContentType: "text/plain; charset=UTF-8" },
      ...http,
    },
  });
}
