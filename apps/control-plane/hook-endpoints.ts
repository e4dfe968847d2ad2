import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isObject } from "@gantry/kernel";
import { callHookTask, toHookTask, type HookTaskDeps } from "./hook-tasks.ts";

/**
 * A file in the state folder: a JSON object that maps function ARNs to HTTP endpoints, or to tasks as
 * `{"task": {...}}`. Only the operator writes it.
 */
export const HOOKS_FILE = "hooks.json";
const TIMEOUT_MS = 30_000;
const ANSWER_BYTES_MAX = 256 * 1024;

/**
 * Calls deployment hooks as the operator configured for a function's ARN: by a POST of the function's event to an HTTP
 * endpoint, or by a task that gets the event (`callHookTask`).
 * The file is read at each call, so that a change needs no restart. Redirects are not followed.
 * Errors: where nothing is configured, where the endpoint cannot be reached within 30 s, or where it does not
 * answer 2XX with JSON; those of `callHookTask`.
 */
export function hookCaller({
  folder,
  ...deps
}: HookTaskDeps & { readonly folder: string }): (functionArn: string, payload: object) => Promise<unknown> {
  return async (functionArn, payload) => {
    const entry = entryOf(folder, functionArn);
    if (isObject(entry))
      return callHookTask(deps, toHookTask(entry["task"], functionArn), { functionArn, payload });
    const response = await fetch(toEndpoint(entry, functionArn), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(payload),
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`The endpoint of the hook ${functionArn} answered ${response.status}.`);
    return JSON.parse(await boundedText(response, functionArn)) as unknown;
  };
}

/** Reads the body, up to the limit. */
async function boundedText(response: Response, functionArn: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX)
      throw new Error(`The endpoint of the hook ${functionArn} answered more than 256 KiB.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** What the file says of a function; undefined where it says nothing. */
function entryOf(folder: string, functionArn: string): unknown {
  const path = join(folder, HOOKS_FILE);
  const known: unknown = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
  return isObject(known) && Object.hasOwn(known, functionArn) ? known[functionArn] : undefined;
}

function toEndpoint(named: unknown, functionArn: string): URL {
  if (typeof named !== "string" || !URL.canParse(named))
    throw new Error(
      `No HTTP endpoint or task is named for the hook ${functionArn}: add it to ${HOOKS_FILE}.`,
    );
  const url = new URL(named);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new Error(`The endpoint of the hook ${functionArn} in ${HOOKS_FILE} is not an HTTP URL.`);
  return url;
}
