import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "@gantry/kernel";
import type {
  DeploymentEvent,
  FleetHealth,
  FleetTraffic,
  Reader,
  ReportInterval,
  Store,
} from "@gantry/state";
import {
  factsOfCodeDeploy,
  factsOfEcs,
  rowOfCodeDeploy,
  rowOfEcs,
  type DeploymentFacts,
  type DeploymentRow,
} from "./deployment-facts.ts";

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

/** All retained deployments of ECS and CodeDeploy, the newest first. */
export function listDeployments(reader: Reader): readonly DeploymentRow[] {
  return [
    ...reader.list("serviceDeployment").map(rowOfEcs),
    ...reader.list("codeDeployment").map(rowOfCodeDeploy),
  ].toSorted((a, b) => b.startedAt - a.startedAt || (a.arn < b.arn ? -1 : 1));
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
  const ofEcs = reader.get("serviceDeployment", row?.arn);
  if (ofEcs !== undefined) return reportOf(reader, factsOfEcs(reader, ofEcs), now);
  const ofCodeDeploy = reader.get("codeDeployment", row?.arn);
  return ofCodeDeploy === undefined ? undefined : reportOf(reader, factsOfCodeDeploy(ofCodeDeploy), now);
}

function reportOf(reader: Reader, facts: DeploymentFacts, now: number): DeploymentReport {
  const { row } = facts;
  const { timeline = [], intervals = [] } = reader.get("deploymentReport", row.arn) ?? {};
  const health = timeline.findLast((event) => event.type === "health");
  const fleet = (role: "source" | "target", taskDefinition: string): ReportedFleet => ({
    role,
    taskDefinition,
    ...health?.[role],
    total: totalOf(intervals.flatMap((interval) => interval[role] ?? [])),
  });
  const fleets = [
    ...(facts.source === undefined ? [] : [fleet("source", facts.source)]),
    fleet("target", facts.target),
  ];
  return {
    ...row,
    now,
    desired: health?.desired,
    sentence: sentenceOf(facts, timeline, fleets.at(-1)?.total),
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
  { unsuccessful }: DeploymentFacts,
  timeline: readonly DeploymentEvent[],
  cost: FleetTraffic | undefined,
): string | undefined {
  if (unsuccessful === undefined) return undefined;
  const { at, verb, alarms, reason } = unsuccessful;
  const stage = timeline.findLast((event) => event.type === "stage" && event.at <= at);
  const moved = timeline.findLast(
    (event) => event.type === "traffic" && event.at <= at && event.production > 0,
  );
  const where = [
    ...(moved?.type === "traffic" ? [` at ${moved.production} % of the traffic`] : []),
    ...(stage?.type === "stage" ? [` in ${stage.stage}`] : []),
  ].join("");
  const because =
    alarms.length > 0
      ? `${alarms.length === 1 ? "the alarm" : "the alarms"} ` +
        `${alarms.map((name) => `"${name}"`).join(", ")} went into ALARM`
      : reason.replace(/\.$/, "");
  const price =
    cost === undefined || cost.errors === 0
      ? ""
      : `; ${cost.errors} of the ${cost.requests} requests to the new version failed`;
  return `${verb}${where}: ${because}${price}.`;
}

let followers = 0;
const REPORTED: ReadonlySet<string> = new Set(["serviceDeployment", "codeDeployment", "deploymentReport"]);

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
    if (isDue || key !== report.arn || !REPORTED.has(kind)) return;
    isDue = true;
    timers.after(GATHER_MS, () => void send()); // send never rejects.
  });
  response.on("close", () => {
    followers -= 1;
    unwatch();
  });
  await send();
}
