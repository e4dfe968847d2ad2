import { spawn } from "node:child_process";
import { constants } from "node:os";
import { UserError } from "../run.ts";
import type { Call } from "./command.ts";
import { environmentOf, withoutOtherEndpoints } from "./env.ts";

/** Terminal signals that reach the whole process group: the tool handles them, and this program waits for it. */
const TERMINAL_SIGNALS = ["SIGINT", "SIGQUIT"] as const;

/**
 * Runs Terraform, or OpenTofu, in the current folder against the instance. Configurations stay as they are:
 * the provider takes its endpoint and credentials from the environment, and an endpoint with an IP address
 * makes it address buckets by path. Returns the exit status of the tool. Errors: UserError where the tool is
 * not installed.
 * Source: Terraform AWS provider, "Custom Service Endpoint Configuration"; "S3 backend", environment
 * variables.
 */
export function run({ folder, command, rest }: Call): Promise<number> {
  return runTool(command.name, rest, terraformEnvironment(folder, process.env));
}

/** The environment of the tool: the caller's, without what would point it elsewhere. */
export function terraformEnvironment(folder: string, given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const environment = environmentOf(folder, given, { tls: "where-required" });
  return {
    ...withoutOtherEndpoints(given),
    ...environment,
    // The S3 backend of earlier versions reads only the endpoint of the service.
    AWS_ENDPOINT_URL_S3: environment.AWS_ENDPOINT_URL,
    AWS_ENDPOINT_URL_STS: environment.AWS_ENDPOINT_URL,
    AWS_EC2_METADATA_DISABLED: "true",
  };
}

function runTool(program: string, parameters: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const ignore = (): void => {};
  for (const signal of TERMINAL_SIGNALS) process.on(signal, ignore);
  const terminate = (): void => void child.kill("SIGTERM");
  process.on("SIGTERM", terminate);
  const child = spawn(program, [...parameters], { stdio: "inherit", env });
  return new Promise<number>((resolve, reject) => {
    child.on("error", (thrown: NodeJS.ErrnoException) =>
      reject(
        thrown.code === "ENOENT"
          ? new UserError(`${program} is not on your PATH: install it first.`)
          : thrown,
      ),
    );
    child.on("exit", (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  }).finally(() => {
    for (const signal of TERMINAL_SIGNALS) process.off(signal, ignore);
    process.off("SIGTERM", terminate);
  });
}
