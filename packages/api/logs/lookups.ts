import { formatArn } from "@gantry/kernel";
import type { LogGroupRecord, Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";

/** The ARN that a log group's name or ARN stands for, without the `:*` that CloudWatch Logs shows at the end of one. */
export function groupArnOf(place: Place, given: string | undefined): string {
  if (given?.startsWith("arn:")) return given.replace(/:\*$/, "");
  return formatArn("logs", place, `log-group:${given ?? ""}`);
}

/** A log group by name or ARN. */
export function groupOf(reader: Reader, place: Place, given: string | undefined): LogGroupRecord | undefined {
  return given === undefined ? undefined : within(reader.get("logGroup", groupArnOf(place, given)), place);
}

/** Errors: ResourceNotFoundException. */
export function findGroup(
  reader: Reader,
  place: Place,
  given: string | undefined,
  message = "The specified log group does not exist.",
): LogGroupRecord {
  const group = groupOf(reader, place, given);
  if (group === undefined) throw new ApiError("ResourceNotFoundException", message);
  return group;
}

/**
 * Errors: InvalidParameterException for a group of the class INFREQUENT_ACCESS.
 * Source: CloudWatch Logs User Guide, "Log classes".
 */
export function refuseInfrequent(group: LogGroupRecord, what: string): void {
  if (group.class !== undefined)
    throw invalidParameter(`Log groups of the class ${group.class} do not support ${what}.`);
}

export function invalidParameter(message: string): ApiError {
  return new ApiError("InvalidParameterException", message);
}

export function invalidToken(): ApiError {
  return new ApiError("InvalidParameterException", "The specified nextToken is invalid.");
}
