import type * as ecs from "@aws-sdk/client-ecs";
import { AWSLOGS_OPTIONS, logOptionProblem, type ContainerSpec, type SecretReference } from "@gantry/state";
import { toSecretReferences } from "./container-secrets.ts";
import { refused } from "./registration-refusal.ts";

const FARGATE_LOG_DRIVERS = ["awslogs", "splunk", "awsfirelens"];
/** Where a container's output goes, with its options checked. Errors: ClientException. */
export function toLogConfiguration(
  configuration: ecs.LogConfiguration | undefined,
  isFargate: boolean,
): ContainerSpec["logConfiguration"] {
  if (configuration === undefined) return undefined;
  const driver = configuration.logDriver ?? "";
  const options = configuration.options ?? {};
  if (isFargate && !FARGATE_LOG_DRIVERS.includes(driver))
    throw refused(`Log driver ${driver} is not supported for Fargate launch type.`);
  const secretOptions = toSecretReferences(configuration.secretOptions, "secretOptions");
  if (driver !== "awslogs" && driver !== "json-file")
    throw refused(`Gantry supports the log drivers awslogs and json-file so far, not ${driver}.`);
  checkSecretOptions(driver, options, secretOptions);
  if (driver === "json-file") return { logDriver: driver, options: {} };
  const unknown = Object.keys(options).filter((name) => !AWSLOGS_OPTIONS.includes(name));
  if (unknown.length > 0) throw refused(`Log driver awslogs has no option ${unknown.join(", ")}.`);
  for (const required of [
    "awslogs-group",
    "awslogs-region",
    ...(isFargate ? ["awslogs-stream-prefix"] : []),
  ]) {
    if (options[required] === undefined && !secretOptions.some(({ name }) => name === required))
      throw refused(`Log driver awslogs requires options: ${required}`);
  }
  for (const [name, value] of Object.entries(options)) {
    const problem = logOptionProblem(name, value);
    if (problem !== undefined) throw refused(problem);
  }
  return { logDriver: driver, options, ...(secretOptions.length === 0 ? {} : { secretOptions }) };
}

/** Each secret option is one of the driver's, and given once. */
function checkSecretOptions(
  driver: string,
  options: Readonly<Record<string, string>>,
  secretOptions: readonly SecretReference[],
): void {
  const known = driver === "awslogs" ? AWSLOGS_OPTIONS : [];
  const unknown = secretOptions.find(({ name }) => !known.includes(name));
  if (unknown !== undefined) throw refused(`Log driver ${driver} has no option ${unknown.name}.`);
  const names = [...Object.keys(options), ...secretOptions.map(({ name }) => name)];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw refused(`The option ${twice} of log driver ${driver} is given more than once.`);
}
