import { join } from "node:path";
import { problemOfListen, urlHost, type InstanceSettings } from "@gantry/control-plane";
import { bringUp } from "../platform.ts";
import { programName } from "../project.ts";
import { UserError } from "../run.ts";
import type { Call } from "./command.ts";

/** Starts the platform; a running platform is left unchanged. */
export async function run(call: Call): Promise<number> {
  const given = { ...hostAccessOf(call), ...overcommitOf(call), ...listenOf(call), ...plainHttpOf(call) };
  const settings = await bringUp(call.deps, call.folder, portOf(call), given);
  process.stdout.write(
    `Gantry is up at http://127.0.0.1:${settings.port}. Point the AWS CLI at it: eval ` +
      `"$(${programName()} env)"\nIts certificates are signed by ${join(call.folder, "ca.pem")}: "gantry ` +
      `ca" says how to trust it.\n`,
  );
  if (settings.listen !== undefined)
    process.stdout.write(
      `Other machines reach it at https://${urlHost(settings.listen)}:${settings.port} with the ` +
        `authority in ${join(settings.folder, "ca.pem")}. See docs/listen.md.\n`,
    );
  return 0;
}

/** Parses the requested port. Errors: UserError where it is not a port on which an instance fits. */
export function portOf({ value }: Call): number | undefined {
  const text = value("port");
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1_100 || port > 65_500)
    throw new UserError(`--port must be a number from 1100 to 65500, not "${text}".`);
  return port;
}

function hostAccessOf({ flag }: Call): { allowHostAccess?: boolean } {
  if (flag("allow-host-access") && flag("no-host-access"))
    throw new UserError("Give --allow-host-access or --no-host-access, not both.");
  if (flag("allow-host-access")) return { allowHostAccess: true };
  return flag("no-host-access") ? { allowHostAccess: false } : {};
}

const FACTOR_MAX = 1_000;

/**
 * Parses the requested overcommit factors. Errors: UserError for values that are not numbers from 1 to 1,000.
 */
function overcommitOf({ value }: Call): { overcommit?: Partial<InstanceSettings["overcommit"]> } {
  const factorOf = (option: string): number | undefined => {
    const text = value(option);
    if (text === undefined) return undefined;
    const factor = Number(text);
    if (!/^\d+(\.\d+)?$/.test(text) || factor < 1 || factor > FACTOR_MAX)
      throw new UserError(`--${option} must be a number from 1 to ${FACTOR_MAX}, not "${text}".`);
    return factor;
  };
  const [cpu, memory] = [factorOf("overcommit-cpu"), factorOf("overcommit-memory")];
  if (cpu === undefined && memory === undefined) return {};
  return {
    overcommit: { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) },
  };
}

function listenOf({ value }: Call): { listen?: string } {
  const listen = value("listen");
  if (listen === undefined) return {};
  const problem = problemOfListen(listen);
  if (problem !== undefined) throw new UserError(problem);
  return { listen };
}

function plainHttpOf({ value }: Call): { plainHttp?: InstanceSettings["plainHttp"] } {
  const how = value("plain-http");
  return how === "secure" || how === "insecure" ? { plainHttp: how } : {};
}
