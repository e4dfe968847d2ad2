import type { DeploymentReport, DeploymentRow, ReportedFleet } from "@gantry/control-plane";
import { ago, renderTable } from "./platform-status.ts";

type Event = DeploymentReport["timeline"][number];
type Interval = DeploymentReport["intervals"][number];
type Traffic = NonNullable<Interval["target"]>;

const BAR = 20;
const PAINTS = { bold: "1", red: "31", green: "32", yellow: "33", dim: "2" } as const;
/** States of deployments of ECS and CodeDeploy. */
const SUCCESSES = ["SUCCESSFUL", "Succeeded"];
const ONGOING = ["PENDING", "IN_PROGRESS", "Created", "InProgress", "Ready"];
type Paint = (text: string, as: keyof typeof PAINTS) => string;

/** Colours for a terminal; no colours elsewhere. */
export function paintOf(isColoured: boolean): Paint {
  return isColoured ? (text, as) => `\u001B[${PAINTS[as]}m${text}\u001B[0m` : (text) => text;
}

/** Deployments as a table. */
export function renderDeployments(rows: readonly DeploymentRow[], now: number): string {
  if (rows.length === 0) return "There are no deployments.\n";
  return renderTable(
    ["DEPLOYMENT", "SERVICE", "STRATEGY", "STATUS", "STAGE", "NEW", "STARTED", "REASON"],
    rows.map((row) => [
      row.id,
      `${row.cluster}/${row.service}`,
      row.strategy,
      row.status,
      row.stage ?? "",
      row.weight === undefined ? "" : `${row.weight} %`,
      `${ago(row.startedAt, now)} ago`,
      row.reason ?? "",
    ]),
  );
}

/** The size of a terminal in characters. */
export interface PageSize {
  readonly rows: number;
  readonly columns: number;
}

/** Intervals and events that a page shows however low the terminal is. */
const SHOWN_MIN = 3;

/**
 * A deployment as a page that fits a terminal: the newest intervals and events that there is room for, and lines cut at
 * its width, so that a page that is drawn over the one before never scrolls.
 */
export function renderDeploymentPage(report: DeploymentReport, paint: Paint, size: PageSize): string {
  const lines = (text: string) => text.split("\n").length - 1;
  const without = renderDeployment({ ...report, intervals: [], timeline: [] }, paint);
  // The heads of both lists, the lines that say what is left out, and the line of the cursor.
  const room = Math.max(2 * SHOWN_MIN, size.rows - lines(without) - 5);
  const eventsMin = Math.min(report.timeline.length, Math.floor(room / 2));
  const intervals = Math.max(SHOWN_MIN, Math.min(report.intervals.length, room - eventsMin));
  const events = Math.max(SHOWN_MIN, room - Math.min(report.intervals.length, intervals));
  const shown = renderDeployment(report, paint, { intervals, events });
  return shown
    .split("\n")
    .map((line) => cutAt(line, size.columns))
    .join("\n");
}

/** Cuts a line at a number of visible characters; escape sequences take none, and colours end where the line ends. */
function cutAt(line: string, columns: number): string {
  let room = columns;
  // Text and escape sequences in turn.
  const parts = line.split(/(\u001B\[\d*m)/).map((part, index) => {
    if (index % 2 === 1) return part;
    const shown = [...part].slice(0, room).join("");
    room -= [...shown].length;
    return shown;
  });
  return parts.join("");
}

/** A deployment as a page: its state, the fleets side by side, the traffic by interval, and the timeline. */
export function renderDeployment(
  report: DeploymentReport,
  paint: Paint,
  shown = { intervals: Infinity, events: Infinity },
): string {
  const tone = toneOf(report.status);
  const took = (report.finishedAt ?? report.now) - report.startedAt;
  const ended = report.finishedAt === undefined ? `for ${clockTime(took)}` : `took ${clockTime(took)}`;
  const head = [
    `${paint(`${report.cluster}/${report.service}`, "bold")}  ${report.strategy}  ${paint(report.status, tone)}`,
    report.stage === undefined ? "" : `  ${report.stage}`,
    `  ${ended}\n`,
    `deployment ${report.id}, started ${new Date(report.startedAt).toISOString()}\n`,
    report.sentence === undefined ? "" : `${paint(report.sentence, tone)}\n`,
  ].join("");
  return [
    head,
    "\n",
    renderFleets(report, paint),
    renderIntervals(report, shown.intervals),
    "\nTimeline\n",
    ...omitted(report.timeline.length - shown.events),
    ...report.timeline
      .slice(-shown.events)
      .map((event) => `${renderEvent(event, report.startedAt, paint)}\n`),
  ].join("");
}

/** Returns the lines of a report that an earlier one lacks, for output that is appended. */
export function renderNews(
  report: DeploymentReport,
  known: DeploymentReport | undefined,
  paint: Paint,
): string {
  const news = report.timeline
    .slice(known?.timeline.length ?? 0)
    .map((event) => renderEvent(event, report.startedAt, paint));
  const measured = report.intervals
    .filter(({ until }) => until > (known?.intervals.at(-1)?.until ?? 0))
    .map((interval) => {
      const at = clockTime(interval.until - report.startedAt);
      const parts = [
        ...(interval.source === undefined ? [] : [`old: ${describeTraffic(interval.source)}`]),
        ...(interval.target === undefined
          ? []
          : [`${isShared(report) ? "both" : "new"}: ${describeTraffic(interval.target)}`]),
      ];
      return `  +${at}  traffic   ${parts.join("; ")}`;
    });
  const isOver = report.finishedAt !== undefined && known?.finishedAt === undefined;
  const end = isOver && report.sentence !== undefined ? [report.sentence] : [];
  return [...news, ...measured, ...end].map((line) => `${line}\n`).join("");
}

function renderFleets(report: DeploymentReport, paint: Paint): string {
  const name = ({ role, taskDefinition }: ReportedFleet) =>
    `${role === "source" ? "old" : "new"}  ${taskDefinition}`;
  const width = Math.max(...report.fleets.map((fleet) => name(fleet).length));
  const lines = report.fleets.map((fleet) => {
    const weight = weightOf(report, fleet);
    const bar =
      weight === undefined
        ? ""
        : `  ${paint(barOf(weight), fleet.role === "target" ? "green" : "dim")} ${percent(weight)}`;
    const health =
      fleet.running === undefined
        ? ""
        : `  ${fleet.healthy}/${report.desired} ` +
          `healthy${fleet.running === fleet.healthy ? "" : `, ${fleet.running} running`}`;
    const owner = isShared(report) ? "both: " : "";
    const traffic = fleet.total === undefined ? "" : `  ${owner}${describeTraffic(fleet.total)}`;
    return `  ${name(fleet).padEnd(width)}${bar}${health}${traffic}\n`;
  });
  return lines.join("");
}

/** A rolling deployment has both versions in one target group, so its metrics cover both. */
function isShared({ strategy }: DeploymentReport): boolean {
  return strategy === "ROLLING";
}

function weightOf(report: DeploymentReport, { role }: ReportedFleet): number | undefined {
  if (report.weight === undefined) return undefined;
  return role === "target" ? report.weight : 100 - report.weight;
}

function omitted(count: number): readonly string[] {
  return count > 0 ? [`  … ${count} earlier\n`] : [];
}

function renderIntervals({ intervals, startedAt }: DeploymentReport, shown: number): string {
  if (intervals.length === 0) return "";
  const cells = (traffic: Traffic | undefined) =>
    traffic === undefined
      ? ["", "", "", ""]
      : [String(traffic.requests), failures(traffic), ms(traffic.p50Ms), ms(traffic.p99Ms)];
  const rows = intervals
    .slice(-shown)
    .map((each) => [
      `  +${clockTime(each.until - startedAt)}`,
      each.weight === undefined ? "" : `${barOf(each.weight)} ${percent(each.weight)}`,
      ...cells(each.source),
      ...cells(each.target),
    ]);
  const head = [
    "  AT",
    "NEW VERSION'S WEIGHT",
    "OLD REQ",
    "ERRORS",
    "P50",
    "P99",
    "NEW REQ",
    "ERRORS",
    "P50",
    "P99",
  ];
  return `\n${omitted(intervals.length - shown).join("")}${renderTable(head, rows)}`;
}

function renderEvent(event: Event, startedAt: number, paint: Paint): string {
  const line = (kind: string, text: string) =>
    `  +${clockTime(event.at - startedAt)}  ${kind.padEnd(8)}  ${text}`;
  switch (event.type) {
    case "status":
      return line(
        "status",
        paint(event.status, toneOf(event.status)) + (event.reason === undefined ? "" : `: ${event.reason}`),
      );
    case "stage":
      return line("stage", event.stage);
    case "traffic":
      return line(
        "weights",
        `${barOf(event.production)} ${percent(event.production)} of production, ${event.test} % of ` +
          "test traffic to the new version",
      );
    case "hook":
      return line(
        "hook",
        `${event.stage} ${event.status}${event.reason === undefined ? "" : `: ${event.reason}`} (${event.id})`,
      );
    case "alarm":
      return line(
        "alarm",
        `"${event.name}" is ${paint(event.state, event.state === "ALARM" ? "red" : "dim")}`,
      );
    case "health": {
      const { source, target, desired } = event;
      return line(
        "health",
        `old ${source.healthy} of ${source.running}, new ${target.healthy} of ${target.running} ` +
          `healthy (${desired} wanted)`,
      );
    }
  }
}

function describeTraffic(traffic: Traffic): string {
  const latency = traffic.p99Ms === undefined ? "" : `, p50 ${ms(traffic.p50Ms)}, p99 ${ms(traffic.p99Ms)}`;
  return `${traffic.requests} requests, ${failures(traffic)} failed${latency}`;
}

function failures({ errors, requests }: Traffic): string {
  if (errors === 0 || requests === 0) return String(errors);
  return `${errors} (${Math.round((errors / requests) * 1_000) / 10} %)`;
}

function ms(value: number | undefined): string {
  return value === undefined ? "" : `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} ms`;
}

function percent(value: number): string {
  return `${value} %`.padStart(5);
}

function barOf(value: number): string {
  const full = Math.round((value / 100) * BAR);
  return "█".repeat(full) + "░".repeat(BAR - full);
}

function toneOf(status: string): keyof typeof PAINTS {
  if (SUCCESSES.includes(status)) return "green";
  return ONGOING.includes(status) ? "yellow" : "red";
}

/** Formats minutes and seconds, with hours where they are not zero: 05:12, 1:05:12. */
function clockTime(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1_000));
  const two = (value: number) => String(value).padStart(2, "0");
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return seconds < 3_600 ? rest : `${Math.floor(seconds / 3_600)}:${rest}`;
}
