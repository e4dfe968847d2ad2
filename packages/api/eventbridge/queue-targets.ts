import type { EventTargetRecord } from "@gantry/state";

const QUEUE = /^arn:aws:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,80}(?:\.fifo)?$/;

/** What targets of EventBridge and of Scheduler have of queues. */
interface QueueMembers {
  readonly Arn?: string | undefined;
  readonly SqsParameters?: { readonly MessageGroupId?: string | undefined } | undefined;
  readonly DeadLetterConfig?: { readonly Arn?: string | undefined } | undefined;
}

export function isQueueArn(arn: string): boolean {
  return QUEUE.test(arn);
}

/**
 * Why a target is refused for its queues; undefined where they are accepted. Source: EventBridge User Guide, "Using
 * dead-letter queues": standard queues of the rule's region; API_SqsParameters.
 */
export function queueProblem(
  { Arn = "", SqsParameters: sqs, DeadLetterConfig: dead }: QueueMembers,
  { region }: { readonly region: string },
): string | undefined {
  if (Arn.endsWith(".fifo") && sqs?.MessageGroupId === undefined)
    return `Parameter(s) MessageGroupId must be specified for target: ${Arn}.`;
  if (sqs !== undefined && !isQueueArn(Arn)) return "SqsParameters is not supported for this target.";
  if (dead?.Arn === undefined) return undefined;
  if (!isQueueArn(dead.Arn) || dead.Arn.endsWith(".fifo"))
    return `The dead-letter queue ${dead.Arn} is not the ARN of a standard SQS queue.`;
  return dead.Arn.split(":")[3] === region
    ? undefined
    : `The dead-letter queue ${dead.Arn} must be in the region ${region}.`;
}

/** What a target's record has of queues. */
export function queueFields({
  SqsParameters: sqs,
  DeadLetterConfig: dead,
}: QueueMembers): Pick<EventTargetRecord, "messageGroupId" | "deadLetterArn"> {
  return {
    ...(sqs?.MessageGroupId === undefined ? {} : { messageGroupId: sqs.MessageGroupId }),
    ...(dead?.Arn === undefined ? {} : { deadLetterArn: dead.Arn }),
  };
}
