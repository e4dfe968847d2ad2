import type { Principal } from "@gantry/iam";
import { isObject, messageOf } from "@gantry/kernel";
import { scheduleGroupArnOf, type EventDeliveryRecord } from "@gantry/state";
import type { ControllerDeps } from "../controller-deps.ts";
import { servicePrincipal } from "../service-principal.ts";

export interface InvokeDeps extends ControllerDeps {
  /** Runs an operation of the API for a role, with the permissions that it needs. Errors: as the operation's. */
  readonly callApi: (call: {
    readonly service: string;
    readonly operation: string;
    readonly input: Record<string, unknown>;
    readonly principal: Principal;
    readonly region: string;
  }) => Promise<object>;
  /** Adds a line to a stream of a log group. */
  readonly putLog: (groupArn: string, stream: string, message: string) => void;
}

/** How an invocation ended; one that may succeed later is tried again. */
export type Outcome =
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly reason: string; readonly mayRetry: boolean };

const DONE: Outcome = { type: "done" };
const failed = (reason: string, mayRetry: boolean): Outcome => ({ type: "failed", reason, mayRetry });
type Json = Readonly<Record<string, unknown>>;

/** Invokes the target of a delivery, as the role that the target names. */
export async function invokeTarget(deps: InvokeDeps, delivery: EventDeliveryRecord): Promise<Outcome> {
  const { arn } = delivery.target;
  if (arn.startsWith("arn:aws:logs:")) return writeLog(deps, delivery);
  const principal = roleOf(deps, delivery);
  if (principal === undefined)
    return failed(
      `The role ${delivery.target.roleArn ?? ""} cannot be assumed by ${delivery.service}.`,
      false,
    );
  const call = arn.startsWith("arn:aws:ecs:") ? runTaskCall(delivery) : putEventsCall(delivery);
  try {
    const answer = await deps.callApi({ ...call, principal, region: delivery.region });
    const reason = refusalOf(answer);
    return reason === undefined ? DONE : failed(reason, !/Malformed|Invalid|NotAuthorized/.test(reason));
  } catch (thrown) {
    return failed(messageOf(thrown), isTemporary(thrown));
  }
}

/** EventBridge writes to log groups by itself: a target of a log group has no role. */
function writeLog({ store, putLog }: InvokeDeps, { id, target, payload }: EventDeliveryRecord): Outcome {
  const group = store.get("logGroup", target.arn.replace(/:\*$/, ""));
  if (group === undefined) return failed(`The log group ${target.arn} does not exist.`, false);
  putLog(group.arn, id, payload);
  return DONE;
}

/** Scheduler names itself to the role by the schedule's group. Source: EventBridge Scheduler User Guide, "Confused deputy prevention". */
function roleOf({ store, clock }: InvokeDeps, delivery: EventDeliveryRecord): Principal | undefined {
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

/** The overrides are those of RunTask, in the input. A delivery that a crash repeats starts no second task: the token is its id. */
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
  const { failures, Entries } = answer as { failures?: unknown; Entries?: unknown }; // Outputs of RunTask and PutEvents.
  const lists = [failures, Entries].flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []));
  const reasons = lists.flatMap((each) => {
    const { reason, ErrorCode } = objectIn(each);
    return reason ?? ErrorCode ?? [];
  });
  return reasons.length === 0 ? undefined : String(reasons[0]);
}

/** Whether an error of an operation may pass: a failure of the service, or throttling. Source: API_RetryPolicy. */
function isTemporary(thrown: unknown): boolean {
  const { status, code } = thrown as { status?: number; code?: string }; // An ApiError, or a failure of the platform.
  return code === undefined || (status ?? 400) >= 500 || /Throttl|LimitExceeded|^ServerException$/.test(code);
}

function objectIn(value: unknown): Json {
  return isObject(value) ? value : {};
}
