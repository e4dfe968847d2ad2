import {
  operatorHeaders,
  type InstanceSettings,
  type PlatformStatus,
  type TaskStatusRow,
} from "@gantry/control-plane";
import { healthOf } from "./control-plane-process.ts";
import { UserError } from "./run.ts";

const ANSWER_MS = 10_000;

/** Queries the control plane for the platform's status. Errors: UserError where it does not answer. */
export async function fetchPlatformStatus(settings: InstanceSettings): Promise<PlatformStatus> {
  return (await askControlPlane(settings, "/gantry/status")) as PlatformStatus; // Our own control plane's answer.
}

/**
 * Sends an operator request to the control plane; a request with a body changes state. Errors: UserError
 * where it does not answer, or refuses.
 */
export async function askControlPlane(
  settings: InstanceSettings,
  path: string,
  body?: object,
): Promise<unknown> {
  const response = await askAsOperator(settings, path, {
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  return response.json();
}

async function askAsOperator(
  settings: InstanceSettings,
  path: string,
  options: RequestInit,
): Promise<Response> {
  // The token is sent only to an authenticated control plane of the instance.
  if ((await healthOf(settings)) === undefined)
    throw new UserError('Gantry is down: run "gantry up" to start it.');
  const response = await fetch(`http://127.0.0.1:${settings.port}${path}`, {
    ...options,
    headers: operatorHeaders(settings.folder),
  }).catch(() => undefined);
  if (response?.status === 400 || response?.status === 404)
    throw new UserError(((await response.json()) as { reason: string }).reason); // As above.
  if (response?.ok !== true)
    throw new UserError('The control plane does not answer: see "gantry logs control-plane".');
  return response;
}

/**
 * Yields the server-sent events of a path of the control plane, until it ends the stream. Errors: UserError
 * where it does not answer, or refuses.
 */
export async function* followControlPlane(settings: InstanceSettings, path: string): AsyncIterable<unknown> {
  const response = await askAsOperator(settings, path, {});
  let text = "";
  for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const events = text.split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) yield JSON.parse(event.replace(/^data: /, ""));
  }
}

/** Finds the task with the id `word`, or the only task whose id begins with it. Errors: UserError. */
export function taskNamed(status: PlatformStatus, word: string): TaskStatusRow {
  const id = word.split("/").at(-1) ?? word;
  const matches = status.tasks.filter((task) => id !== "" && task.id.startsWith(id));
  const [task, ...more] = matches;
  if (task === undefined) throw new UserError(`There is no task "${word}": see "gantry ps".`);
  const exact = matches.find((each) => each.id === id);
  if (exact === undefined && more.length > 0)
    throw new UserError(`${matches.length} tasks begin with "${word}": give a longer prefix of the id.`);
  return exact ?? task;
}

/**
 * Finds the tasks of a service (NAME, or CLUSTER/NAME), or one task. Stopped tasks are left out where the
 * word is a service. Errors: UserError where nothing has that name, or where services of several clusters
 * have it.
 */
export function tasksNamed(status: PlatformStatus, word: string): readonly TaskStatusRow[] {
  const services = status.services.filter(
    (service) => service.name === word || `${service.cluster}/${service.name}` === word,
  );
  const [service, ...more] = services;
  if (service === undefined) return [taskNamed(status, word)];
  if (more.length > 0)
    throw new UserError(
      `Several clusters have a service "${word}": name one, such as ${service.cluster}/${service.name}.`,
    );
  return status.tasks.filter(
    (task) =>
      task.service === service.name && task.cluster === service.cluster && task.lastStatus !== "STOPPED",
  );
}

/** Renders rows as aligned columns under a head; the last column may have any length. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** Formats the age of a time in the largest whole unit: 45s, 12m, 3h, 9d. */
export function ago(at: number, now: number): string {
  const seconds = Math.max(0, Math.floor((now - at) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
