import type * as sdk from "@aws-sdk/client-scheduler";
import type { Place } from "../common/api-deps.ts";
import { isTopicArn } from "../eventbridge/target-spec.ts";
import { isQueueArn, queueProblem } from "../eventbridge/queue-targets.ts";

const CLUSTER = /^arn:aws:ecs:[a-z0-9-]+:\d{12}:cluster\/[A-Za-z0-9_-]{1,255}$/;
const BUS = /^arn:aws:events:[a-z0-9-]+:\d{12}:event-bus\/[./A-Za-z0-9_-]+$/;

/** Why a schedule's target is refused; undefined where it is accepted. */
export function targetProblem(target: sdk.Target, place: Place): string | undefined {
  const arn = target.Arn ?? "";
  const [, , service = "", region, account] = arn.split(":");
  const isTask = CLUSTER.test(arn);
  const isQueue = isQueueArn(arn);
  const isTopic = isTopicArn(arn);
  if (!isTask && !isQueue && !isTopic && !BUS.test(arn))
    return (
      "Gantry invokes ECS clusters (RunTask), SQS queues (SendMessage), standard SNS topics (Publish) and event " +
      `buses (PutEvents): a target of ${service || arn} is not there yet.`
    );
  if (account !== place.account || region !== place.region)
    return `The target ${arn} is of another account or region.`;
  if (isTask && target.EcsParameters === undefined) return "EcsParameters is required for a target of ECS.";
  const wrongQueue = queueProblem(target, place);
  if (wrongQueue !== undefined) return wrongQueue;
  if (isQueue || isTopic)
    return target.Input === undefined
      ? `Input is required for a target of ${isQueue ? "SQS" : "SNS"}.`
      : undefined;
  if (!isTask && target.EventBridgeParameters === undefined)
    return "EventBridgeParameters is required for a target of EventBridge.";
  if (target.Input === undefined)
    return isTask ? undefined : "Input is required for a target of EventBridge.";
  try {
    JSON.parse(target.Input);
    return undefined;
  } catch {
    return "Input must be valid JSON.";
  }
}
