import { isObject } from "@gantry/kernel";
import type { TopicRecord, TopicSubscriptionRecord } from "@gantry/state";

/** When deliveries are tried again, in ms. */
export interface RetrySchedule {
  /** How long to wait after so many failed attempts; undefined where there are no further ones. */
  waitMs(attempts: number): number | undefined;
}

/** Source: SNS Developer Guide, "Amazon SNS message delivery retries": SQS, 100,015 attempts over 23 days. */
const SQS_LAST = 100_015;
const SQS: RetrySchedule = {
  waitMs(attempts) {
    if (attempts >= SQS_LAST) return undefined;
    if (attempts <= 3) return 0;
    if (attempts <= 5) return 1_000;
    return attempts <= 15 ? Math.min(20_000, 1_000 * 1.35 ** (attempts - 5)) : 20_000;
  },
};

/** As `DeliveryPolicy` names them. Source: SNS Developer Guide, "Creating an HTTP/S delivery policy". */
const HTTP = {
  numRetries: 3,
  numNoDelayRetries: 0,
  numMinDelayRetries: 0,
  numMaxDelayRetries: 0,
  minDelayTarget: 20,
  maxDelayTarget: 20,
};
type HttpRetries = typeof HTTP;
const RETRIES_MAX = 100;
const DELAY_MAX_S = 3_600;

/** The retries of a subscription's deliveries: those of its own policy, else its topic's, else AWS's. */
export function retriesOf(
  topic: TopicRecord | undefined,
  { protocol, attributes }: TopicSubscriptionRecord,
): RetrySchedule {
  if (protocol === "sqs") return SQS;
  const ofTopic = memberOf(parsed(topic?.attributes["DeliveryPolicy"]), "http");
  const own = memberOf(parsed(attributes["DeliveryPolicy"]), "healthyRetryPolicy");
  const isOverridden = memberOf(ofTopic, "disableSubscriptionOverrides") === true;
  const given = isOverridden || own === undefined ? memberOf(ofTopic, "defaultHealthyRetryPolicy") : own;
  return httpSchedule({
    ...HTTP,
    ...Object.fromEntries(
      Object.entries(isObject(given) ? given : {}).filter(([, value]) => typeof value === "number"),
    ),
  });
}

function httpSchedule(retries: HttpRetries): RetrySchedule {
  const { numNoDelayRetries, numMinDelayRetries, numMaxDelayRetries } = retries;
  const count = Math.min(retries.numRetries, RETRIES_MAX);
  const least = Math.min(retries.minDelayTarget, DELAY_MAX_S);
  const most = Math.min(retries.maxDelayTarget, DELAY_MAX_S);
  const before = numNoDelayRetries + numMinDelayRetries;
  const between = Math.max(1, count - before - numMaxDelayRetries);
  return {
    waitMs(attempts) {
      if (attempts > count) return undefined;
      if (attempts <= numNoDelayRetries) return 0;
      if (attempts <= before) return least * 1_000;
      if (attempts > count - numMaxDelayRetries) return most * 1_000;
      return (least + ((most - least) * (attempts - before)) / between) * 1_000;
    },
  };
}

function parsed(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text); // It was checked when it was written.
}

function memberOf(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}
