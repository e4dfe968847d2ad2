import type * as ecs from "@aws-sdk/client-ecs";
import type { ContainerSpec } from "@gantry/state";
import { ApiError } from "@gantry/wire";
import { refuseMembers } from "../common/refuse.ts";

const FARGATE_LOG_DRIVERS = ["awslogs", "splunk", "awsfirelens"];
const LOG_OPTIONS = [
  "awslogs-group",
  "awslogs-region",
  "awslogs-stream-prefix",
  "awslogs-create-group",
  "awslogs-multiline-pattern",
  "awslogs-datetime-format",
  "mode",
  "max-buffer-size",
];

const BUFFER_SIZE = /^\d+[kmg]?b?$/i;
/** The options that take few values, each with what it may be. */
const LOG_OPTION_VALUES: Readonly<Record<string, { readonly test: RegExp; readonly words: string }>> = {
  mode: { test: /^(blocking|non-blocking)$/, words: "blocking or non-blocking" },
  "max-buffer-size": { test: BUFFER_SIZE, words: "a number of bytes, or one with the unit k, m or g" },
  "awslogs-create-group": { test: /^(true|false)$/, words: "true or false" },
};

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
  refuseMembers(configuration, ["secretOptions"], "ClientException", "containerDefinitions.logConfiguration");
  if (driver === "json-file") return { logDriver: driver, options: {} };
  if (driver !== "awslogs")
    throw refused(`Gantry supports the log drivers awslogs and json-file so far, not ${driver}.`);
  const unknown = Object.keys(options).filter((name) => !LOG_OPTIONS.includes(name));
  if (unknown.length > 0) throw refused(`Log driver awslogs has no option ${unknown.join(", ")}.`);
  for (const required of [
    "awslogs-group",
    "awslogs-region",
    ...(isFargate ? ["awslogs-stream-prefix"] : []),
  ]) {
    if (options[required] === undefined) throw refused(`Log driver awslogs requires options: ${required}`);
  }
  for (const [name, { test, words }] of Object.entries(LOG_OPTION_VALUES)) {
    const value = options[name];
    if (value !== undefined && !test.test(value))
      throw refused(`Log driver awslogs: the option ${name} must be ${words}, not ${value}.`);
  }
  if (options["awslogs-multiline-pattern"] !== undefined) checkPattern(options["awslogs-multiline-pattern"]);
  return { logDriver: driver, options };
}

function checkPattern(pattern: string): void {
  try {
    new RegExp(pattern);
  } catch {
    throw refused(`The option awslogs-multiline-pattern is no regular expression: ${pattern}`);
  }
}

function refused(message: string): ApiError {
  return new ApiError("ClientException", message);
}
