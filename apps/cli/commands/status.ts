import { join } from "node:path";
import { namingOf } from "@gantry/agent";
import type { InstanceSettings, PlatformStatus } from "@gantry/control-plane";
import { healthOf } from "../control-plane-process.ts";
import { presentInstance } from "../platform.ts";
import { ago, fetchPlatformStatus, renderTable } from "../platform-status.ts";
import { readVersion } from "../project.ts";
import { describeClock, isReal } from "./clock.ts";
import type { Call } from "./command.ts";

interface Status extends Omit<PlatformStatus, "tasks" | "clock"> {
  /** Undefined where the platform is down. */
  readonly clock: PlatformStatus["clock"] | undefined;
  readonly version: string;
  readonly running: boolean;
  readonly endpoint: string;
  readonly registry: string;
  readonly console: string;
  /** Where public hosted zones are answered, over UDP and TCP. */
  readonly dns: string;
  readonly credentialsFile: string;
  readonly caFile: string;
  readonly controlPlane: { readonly pid: number | undefined };
  readonly agents: readonly { readonly pid: number; readonly container: string }[];
  /** Problems that prevent the platform from working, with the remedy; empty where there are none. */
  readonly problems: readonly string[];
}

/**
 * Prints what runs and where, and the problems that prevent the platform from working. Exit status 1 where it
 * is down.
 */
export async function run({ deps, folder, flag }: Call): Promise<number> {
  const status = await statusOf(presentInstance(folder), deps.clock.now());
  if (flag("json")) process.stdout.write(`${JSON.stringify(status)}\n`);
  else process.stdout.write(renderStatus(status, deps.clock.now()));
  return status.running ? 0 : 1;
}

/** Queries an instance's control plane for its status. `now` is in milliseconds. */
export async function statusOf(settings: InstanceSettings, now: number): Promise<Status> {
  const health = await healthOf(settings);
  const { clock, loadBalancers, networkProblems, nodes, services, overcommit } =
    health === undefined
      ? {
          clock: undefined,
          loadBalancers: [],
          networkProblems: [],
          nodes: [],
          services: [],
          overcommit: settings.overcommit,
        }
      : await fetchPlatformStatus(settings);
  const agents = (health?.agents ?? []).map((agent) => ({
    pid: agent.pid,
    container: namingOf(settings.instance).agent(),
  }));
  return {
    version: readVersion().version,
    running: health !== undefined,
    endpoint: `http://127.0.0.1:${settings.port}`,
    registry: `127.0.0.1:${settings.registryPort}`,
    console: `http://127.0.0.1:${settings.consolePort}`,
    dns: `127.0.0.1:${settings.dnsPort}`,
    credentialsFile: join(settings.folder, "credentials"),
    caFile: join(settings.folder, "ca.pem"),
    controlPlane: { pid: health?.pid },
    agents,
    problems: health === undefined ? [] : problemsOf(nodes, { agents: agents.length, now }),
    clock,
    loadBalancers,
    networkProblems,
    overcommit,
    nodes,
    services,
  };
}

/** The problems that prevent the platform from working. */
export function problemsOf(
  nodes: readonly Pick<PlatformStatus["nodes"][number], "hostname" | "engine">[],
  { agents, now }: { agents: number; now: number },
): readonly string[] {
  const silent = nodes.flatMap(({ hostname, engine }) =>
    engine?.answers === false
      ? [
          `Docker Engine on ${hostname} has not answered for ${ago(engine.since, now)} (since ` +
            `${new Date(engine.since).toISOString()}): restart it, e.g. with "systemctl restart docker"`,
        ]
      : [],
  );
  return agents > 0
    ? silent
    : [...silent, 'The node agent is not connected, so tasks do not change: see "gantry logs agent"'];
}

function renderStatus(status: Status, now: number): string {
  if (!status.running) return 'Gantry is down: run "gantry up" to start it.\n';
  const balancers = status.loadBalancers.flatMap(({ dnsName, state, reason, listeners }) => [
    ...listeners.map((listener) => {
      const { port } = new URL(listener.url);
      const moved =
        port === "" || port === String(listener.port)
          ? ""
          : ` (listener port ${listener.port} is taken on this host)`;
      return `  load balancer  ${listener.url}${moved}\n`;
    }),
    ...(reason === undefined ? [] : [`  load balancer  ${dnsName} is ${state}. ${reason}\n`]),
  ]);
  return [
    status.problems.length === 0
      ? `Gantry ${status.version} is up\n`
      : `Gantry ${status.version} is up, but:\n${status.problems.map((problem) => `  ! ${problem}\n`).join("")}`,
    `  AWS endpoint   ${status.endpoint}\n`,
    `  registry       ${status.registry}\n`,
    `  console        ${status.console}\n`,
    `  DNS            ${status.dns} (public hosted zones)\n`,
    `  credentials    ${status.credentialsFile}\n`,
    `  CA             ${status.caFile} ("gantry ca" says how to trust it)\n`,
    ...(status.clock === undefined || isReal(status.clock)
      ? []
      : [`  clock          ${describeClock(status.clock)}\n`]),
    ...status.nodes.map((node) => renderNode(node, status.overcommit, now)),
    ...balancers,
    ...status.networkProblems.map(
      ({ subject, closed, problem }) =>
        `  network        ${subject}${closed ? " is closed for new connections" : ""}: ${problem}\n`,
    ),
    renderServices(status.services, status.clock?.now ?? now),
  ].join("");
}

/** Renders what the tasks of a node reserve and how much they may reserve. */
function renderNode(
  node: PlatformStatus["nodes"][number],
  overcommit: PlatformStatus["overcommit"],
  now: number,
): string {
  const { hostname, zone, labels, state, lastContactAt, capacity, reserved, allocatable } = node;
  const cores = (units: number): number => Math.round((units / 1024) * 100) / 100;
  const traits = [
    ...(zone === undefined ? [] : [zone]),
    ...Object.entries(labels).map(([name, value]) => `${name}=${value}`),
    ...(state === "DISCONNECTED" ? [`not connected for ${ago(lastContactAt ?? now, now)}`] : []),
  ];
  const shown = traits.length === 0 ? hostname : `${hostname} (${traits.join(", ")})`;
  return (
    `  node           ${shown}: tasks reserve ${cores(reserved.cpuUnits)} of ` +
    `${cores(allocatable.cpuUnits)} vCPU (${cores(capacity.cpuUnits)} × ${overcommit.cpu}) and ` +
    `${reserved.memoryMiB} of ${allocatable.memoryMiB} MiB (${capacity.memoryMiB} × ` +
    `${overcommit.memory})\n`
  );
}

function renderServices(services: PlatformStatus["services"], now: number): string {
  if (services.length === 0) return "";
  const rows = services.map((service) => [
    `${service.cluster}/${service.name}`,
    `${service.running}/${service.desired}`,
    service.status === "ACTIVE" ? (service.rolloutState ?? "") : service.status,
    service.lastEvent === undefined
      ? ""
      : `${ago(service.lastEvent.at, now)} ago: ${service.lastEvent.message.replace(/^\(service [^)]*\) /, "")}`,
  ]);
  const stops = services.flatMap(({ cluster, name, lastStop }) =>
    lastStop === undefined
      ? []
      : [
          `  ${cluster}/${name}: task ${lastStop.task} stopped ${ago(lastStop.at, now)} ago: ${lastStop.reason}\n`,
        ],
  );
  const table = renderTable(["SERVICE", "RUNNING", "ROLLOUT", "LAST EVENT"], rows);
  return `\n${table}${stops.length === 0 ? "" : `\nLast stops:\n${stops.join("")}`}`;
}
