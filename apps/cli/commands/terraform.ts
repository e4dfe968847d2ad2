import { spawn } from "node:child_process";
import { constants } from "node:os";
import { startNamedHostsProxy } from "../named-hosts-proxy.ts";
import { UserError } from "../run.ts";
import type { Call } from "./command.ts";
import { environmentOf, withoutOtherEndpoints } from "./env.ts";

/** Terminal signals that reach the whole process group: the tool handles them, and this program waits for it. */
const TERMINAL_SIGNALS = ["SIGINT", "SIGQUIT"] as const;

/**
 * Runs Terraform, or OpenTofu, in the current folder against the instance. Configurations stay as they are: the
 * provider takes its endpoint and credentials from the environment, and an endpoint with an IP address makes it
 * address buckets by path. The host of S3 Control begins with the account: unless the caller has a proxy, one of
 * this command's own leads such names to the instance. Returns the exit status of the tool. Errors: UserError where
 * the tool is not installed. Source: Terraform AWS provider, "Custom Service Endpoint Configuration"; "S3 backend",
 * environment variables.
 */
export async function run({ folder, command, rest }: Call): Promise<number> {
  const environment = terraformEnvironment(folder, process.env);
  if (environment["HTTP_PROXY"] !== undefined || environment["http_proxy"] !== undefined)
    return runTool(command.name, rest, environment);
  const proxy = await startNamedHostsProxy();
  try {
    return await runTool(command.name, rest, { ...environment, HTTP_PROXY: proxy.url });
  } finally {
    proxy.close();
  }
}

/** The environment of the tool: the caller's, without what would point it elsewhere. */
export function terraformEnvironment(folder: string, given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const environment = environmentOf(folder, given, { tls: "where-required" });
  // The provider prefixes the host with the account, which an address does not take.
  const control = environment.AWS_ENDPOINT_URL.replace("127.0.0.1", "s3-control.localhost");
  return {
    ...withoutOtherEndpoints(given),
    ...environment,
    // The S3 backend of earlier versions reads only the endpoint of the service.
    AWS_ENDPOINT_URL_S3: environment.AWS_ENDPOINT_URL,
    AWS_ENDPOINT_URL_S3_CONTROL: control,
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
