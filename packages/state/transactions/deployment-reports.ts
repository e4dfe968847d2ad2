import type {
  CodeDeployEventRecord,
  CodeDeploymentRecord,
  CodeDeployNotice,
  CodeDeployStatus,
  DeploymentEvent,
  DeploymentReportRecord,
  FleetTraffic,
  HookRunRecord,
  Placed,
  ReportInterval,
  ServiceDeploymentRecord,
} from "../records.ts";
import type { Transaction } from "../store.ts";

const EVENTS_MAX = 500;
const INTERVALS_MAX = 240;
/** The event of triggers that a new status of CodeDeploy is. */
const NOTICES: Partial<Record<CodeDeployStatus, readonly CodeDeployNotice[]>> = {
  Ready: ["DeploymentReady"],
  Succeeded: ["DeploymentSuccess"],
  Failed: ["DeploymentFailure"],
  Stopped: ["DeploymentStop"],
};

/** The ECS or CodeDeploy deployment that a report describes. */
export interface ReportOwner extends Placed {
  /** The deployment's ARN. */
  readonly key: string;
  readonly createdAt: number;
}

/** Stores a service deployment and adds its changes to its report, atomically. */
export function saveServiceDeployment(tx: Transaction, next: ServiceDeploymentRecord): void {
  const before = tx.get("serviceDeployment", next.arn);
  tx.put("serviceDeployment", next.arn, next);
  noteDeployment(tx, ownerOf(next), eventsBetween(before, next));
}

/**
 * Stores a deployment of CodeDeploy, and adds its changes to its report and the events that triggers of its
 * group name to those that are to be published, atomically.
 */
export function saveCodeDeployment(tx: Transaction, next: CodeDeploymentRecord): void {
  const before = tx.get("codeDeployment", next.key);
  const triggers = tx.get("codeDeployGroup", next.groupArn)?.triggers ?? [];
  const named = noticesBetween(before, next).filter((notice) =>
    triggers.some(({ events }) => events.includes(notice)),
  );
  putNotices(tx, next, [...(before?.unpublished ?? []), ...named]);
  noteDeployment(tx, next, codeDeployEventsBetween(before, next));
}

/** Removes the first of the events that are to be published. */
export function forgetCodeDeployNotice(tx: Transaction, key: string): void {
  const deployment = tx.get("codeDeployment", key);
  if (deployment !== undefined) putNotices(tx, deployment, deployment.unpublished?.slice(1) ?? []);
}

function putNotices(
  tx: Transaction,
  given: CodeDeploymentRecord,
  unpublished: readonly CodeDeployNotice[],
): void {
  const { unpublished: _, ...deployment } = given;
  const record = unpublished.length === 0 ? deployment : { ...deployment, unpublished };
  tx.put("codeDeployment", deployment.key, record);
}

/**
 * The events of triggers between two versions of a deployment. A rollback is a deployment of its own, which
 * starts like others.
 */
function noticesBetween(
  before: CodeDeploymentRecord | undefined,
  { status, isReturn }: CodeDeploymentRecord,
): readonly CodeDeployNotice[] {
  if (before === undefined) return isReturn ? ["DeploymentStart", "DeploymentRollback"] : ["DeploymentStart"];
  return before.status === status ? [] : (NOTICES[status] ?? []);
}

/** Removes a deployment of CodeDeploy and its report. */
export function removeCodeDeployment(tx: Transaction, key: string): void {
  tx.delete("codeDeployment", key);
  tx.delete("deploymentReport", key);
}

/** The owner of a service deployment's report. */
export function ownerOf({ account, region, arn, createdAt }: ServiceDeploymentRecord): ReportOwner {
  return { account, region, key: arn, createdAt };
}

/** Adds to the timeline of a deployment. If it is full, the oldest lines after the first are removed. */
export function noteDeployment(
  tx: Transaction,
  owner: ReportOwner,
  events: readonly DeploymentEvent[],
): void {
  if (events.length === 0) return;
  const report = reportOf(tx, owner);
  const all = [...report.timeline, ...events];
  const timeline = all.length <= EVENTS_MAX ? all : [...all.slice(0, 1), ...all.slice(1 - EVENTS_MAX)];
  tx.put("deploymentReport", owner.key, { ...report, timeline });
}

/**
 * Adds measured intervals and the time up to which traffic is measured. If there are too many, each two are
 * merged.
 */
export function noteTraffic(
  tx: Transaction,
  owner: ReportOwner,
  added: { readonly intervals: readonly ReportInterval[]; readonly measuredUntil: number },
): void {
  const report = reportOf(tx, owner);
  const all = [...report.intervals, ...added.intervals];
  tx.put("deploymentReport", owner.key, {
    ...report,
    intervals: all.length > INTERVALS_MAX ? inPairs(all) : all,
    measuredUntil: added.measuredUntil,
  });
}

function reportOf(tx: Transaction, { key, account, region, createdAt }: ReportOwner): DeploymentReportRecord {
  return (
    tx.get("deploymentReport", key) ?? {
      ...{ account, region, deploymentArn: key },
      timeline: [],
      intervals: [],
      measuredUntil: createdAt,
    }
  );
}

/** The differences between two states of a deployment, in reading order. */
function eventsBetween(
  before: ServiceDeploymentRecord | undefined,
  next: ServiceDeploymentRecord,
): readonly DeploymentEvent[] {
  const at = next.updatedAt;
  const events: DeploymentEvent[] = [];
  if (before?.status !== next.status)
    events.push({ at, type: "status", status: next.status, reason: next.statusReason });
  if (next.lifecycleStage !== undefined && before?.lifecycleStage !== next.lifecycleStage)
    events.push({ at, type: "stage", stage: next.lifecycleStage });
  const { production = 0, test = 0 } = next.traffic ?? {};
  if ((before?.traffic?.production ?? 0) !== production || (before?.traffic?.test ?? 0) !== test)
    events.push({ at, type: "traffic", production, test });
  for (const run of next.hookRuns ?? []) {
    const known = before?.hookRuns?.find((each) => each.id === run.id);
    if (known?.status !== run.status)
      events.push({
        ...{ at, type: "hook", id: run.id, stage: run.stage, status: run.status },
        reason: run.reason,
      });
  }
  return events;
}

/** The differences between two states of a deployment of CodeDeploy, in reading order. */
function codeDeployEventsBetween(
  before: CodeDeploymentRecord | undefined,
  next: CodeDeploymentRecord,
): readonly DeploymentEvent[] {
  const at = next.updatedAt;
  const events: DeploymentEvent[] = [];
  if (before?.status !== next.status)
    events.push({ at, type: "status", status: next.status, reason: next.error?.message });
  const known = (name: string) => before?.events.find((each) => each.name === name);
  for (const event of next.events)
    if (event.status === "InProgress" && known(event.name)?.status !== "InProgress")
      events.push({ at, type: "stage", stage: event.name });
  if (next.readySince !== undefined && before?.readySince === undefined)
    events.push({ at, type: "stage", stage: "WaitForContinue" });
  if (next.terminationSince !== undefined && before?.terminationSince === undefined)
    events.push({ at, type: "stage", stage: "WaitForTermination" });
  const { production, test } = next.traffic;
  if ((before?.traffic.production ?? 0) !== production || (before?.traffic.test ?? 0) !== test)
    events.push({ at, type: "traffic", production, test });
  for (const event of next.events) {
    const status = hookStatusOf(event);
    const { hook, name: stage, message: reason } = event;
    if (hook !== undefined && status !== undefined && status !== hookStatusOf(known(stage)))
      events.push({ at, type: "hook", id: hook.executionId, stage, status, reason });
  }
  return events;
}

function hookStatusOf(event: CodeDeployEventRecord | undefined): HookRunRecord["status"] | undefined {
  if (event?.hook?.answer !== undefined) return event.hook.answer === "Succeeded" ? "SUCCEEDED" : "FAILED";
  return event?.hook?.calledAt === undefined ? undefined : "IN_PROGRESS";
}

function inPairs(intervals: readonly ReportInterval[]): readonly ReportInterval[] {
  return intervals.flatMap((first, index) => {
    if (index % 2 === 1) return [];
    const second = intervals[index + 1];
    if (second === undefined) return [first];
    return [
      {
        from: first.from,
        until: second.until,
        weight: second.weight,
        source: together(first.source, second.source),
        target: together(first.target, second.target),
      },
    ];
  });
}

/**
 * Merges two measurements. The percentiles of both together are unknown; the greater ones are upper bounds.
 */
function together(a: FleetTraffic | undefined, b: FleetTraffic | undefined): FleetTraffic | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const most = (one: number | undefined, other: number | undefined) =>
    one === undefined || other === undefined ? (one ?? other) : Math.max(one, other);
  return {
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    p50Ms: most(a.p50Ms, b.p50Ms),
    p99Ms: most(a.p99Ms, b.p99Ms),
  };
}
