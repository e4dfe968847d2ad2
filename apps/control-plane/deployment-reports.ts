import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "@gantry/kernel";
import type {
  DeploymentEvent,
  FleetHealth,
  FleetTraffic,
  Reader,
  ReportInterval,
  ServiceDeploymentRecord,
  Store,
} from "@gantry/state";

/** A deployment in the list. Times are milliseconds since the epoch, by the platform's clock. */
export interface DeploymentRow {
  readonly id: string;
  readonly arn: string;
  readonly cluster: string;
  readonly service: string;
  readonly strategy: string;
  readonly status: string;
  readonly reason: string | undefined;
  readonly stage: string | undefined;
  /** The target fleet's part of production traffic, in percent; undefined for ROLLING. */
  readonly weight: number | undefined;
  readonly startedAt: number;
  readonly finishedAt: number | undefined;
}

export interface ReportedFleet extends Partial<FleetHealth> {
  readonly role: "source" | "target";
  readonly taskDefinition: string;
  /** The percentiles are the maximum of all intervals. */
  readonly total: FleetTraffic | undefined;
}

/** The full report of a deployment. */
export interface DeploymentReport extends DeploymentRow {
  readonly now: number;
  readonly desired: number | undefined;
  /** The reason for a rollback or failure, in one sentence. */
  readonly sentence: string | undefined;
  /** The fleet of the deployment, preceded by the fleet that served before it, where there was one. */
  readonly fleets: readonly ReportedFleet[];
  readonly timeline: readonly DeploymentEvent[];
  readonly intervals: readonly ReportInterval[];
}

const FOLLOWERS_MAX = 32;
const GATHER_MS = 100;

/** All retained deployments, the newest first. */
export function listDeployments(reader: Reader): readonly DeploymentRow[] {
  return reader
    .list("serviceDeployment")
    .map(rowOf)
    .toSorted((a, b) => b.startedAt - a.startedAt || (a.arn < b.arn ? -1 : 1));
}

/**
 * Finds the report of a deployment by its ARN, its id or a prefix of it, or a service name, which selects its
 * newest.
 */
export function findReport(reader: Reader, word: string, now: number): DeploymentReport | undefined {
  const rows = listDeployments(reader);
  const row =
    rows.find(({ arn, id }) => arn === word || id === word) ??
    rows.find(({ service, cluster }) => word === service || word === `${cluster}/${service}`) ??
    rows.find(({ id }) => word !== "" && id.startsWith(word));
  const deployment = reader.get("serviceDeployment", row?.arn);
  return deployment === undefined ? undefined : reportOf(reader, deployment, now);
}

function rowOf(deployment: ServiceDeploymentRecord): DeploymentRow {
  return {
    id: lastPartOf(deployment.arn),
    arn: deployment.arn,
    cluster: lastPartOf(deployment.clusterArn),
    service: lastPartOf(deployment.serviceArn),
    strategy: deployment.strategy,
    status: deployment.status,
    reason: deployment.statusReason,
    stage: deployment.finishedAt === undefined ? deployment.lifecycleStage : undefined,
    weight: deployment.traffic?.production,
    startedAt: deployment.startedAt ?? deployment.createdAt,
    finishedAt: deployment.finishedAt,
  };
}

function reportOf(reader: Reader, deployment: ServiceDeploymentRecord, now: number): DeploymentReport {
  const { timeline = [], intervals = [] } = reader.get("deploymentReport", deployment.arn) ?? {};
  const health = timeline.findLast((event) => event.type === "health");
  const definitions = (arns: readonly string[]) =>
    arns.map((arn) => lastPartOf(reader.get("serviceRevision", arn)?.taskDefinitionArn ?? "")).join(", ");
  const fleet = (role: "source" | "target", arns: readonly string[]): ReportedFleet => ({
    role,
    taskDefinition: definitions(arns),
    ...health?.[role],
    total: totalOf(intervals.flatMap((interval) => interval[role] ?? [])),
  });
  const { sourceRevisionArns, targetRevisionArn } = deployment;
  const fleets = [
    ...(sourceRevisionArns.length === 0 ? [] : [fleet("source", sourceRevisionArns)]),
    fleet("target", [targetRevisionArn]),
  ];
  return {
    ...rowOf(deployment),
    now,
    desired: health?.desired,
    sentence: sentenceOf(deployment, timeline, fleets.at(-1)?.total),
    fleets,
    timeline,
    intervals,
  };
}

function totalOf(all: readonly FleetTraffic[]): FleetTraffic | undefined {
  if (all.length === 0) return undefined;
  const most = (of: (each: FleetTraffic) => number | undefined) => {
    const known = all.flatMap((each) => of(each) ?? []);
    return known.length === 0 ? undefined : Math.max(...known);
  };
  return {
    requests: all.reduce((sum, each) => sum + each.requests, 0),
    errors: all.reduce((sum, each) => sum + each.errors, 0),
    p50Ms: most(({ p50Ms }) => p50Ms),
    p99Ms: most(({ p99Ms }) => p99Ms),
  };
}

/** The reason for a rollback or failure: the alarm, the stage, and the cost. */
function sentenceOf(
  deployment: ServiceDeploymentRecord,
  timeline: readonly DeploymentEvent[],
  cost: FleetTraffic | undefined,
): string | undefined {
  const { rollback, statusReason, alarms, status } = deployment;
  if (rollback === undefined && (statusReason === undefined || status === "SUCCESSFUL")) return undefined;
  const at = rollback?.startedAt ?? deployment.finishedAt ?? deployment.updatedAt;
  const stage = timeline.findLast((event) => event.type === "stage" && event.at <= at);
  const moved = timeline.findLast(
    (event) => event.type === "traffic" && event.at <= at && event.production > 0,
  );
  const verb =
    rollback === undefined ? "Stopped" : status === "ROLLBACK_IN_PROGRESS" ? "Rolling back" : "Rolled back";
  const where = [
    ...(moved?.type === "traffic" ? [` at ${moved.production} % of the traffic`] : []),
    ...(stage?.type === "stage" ? [` in ${stage.stage}`] : []),
  ].join("");
  const names = alarms?.triggered ?? [];
  const because =
    names.length > 0
      ? `${names.length === 1 ? "the alarm" : "the alarms"} ${names.map((name) => `"${name}"`).join(", ")} went into ALARM`
      : (rollback?.reason ?? statusReason ?? "").replace(/^ECS deployment [^:]*: /, "").replace(/\.$/, "");
  const price =
    cost === undefined || cost.errors === 0
      ? ""
      : `; ${cost.errors} of the ${cost.requests} requests to the new version failed`;
  return `${verb}${where}: ${because}${price}.`;
}

function lastPartOf(arn: string): string {
  return arn.slice(arn.lastIndexOf("/") + 1);
}

let followers = 0;

/**
 * Answers `/gantry/deployments` (a list), `?id=WORD` (a report) and `?id=WORD&follow` (a stream of
 * server-sent events: a report with each change, until the deployment has ended). Only the operator has
 * access.
 */
export async function answerDeployments(
  deps: { readonly store: Store; readonly clock: Clock; readonly timers: Clock },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { store, clock, timers } = deps;
  await store.settled();
  const asked = new URLSearchParams((request.url ?? "").split("?")[1]);
  const answer = (status: number, body: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  };
  const word = asked.get("id");
  if (word === null) return answer(200, listDeployments(store));
  const report = findReport(store, word, clock.now());
  if (report === undefined)
    return answer(404, { reason: `There is no deployment "${word}": "gantry deployments" lists them.` });
  if (!asked.has("follow")) return answer(200, report);
  if (followers >= FOLLOWERS_MAX) return answer(503, { reason: "Too many follow deployments already." });
  followers += 1;
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  let isDue = false;
  const send = async (): Promise<void> => {
    isDue = false;
    const current = findReport(store, report.arn, clock.now());
    await store.settled();
    if (current !== undefined) response.write(`data: ${JSON.stringify(current)}\n\n`);
    if (current?.finishedAt !== undefined || current === undefined) response.end();
  };
  const unwatch = store.watch(({ kind, key }) => {
    if (isDue || key !== report.arn || (kind !== "serviceDeployment" && kind !== "deploymentReport")) return;
    isDue = true;
    timers.after(GATHER_MS, () => void send()); // send never rejects.
  });
  response.on("close", () => {
    followers -= 1;
    unwatch();
  });
  await send();
}
