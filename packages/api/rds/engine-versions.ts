import type * as sdk from "@aws-sdk/client-rds";
import { ApiError } from "@gantry/wire";

/** The version of each engine that instances run. */
export const VERSIONS = { mysql: "8.0.40", mariadb: "10.11.11" } as const;

/** Versions of the engines that there are. Source: API_DescribeDBEngineVersions, Filters. Errors: InvalidParameterValue. */
export function describeEngineVersions(
  input: sdk.DescribeDBEngineVersionsMessage,
): Pick<sdk.DBEngineVersionMessage, "DBEngineVersions"> {
  const all = Object.entries(VERSIONS).map(([Engine, EngineVersion]) => ({
    Engine,
    EngineVersion,
    DBParameterGroupFamily: `${Engine}${EngineVersion.split(".").slice(0, 2).join(".")}`,
    Status: "available",
  }));
  type Version = (typeof all)[number];
  const fields: Readonly<Record<string, (version: Version) => string>> = {
    "db-parameter-group-family": (version) => version.DBParameterGroupFamily,
    engine: (version) => version.Engine,
    "engine-mode": () => "provisioned",
    "engine-version": (version) => version.EngineVersion,
    status: (version) => version.Status,
  };
  const filters = [
    ...(input.Filters ?? []),
    ...(input.Engine === undefined ? [] : [{ Name: "engine", Values: [input.Engine] }]),
    ...(input.DBParameterGroupFamily === undefined
      ? []
      : [{ Name: "db-parameter-group-family", Values: [input.DBParameterGroupFamily] }]),
  ];
  for (const { Name: name = "" } of filters)
    if (fields[name] === undefined)
      throw new ApiError("InvalidParameterValue", `Unrecognized filter name: ${name}`);
  const { EngineVersion: wanted } = input;
  return {
    DBEngineVersions: all.filter(
      (version) =>
        (wanted === undefined ||
          version.EngineVersion === wanted ||
          version.EngineVersion.startsWith(`${wanted}.`)) &&
        filters.every(({ Name = "", Values = [] }) => Values.includes(fields[Name]?.(version) ?? "")),
    ),
  };
}
