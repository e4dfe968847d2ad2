import type { EventDeliveryRecord } from "@gantry/state";
import type { Failure } from "./outcome.ts";

/** Source: SQS Developer Guide, "Message quotas": a message and its attributes together. */
const TEXT_MAX = 1_000;

/** Why an invocation is not tried again. */
export interface Exhausted {
  readonly failure: Failure;
  readonly attempts: number;
  /** The limit of the retry policy that was reached; undefined: another attempt would fail in the same way. */
  readonly condition: "MaximumRetryAttempts" | "MaximumEventAgeInSeconds" | undefined;
}

/**
 * The message attributes of an invocation in a dead-letter queue.
 * Source: EventBridge User Guide, "Using dead-letter queues to process undelivered events"; EventBridge Scheduler
 * User Guide, "Configuring a schedule's dead-letter queue".
 */
export function deadLetterAttributes(
  { service, sourceArn, target, id, createdAt }: EventDeliveryRecord,
  { failure, attempts, condition }: Exhausted,
): Readonly<Record<string, string>> {
  const common = {
    TARGET_ARN: target.arn,
    ERROR_MESSAGE: failure.reason.slice(0, TEXT_MAX),
    RETRY_ATTEMPTS: String(attempts),
    ...(condition === undefined ? {} : { EXHAUSTED_RETRY_CONDITION: condition }),
  };
  if (service !== "scheduler")
    return { RULE_ARN: sourceArn, ERROR_CODE: eventsCode(failure.code), ...common };
  return {
    SCHEDULE_ARN: sourceArn,
    EXECUTION_ID: id,
    SCHEDULED_TIME: new Date(createdAt).toISOString().replace(/\.\d{3}Z$/, "Z"),
    IS_PAYLOAD_TRUNCATED: "false",
    ERROR_CODE: failure.code,
    ...common,
  };
}

/** EventBridge has codes of its own for the errors of targets. Source: as above. */
function eventsCode(code: string): string {
  if (/^[A-Z_]+$/.test(code)) return code;
  if (/AccessDenied|NotAuthorized|AuthorizationError/.test(code)) return "NO_PERMISSIONS";
  if (/NotFound|DoesNotExist|NonExistent/.test(code)) return "NO_RESOURCE";
  if (/Throttl/.test(code)) return "THROTTLING";
  if (/LimitExceeded/.test(code)) return "RESOURCE_LIMIT_EXCEEDED";
  return /Invalid|Validation|Missing/.test(code) ? "INVALID_PARAMETER" : "SDK_CLIENT_ERROR";
}
