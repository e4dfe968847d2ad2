import { readFileSync } from "node:fs";
import { join } from "node:path";
import { namingOf } from "@gantry/agent";
import { operatorHeaders, type InstanceSettings } from "@gantry/control-plane";
import { healthOf } from "../control-plane-process.ts";
import { presentInstance } from "../platform.ts";
import { PROJECT } from "../project.ts";
import type { Call } from "./command.ts";

interface Status {
  readonly version: string;
  readonly running: boolean;
  readonly endpoint: string;
  readonly registry: string;
  readonly console: string;
  readonly credentialsFile: string;
  readonly controlPlane: { readonly pid: number | undefined };
  readonly agents: readonly { readonly pid: number; readonly container: string }[];
  readonly loadBalancers: readonly LoadBalancerStatus[];
  readonly networkProblems: readonly NetworkProblem[];
}

/** Security rules that are not in effect, VPCs that are closed, and assignments that the node refused. */
interface NetworkProblem {
  readonly subject: string;
  readonly closed: boolean;
  readonly problem: string;
}

interface LoadBalancerStatus {
  readonly arn: string;
  readonly dnsName: string;
  readonly listeners: readonly { readonly port: number; readonly url: string }[];
}

/** Prints what runs and where. */
export async function run({ folder, flag }: Call): Promise<number> {
  const settings = presentInstance(folder);
  const status = await statusOf(settings);
  if (flag("json")) {
    process.stdout.write(`${JSON.stringify(status)}\n`);
    return status.running ? 0 : 1;
  }
  process.stdout.write(
    status.running ? `Gantry ${status.version} is up\n` : 'Gantry is down: "gantry up" brings it back.\n',
  );
  if (!status.running) return 1;
  process.stdout.write(
    `  AWS endpoint   ${status.endpoint}\n  registry       ${status.registry}\n  console        ${status.console}\n  credentials    ${status.credentialsFile}\n`,
  );
  for (const balancer of status.loadBalancers)
    for (const listener of balancer.listeners)
      process.stdout.write(
        `  load balancer  ${listener.url}${new URL(listener.url).port === String(listener.port) || new URL(listener.url).port === "" ? "" : ` (listener port ${listener.port} is taken on this host)`}\n`,
      );
  for (const { subject, closed, problem } of status.networkProblems)
    process.stdout.write(
      `  network        ${subject}${closed ? " is closed for new connections" : ""}: ${problem}\n`,
    );
  return 0;
}

export async function statusOf(settings: InstanceSettings): Promise<Status> {
  const health = await healthOf(settings);
  const { version } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as { version: string }; // Our own manifest.
  return {
    version,
    running: health !== undefined,
    endpoint: `http://127.0.0.1:${settings.port}`,
    registry: `127.0.0.1:${settings.registryPort}`,
    console: `http://127.0.0.1:${settings.consolePort}`,
    credentialsFile: join(settings.folder, "credentials"),
    controlPlane: { pid: health?.pid },
    agents: (health?.agents ?? []).map((agent) => ({
      pid: agent.pid,
      container: namingOf(settings.instance).agent(),
    })),
    ...(health === undefined ? { loadBalancers: [], networkProblems: [] } : await detailsOf(settings)),
  };
}

/** What the control plane alone knows. */
async function detailsOf(
  settings: InstanceSettings,
): Promise<Pick<Status, "loadBalancers" | "networkProblems">> {
  const response = await fetch(`http://127.0.0.1:${settings.port}/gantry/status`, {
    headers: operatorHeaders(settings.folder),
    signal: AbortSignal.timeout(5_000),
  });
  if (!response.ok) return { loadBalancers: [], networkProblems: [] };
  return (await response.json()) as Pick<Status, "loadBalancers" | "networkProblems">; // As healthOf.
}
