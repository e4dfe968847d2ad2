import type * as sdk from "@aws-sdk/client-eventbridge";
import { isInputPath, type EventTargetRecord } from "@gantry/state";
import { isQueueArn, queueFields, queueProblem } from "./queue-targets.ts";
import { runTaskSpec } from "./run-task-spec.ts";

const CLUSTER = /^arn:aws:ecs:[a-z0-9-]+:\d{12}:cluster\/[A-Za-z0-9_-]{1,255}$/;
const TOPIC = /^arn:aws:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/;
const LOG_GROUP = /^arn:aws:logs:[a-z0-9-]+:\d{12}:log-group:[^:*]+(?::\*)?$/;
const API_DESTINATION =
  /^arn:aws:events:[a-z0-9-]+:\d{12}:api-destination\/[.\-_A-Za-z0-9]{1,64}\/[0-9a-f-]{36}$/;
/** Source: API_RetryPolicy. */
const RETRY = { attempts: 185, ageSeconds: 86_400 };
const TARGET_MEMBERS = [
  ...(["Input", "InputPath", "InputTransformer", "EcsParameters", "SqsParameters"] as const),
  ...(["RetryPolicy", "DeadLetterConfig", "HttpParameters"] as const),
];

/** Whether it is the ARN of a standard topic: neither EventBridge nor Scheduler takes FIFO topics. */
export function isTopicArn(arn: string): boolean {
  return TOPIC.test(arn);
}

/** Why a rule's target is refused; undefined where it is accepted. `account` and `region` are the rule's. */
export function targetProblem(
  target: sdk.Target,
  place: { readonly account: string; readonly region: string },
): string | undefined {
  const arn = target.Arn ?? "";
  const [, , service = "", region, account] = arn.split(":");
  const isTask = CLUSTER.test(arn);
  const isHttp = API_DESTINATION.test(arn);
  if (!isTask && !isHttp && !isQueueArn(arn) && !isTopicArn(arn) && !LOG_GROUP.test(arn))
    return (
      "Gantry invokes ECS clusters (RunTask), SQS queues, standard SNS topics, log groups and API destinations: a " +
      `target of ${service || arn} is not there yet.`
    );
  if (account !== place.account || region !== place.region)
    return `Provided Arn is not in correct format or of another account or region: ${arn}`;
  if ((isTask || isHttp) && target.RoleArn === undefined) return `RoleArn is required for target ${arn}.`;
  if (isTask && target.EcsParameters === undefined) return "EcsParameters is required for an ECS target.";
  if (!isTask && target.EcsParameters !== undefined) return "EcsParameters is not supported for this target.";
  if (!isHttp && target.HttpParameters !== undefined)
    return "HttpParameters is not supported for this target.";
  return queueProblem(target, place) ?? inputProblem(target);
}

/** Source: API_Target: one of the three members says what the target is given. */
function inputProblem({ Input, InputPath, InputTransformer }: sdk.Target): string | undefined {
  const given = [Input, InputPath, InputTransformer].filter((each) => each !== undefined);
  if (given.length > 1) return "Only one of Input, InputPath, or InputTransformer must be provided.";
  if (Input !== undefined && !isJson(Input)) return "JSON syntax error in input.";
  if (InputPath !== undefined && !isInputPath(InputPath)) return "Invalid InputPath.";
  if (InputTransformer === undefined) return undefined;
  const { InputPathsMap: paths = {}, InputTemplate: template = "" } = InputTransformer;
  if (template === "") return "InputTemplate is required for an input transformer.";
  const wrong = Object.values(paths).find((path) => !isInputPath(path));
  return wrong === undefined ? undefined : `Invalid InputPath ${wrong}.`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The record of an accepted target. */
export function toTarget(target: sdk.Target): EventTargetRecord {
  const { RetryPolicy: retry } = target;
  return {
    ...queueFields(target),
    ...httpFields(target.HttpParameters),
    runTask: runTaskSpec(target.EcsParameters),
    putEvents: undefined,
    id: target.Id ?? "",
    arn: target.Arn ?? "",
    roleArn: target.RoleArn,
    parameters: Object.fromEntries(
      TARGET_MEMBERS.flatMap((name) => (target[name] === undefined ? [] : [[name, target[name]]])),
    ),
    retry: {
      attempts: retry?.MaximumRetryAttempts ?? RETRY.attempts,
      ageSeconds: retry?.MaximumEventAgeInSeconds ?? RETRY.ageSeconds,
    },
  };
}

function httpFields(given: sdk.HttpParameters | undefined): Pick<EventTargetRecord, "http"> {
  if (given === undefined) return {};
  const { PathParameterValues: path = [], HeaderParameters: headers, QueryStringParameters: query } = given;
  return { http: { path, headers: headers ?? {}, query: query ?? {} } };
}
