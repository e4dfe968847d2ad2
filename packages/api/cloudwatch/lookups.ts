import { formatArn, parseArn } from "@gantry/kernel";
import type { AlarmRecord, DashboardRecord, Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";

export function alarmArnOf(place: Place, name: string | undefined): string {
  return formatArn("cloudwatch", place, `alarm:${name ?? ""}`);
}

/** Dashboards are global: their ARNs name no region. */
export function dashboardArnOf(place: Place, name: string | undefined): string {
  return formatArn("cloudwatch", { account: place.account, region: "" }, `dashboard/${name ?? ""}`);
}

export function alarmOf(reader: Reader, place: Place, name: string | undefined): AlarmRecord | undefined {
  return name === undefined ? undefined : within(reader.get("alarm", alarmArnOf(place, name)), place);
}

/** The alarms of an account and a region, by name. */
export function alarmsIn(reader: Reader, place: Place): readonly AlarmRecord[] {
  return reader.list("alarm", alarmArnOf(place, ""));
}

/** Errors: ResourceNotFound. */
export function findAlarm(reader: Reader, place: Place, name: string | undefined): AlarmRecord {
  const alarm = alarmOf(reader, place, name);
  if (alarm === undefined) throw new ApiError("ResourceNotFound", `Unknown alarm name: ${name ?? ""}`);
  return alarm;
}

export function dashboardOf(
  reader: Reader,
  place: Place,
  name: string | undefined,
): DashboardRecord | undefined {
  return reader.get("dashboard", dashboardArnOf(place, name));
}

/**
 * The resource of a tagging operation: an alarm or a dashboard of the caller's account.
 * Errors: ResourceNotFoundException.
 */
export function findTagged(
  reader: Reader,
  place: Place,
  arn: string | undefined,
):
  | { readonly kind: "alarm"; readonly record: AlarmRecord }
  | { readonly kind: "dashboard"; readonly record: DashboardRecord } {
  const alarm = within(reader.get("alarm", arn), place);
  if (alarm !== undefined) return { kind: "alarm", record: alarm };
  const dashboard = reader.get("dashboard", arn);
  if (dashboard?.account === place.account) return { kind: "dashboard", record: dashboard };
  const resource = parseArn(arn ?? "")?.resource ?? arn ?? "";
  throw new ApiError("ResourceNotFoundException", `The resource ${resource} does not exist.`, {
    fields: { ResourceType: resource.startsWith("dashboard/") ? "dashboard" : "alarm", ResourceId: arn },
  });
}

export function invalidParameter(message: string): ApiError {
  return new ApiError("InvalidParameterValue", message);
}

export function invalidCombination(message: string): ApiError {
  return new ApiError("InvalidParameterCombination", message);
}

export function validationError(message: string): ApiError {
  return new ApiError("ValidationError", message);
}

export function missingParameter(name: string): ApiError {
  return new ApiError("MissingParameter", `The parameter ${name} is required.`);
}

export function invalidToken(): ApiError {
  return new ApiError("InvalidNextToken", "The next token specified is invalid.");
}
