import type * as sdk from "@aws-sdk/client-rds";
import type { DatabaseInstanceRecord } from "@gantry/state";
import { LOG_TYPES } from "@gantry/state/transactions/database-logs";
import { ApiError } from "./api-error.ts";

type Instance = Pick<DatabaseInstanceRecord, "engine" | "engineVersion">;
type Exports = Pick<DatabaseInstanceRecord, "logExports">;

/** The types of logs that a new instance publishes. Errors: InvalidParameterCombination. */
export function firstLogExports(instance: Instance, types: readonly string[] | undefined): Exports {
  checkTypes(instance, types);
  return types === undefined || types.length === 0 ? {} : { logExports: [...new Set(types)].toSorted() };
}

/** The types after a change. Errors: InvalidParameterCombination. */
export function changedLogExports(
  instance: Instance & Exports,
  change: sdk.CloudwatchLogsExportConfiguration | undefined,
): Exports {
  if (change === undefined) return {};
  const { EnableLogTypes: enabled = [], DisableLogTypes: disabled = [] } = change;
  checkTypes(instance, [...enabled, ...disabled]);
  const left = (instance.logExports ?? []).filter((type) => !disabled.includes(type));
  const next = [...new Set([...left, ...enabled])].toSorted();
  return { logExports: next.length === 0 ? undefined : next };
}

function checkTypes({ engine, engineVersion }: Instance, types: readonly string[] = []): void {
  const unknown = types.filter((type) => !LOG_TYPES[engine].includes(type));
  if (unknown.length > 0)
    throw new ApiError(
      "InvalidParameterCombination",
      `You cannot use the log types ${unknown.map((type) => `'${type}'`).join(", ")} with engine version ` +
        `${engine} ${engineVersion}. For supported log types, see the documentation.`,
    );
}
