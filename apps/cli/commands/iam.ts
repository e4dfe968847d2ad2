import { operatorHeaders, type Explanation } from "@gantry/control-plane";
import { presentInstance } from "../platform.ts";
import { UserError } from "../run.ts";
import type { Call } from "./command.ts";

const USAGE =
  "Name the principal, the action and the resource: gantry iam explain fileshare-task s3:PutObject " +
  '"arn:aws:s3:::bucket/key".';

/**
 * Reports whether a user or role is allowed an action and which statement decides. Exit status 0: allowed, 2:
 * denied.
 */
export async function run({ folder, words, flag, value }: Call): Promise<number> {
  const [verb, principal, action, resource = "*", ...more] = words;
  if (
    verb !== "explain" ||
    principal === undefined ||
    action === undefined ||
    more.length > 0 ||
    !action.includes(":")
  )
    throw new UserError(USAGE);
  const settings = presentInstance(folder);
  const query = new URLSearchParams({ principal, action, resource });
  for (const pair of (value("context") ?? "").split(",").filter(Boolean)) query.append("context", pair);
  const response = await fetch(`http://127.0.0.1:${settings.port}/gantry/explain?${query.toString()}`, {
    headers: operatorHeaders(settings.folder),
  }).catch(() => undefined);
  if (response?.ok !== true) throw new UserError('Gantry is down: run "gantry up" to start it.');
  const explanation = (await response.json()) as Explanation; // Our own control plane's answer.
  if (explanation.principal === undefined) throw new UserError(explanation.reason);
  if (flag("json")) process.stdout.write(`${JSON.stringify(explanation)}\n`);
  else {
    process.stdout.write(`${explanation.allowed ? "Allowed" : "Denied"}: ${explanation.reason}\n`);
    for (const { policy, number, sid, effect } of explanation.statements)
      process.stdout.write(
        `  ${effect} by statement ${number}${sid === undefined ? "" : ` (${sid})`} of ${policy}\n`,
      );
    if (explanation.unknownKeys.length > 0)
      process.stdout.write(
        `Unknown condition keys: ${explanation.unknownKeys.join(", ")}. A Deny that names one always ` +
          `applies, an Allow never does.\n`,
      );
  }
  return explanation.allowed ? 0 : 2;
}
