import type {
  DeploymentEvent,
  DeploymentReportRecord,
  FleetTraffic,
  ReportInterval,
  ServiceDeploymentRecord,
} from "../records.ts";
import type { Transaction } from "../store.ts";

const EVENTS_MAX = 500;
const INTERVALS_MAX = 240;

/** Stores a service deployment and adds its changes to its report, atomically. */
export function saveServiceDeployment(tx: Transaction, next: ServiceDeploymentRecord): void {
  const before = tx.get("serviceDeployment", next.arn);
  tx.put("serviceDeployment", next.arn, next);
  noteDeployment(tx, next, eventsBetween(before, next));
}

/** Adds to the timeline of a deployment. If it is full, the oldest lines after the first are removed. */
export function noteDeployment(
  tx: Transaction,
  deployment: ServiceDeploymentRecord,
  events: readonly DeploymentEvent[],
): void {
  if (events.length === 0) return;
  const report = reportOf(tx, deployment);
  const all = [...report.timeline, ...events];
  const timeline = all.length <= EVENTS_MAX ? all : [...all.slice(0, 1), ...all.slice(1 - EVENTS_MAX)];
  tx.put("deploymentReport", deployment.arn, { ...report, timeline });
}

/**
 * Adds measured intervals and the time up to which traffic is measured. If there are too many, each two are
 * merged.
 */
export function noteTraffic(
  tx: Transaction,
  deployment: ServiceDeploymentRecord,
  added: { readonly intervals: readonly ReportInterval[]; readonly measuredUntil: number },
): void {
  const report = reportOf(tx, deployment);
  const all = [...report.intervals, ...added.intervals];
  tx.put("deploymentReport", deployment.arn, {
    ...report,
    intervals: all.length > INTERVALS_MAX ? inPairs(all) : all,
    measuredUntil: added.measuredUntil,
  });
}

function reportOf(tx: Transaction, deployment: ServiceDeploymentRecord): DeploymentReportRecord {
  const { arn, account, region, createdAt } = deployment;
  return (
    tx.get("deploymentReport", arn) ?? {
      ...{ account, region, deploymentArn: arn },
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
