import type { DatabaseEventSource } from "@gantry/state";
import { ApiError, type ErrorCode } from "./api-error.ts";

/** Source: Amazon RDS User Guide, "Amazon RDS event categories and event messages". */
export const CATEGORIES: Readonly<Record<DatabaseEventSource, readonly string[]>> = {
  "db-instance": (
    "availability,backup,configuration change,creation,deletion,failover,failure,low storage,maintenance," +
    "notification,read replica,recovery,restoration,security,security patching"
  ).split(","),
  "db-parameter-group": ["configuration change"],
  "db-security-group": ["configuration change", "failure"],
  "db-snapshot": ["creation", "deletion", "notification", "restoration"],
};

/** A type of sources; undefined stands for all. Errors: InvalidParameterValue. */
export function toSourceType(given: string | undefined): DatabaseEventSource | undefined {
  if (given === undefined || isSourceType(given)) return given;
  throw new ApiError("InvalidParameterValue", `Invalid source type: ${given.slice(0, 100)}`);
}

function isSourceType(given: string): given is DatabaseEventSource {
  return Object.hasOwn(CATEGORIES, given);
}

/** Errors: the code, for a category that sources of the type do not have. */
export function checkCategories(
  type: DatabaseEventSource | undefined,
  categories: readonly string[],
  code: ErrorCode,
): void {
  const known = type === undefined ? Object.values(CATEGORIES).flat() : CATEGORIES[type];
  for (const each of categories)
    if (!known.includes(each))
      throw new ApiError(code, `Invalid event category for this source type: ${each.slice(0, 100)}`);
}
