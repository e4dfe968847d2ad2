import { serviceActingFor, type Principal } from "@gantry/iam";
import { isObject, messageOf, type Vault } from "@gantry/kernel";
import { isArchiveArn, KeyUnusableError, scheduleGroupArnOf, type EventDeliveryRecord } from "@gantry/state";
import { isApiDestinationArn } from "@gantry/state/transactions/event-connections";
import type { InnerCall } from "@gantry/wire";
import type { ControllerDeps } from "../controller-deps.ts";
import { servicePrincipal } from "../service-principal.ts";
import type { Permissions } from "../task/execution-role.ts";
import type { CallDestination } from "./call-destination.ts";
import { failed, type Outcome } from "./outcome.ts";

export interface InvokeDeps extends ControllerDeps {
  readonly vault: Vault;
  readonly permissions: Permissions;
  /** Runs an operation of the API for a role, with the permissions that it needs. Errors: as the operation's. */
  readonly callApi: (call: InnerCall) => Promise<object>;
  /** Adds a line to a stream of a log group. */
  readonly putLog: (groupArn: string, stream: string, message: string) => void;
  /** Calls the endpoint of an API destination, as the target's role. */
  readonly callDestination: CallDestination;
}

/** The stream of an archive's group that its events are in. */
const ARCHIVE_STREAM = "events";
const DONE: Outcome = { type: "done" };
type Json = Readonly<Record<string, unknown>>;

/** Invokes the target of a delivery, as the role that the target names. */
export async function invokeTarget(deps: InvokeDeps, delivery: EventDeliveryRecord): Promise<Outcome> {
  const { arn } = delivery.target;
  if (arn.startsWith("arn:aws:logs:")) return writeLog(deps, delivery);
  if (isArchiveArn(arn)) return archive(deps, delivery);
  const principal = callerOf(deps, delivery);
  if (principal === undefined)
    return failed(
      "FAILED_TO_ASSUME_ROLE",
      `The role ${delivery.target.roleArn ?? ""} cannot be assumed by ${delivery.service}.`,
      false,
    );
  if (isApiDestinationArn(arn)) return deps.callDestination(delivery, principal);
  try {
    const answer = await deps.callApi({ region: delivery.region, ...callOf(delivery), principal });
    const reason = refusalOf(answer);
    if (reason === undefined) return DONE;
    return failed("ERROR_FROM_TARGET", reason, !/Malformed|Invalid|NotAuthorized/.test(reason));
  } catch (thrown) {
    const { code } = thrown as { code?: string }; // An ApiError, or a failure of the platform.
    return failed(code ?? "INTERNAL_ERROR", messageOf(thrown), isTemporary(thrown));
  }
}

/**
 * Sends the payload of an invocation that failed for good to the dead-letter queue of its target. Answers why that
 * failed, too; undefined where it is sent.
 */
export async function sendToDeadLetters(
  deps: InvokeDeps,
  delivery: EventDeliveryRecord,
  queueArn: string,
  attributes: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const { service, sourceArn, account } = delivery;
  // Scheduler sends by its role, EventBridge by itself.
  const principal =
    service === "scheduler"
      ? roleOf(deps, delivery)
      : serviceActingFor(`${service}.amazonaws.com`, { arn: sourceArn, account });
  if (principal === undefined) return `The role ${delivery.target.roleArn ?? ""} cannot be assumed.`;
  const MessageAttributes = Object.fromEntries(
    Object.entries(attributes).map(([name, text]) => [name, { DataType: "String", StringValue: text }]),
  );
  const call = sendMessageCall(queueArn, { MessageBody: delivery.payload, MessageAttributes });
  try {
    await deps.callApi({ ...call, principal });
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/** Who invokes the target: its role, or the service itself where a queue or a topic has none. */
function callerOf(deps: InvokeDeps, delivery: EventDeliveryRecord): Principal | undefined {
  const { service, sourceArn, account, target } = delivery;
  const isByItself = service !== "scheduler" && target.roleArn === undefined && hasPolicy(target.arn);
  if (!isByItself) return roleOf(deps, delivery);
  return serviceActingFor(`${service}.amazonaws.com`, { arn: sourceArn, account });
}

/** Whether the policy of the target itself can let EventBridge in. */
function hasPolicy(arn: string): boolean {
  return isQueue(arn) || isTopic(arn);
}

function isTopic(arn: string): boolean {
  return arn.startsWith("arn:aws:sns:");
}

function isQueue(arn: string): boolean {
  return arn.startsWith("arn:aws:sqs:");
}

function callOf(delivery: EventDeliveryRecord): Call {
  const { target, payload } = delivery;
  if (target.arn.startsWith("arn:aws:ecs:")) return runTaskCall(delivery);
  if (isTopic(target.arn)) return publishCall(delivery);
  if (!isQueue(target.arn)) return putEventsCall(delivery);
  const { messageGroupId: MessageGroupId } = target;
  return sendMessageCall(target.arn, {
    MessageBody: payload,
    ...(MessageGroupId === undefined ? {} : { MessageGroupId }),
  });
}

/** The queue's own region, which may be another than the delivery's. */
function sendMessageCall(queueArn: string, message: Json): Call & { readonly region: string } {
  const [, , , region = "", account, name] = queueArn.split(":");
  const input = { QueueUrl: `/${account}/${name}`, ...message };
  return { service: "sqs", operation: "SendMessage", input, region };
}

/** S3 publishes under a subject of its own. Source: S3 User Guide, "Event message structure". */
function publishCall({ service, target, payload }: EventDeliveryRecord): Call & { readonly region: string } {
  const subject = service === "s3" ? { Subject: "Amazon S3 Notification" } : {};
  const input = { TopicArn: target.arn, Message: payload, ...subject };
  return { service: "sns", operation: "Publish", input, region: target.arn.split(":")[3] ?? "" };
}

/**
 * EventBridge writes to log groups by itself: a target of a log group has no role, and a resource policy of CloudWatch
 * Logs lets EventBridge in. Source: EventBridge User Guide, "CloudWatch Logs permissions".
 */
function writeLog({ store, permissions, putLog }: InvokeDeps, delivery: EventDeliveryRecord): Outcome {
  const { id, target, payload, sourceArn, account } = delivery;
  const group = store.get("logGroup", target.arn.replace(/:\*$/, ""));
  if (group === undefined) return failed("NO_RESOURCE", `The log group ${target.arn} does not exist.`, false);
  const principal = serviceActingFor("events.amazonaws.com", { arn: sourceArn, account });
  for (const action of ["logs:CreateLogStream", "logs:PutLogEvents"]) {
    const denied = permissions.deniedBecause(principal, action, `${group.arn}:log-stream:${id}`, () => ({}));
    if (denied !== undefined) return failed("NO_PERMISSIONS", denied, false);
  }
  putLog(group.arn, id, payload);
  return DONE;
}

/** Keeps an event in the archive. One whose archive was deleted meanwhile is kept nowhere. */
function archive({ store, putLog }: InvokeDeps, { target, payload }: EventDeliveryRecord): Outcome {
  const record = store.get("eventArchive", target.arn);
  try {
    if (record !== undefined) putLog(record.contentGroup, ARCHIVE_STREAM, payload);
  } catch (thrown) {
    // The event is kept once the key can be used again, if that is in time.
    if (thrown instanceof KeyUnusableError) return failed("NO_PERMISSIONS", thrown.message, true);
    throw thrown;
  }
  return DONE;
}

/**
 * Scheduler names itself to the role by the schedule's group.
 * Source: EventBridge Scheduler User Guide, "Confused deputy prevention".
 */
export function roleOf({ store, clock }: InvokeDeps, delivery: EventDeliveryRecord): Principal | undefined {
  const { service, sourceArn, account, target, id } = delivery;
  const group = sourceArn.split("/")[1] ?? "";
  return servicePrincipal(store, target.roleArn ?? "", {
    service: `${service}.amazonaws.com`,
    sourceArn: service === "scheduler" ? scheduleGroupArnOf(delivery, group) : sourceArn,
    account,
    session: id.replaceAll("-", ""),
    now: clock.now(),
  });
}

interface Call {
  readonly service: string;
  readonly operation: string;
  readonly input: Record<string, unknown>;
}

/**
 * The overrides are those of RunTask, in the input. A delivery that a crash repeats starts no second task:
 * the token is its id.
 */
function runTaskCall({ id, target, payload, sourceArn, service }: EventDeliveryRecord): Call {
  const overrides = overridesIn(payload);
  const by = service === "events" ? "events-rule" : "chronos-schedule";
  return {
    service: "ecs",
    operation: "RunTask",
    input: {
      ...target.runTask,
      ...(overrides === undefined ? {} : { overrides }),
      cluster: target.arn,
      startedBy: `${by}/${sourceArn.split("/").at(-1) ?? ""}`,
      clientToken: id,
    },
  };
}

const OVERRIDES = [
  "containerOverrides",
  "cpu",
  "memory",
  "taskRoleArn",
  "executionRoleArn",
  "ephemeralStorage",
];

/** The overrides of an input. An event that is passed on as it is has none. */
function overridesIn(payload: string): Json | undefined {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    return undefined;
  }
  const given = Object.entries(objectIn(value)).filter(([name]) => OVERRIDES.includes(name));
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

function putEventsCall({ target, payload, sourceArn }: EventDeliveryRecord): Call {
  const { detailType: DetailType, source: Source } = target.putEvents ?? {};
  const entry = { EventBusName: target.arn, DetailType, Source, Detail: payload, Resources: [sourceArn] };
  return { service: "eventbridge", operation: "PutEvents", input: { Entries: [entry] } };
}

/** Why an answer means that the target was not invoked: tasks that have no room, events that are not taken. */
function refusalOf(answer: object): string | undefined {
  // Outputs of RunTask and PutEvents.
  const { failures, Entries } = answer as { failures?: unknown; Entries?: unknown };
  const lists = [failures, Entries].flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []));
  const reasons = lists.flatMap((each) => {
    const { reason, ErrorCode } = objectIn(each);
    return reason ?? ErrorCode ?? [];
  });
  return reasons.length === 0 ? undefined : String(reasons[0]);
}

/** Whether an error of an operation may pass: a failure of the service, or throttling. Source: API_RetryPolicy. */
export function isTemporary(thrown: unknown): boolean {
  const { status, code } = thrown as { status?: number; code?: string }; // An ApiError, or a failure of the platform.
  return code === undefined || (status ?? 400) >= 500 || /Throttl|LimitExceeded|^ServerException$/.test(code);
}

function objectIn(value: unknown): Json {
  return isObject(value) ? value : {};
}
