import type * as sdk from "@aws-sdk/client-rds";
import type { DatabaseInstanceRecord } from "@gantry/state";
import { LOG_TYPES } from "@gantry/state/transactions/database-logs";
import { ApiError } from "./api-error.ts";
import { pageOfRecords } from "./page-of-records.ts";

type Engine = DatabaseInstanceRecord["engine"];

/**
 * The server behind each engine, whatever version an instance reports.
 * Source: packages/images, gantry/mariadb and gantry/postgres.
 */
export const RUNNING_VERSIONS: Readonly<Record<Engine, string>> = {
  mysql: "MariaDB 10.11",
  mariadb: "MariaDB 10.11",
  postgres: "PostgreSQL 15",
};
const DESCRIPTIONS: Readonly<Record<Engine, string>> = {
  mysql: "MySQL Community Edition",
  mariadb: "MariaDb Community Edition",
  postgres: "PostgreSQL",
};
/** The full version reported for each major version. The first entry of an engine is its default. */
const FAMILIES: Readonly<Record<Engine, Readonly<Record<string, string>>>> = {
  mysql: { "8.0": "8.0.40", "8.4": "8.4.3" },
  mariadb: { "10.11": "10.11.11", "10.6": "10.6.20", "11.4": "11.4.5" },
  postgres: { "15": "15.14", "16": "16.10", "17": "17.6" },
};

/** Whether RDS offers the engine here. */
export function isEngine(engine: string | undefined): engine is Engine {
  return engine !== undefined && Object.hasOwn(FAMILIES, engine);
}

/**
 * The version that an instance reports: the one asked for, because clients compare it with their
 * configuration. A version without its last number stands for the newest of the family, as on AWS. Errors:
 * InvalidParameterCombination.
 */
export function engineVersionOf(engine: Engine, asked: string | undefined): string {
  const families = FAMILIES[engine];
  if (asked === undefined) return Object.values(families)[0] ?? "";
  const newest = families[asked] ?? families[familyOf(engine, asked)];
  const isComplete = engine === "postgres" ? /^\d+(?:\.\d+)?$/ : /^\d+\.\d+(?:\.\d+)?$/;
  if (newest === undefined || !isComplete.test(asked))
    throw new ApiError("InvalidParameterCombination", `Cannot find version ${asked} for ${engine}`);
  return families[asked] ?? asked;
}

/**
 * The version after a change.
 * Errors: InvalidParameterCombination for one of another family: the server stays the same.
 */
export function changedVersion(
  { engine, engineVersion }: Pick<DatabaseInstanceRecord, "engine" | "engineVersion">,
  asked: string | undefined,
): string {
  if (asked === undefined || asked === familyOf(engine, engineVersion)) return engineVersion;
  const next = engineVersionOf(engine, asked);
  if (familyOf(engine, next) === familyOf(engine, engineVersion)) return next;
  throw new ApiError(
    "InvalidParameterCombination",
    `Cannot upgrade ${engine} from ${engineVersion} to ${next}: Gantry changes the version within ` +
      `${familyOf(engine, engineVersion)} alone.`,
  );
}

/** `mysql8.0` */
export function parameterGroupFamily(engine: string, version: string): string {
  return `${engine}${familyOf(engine, version)}`;
}

/** The name of the parameter group of an instance. */
export function parameterGroupNameOf({
  parameterGroupName,
  engine,
  engineVersion,
}: Pick<DatabaseInstanceRecord, "parameterGroupName" | "engine" | "engineVersion">): string {
  return parameterGroupName ?? `default.${parameterGroupFamily(engine, engineVersion)}`;
}

/** The major versions of an engine; none for an unknown one. */
export function majorVersions(engine: string): readonly string[] {
  return isEngine(engine) ? Object.keys(FAMILIES[engine]) : [];
}

/** The versions of an engine that a version stands for: all of them where it is undefined. */
export function offeredVersions(engine: string, version: string | undefined): readonly string[] {
  return versionsOf(version, false)
    .filter((each) => each.Engine === engine)
    .map((each) => each.EngineVersion);
}

/** The name of the option group of an instance. */
export function optionGroupNameOf({
  optionGroupName,
  engine,
  engineVersion,
}: Pick<DatabaseInstanceRecord, "optionGroupName" | "engine" | "engineVersion">): string {
  return optionGroupName ?? `default:${engine}-${familyOf(engine, engineVersion).replace(".", "-")}`;
}

/** `8.0` of MySQL's `8.0.40`, `15` of PostgreSQL's `15.14`. */
export function familyOf(engine: string, version: string): string {
  const parts = engine === "postgres" ? 1 : 2;
  return version.split(".").slice(0, parts).join(".");
}

type EngineVersion = ReturnType<typeof present>;

const FILTERS: Readonly<Record<string, (version: EngineVersion) => string>> = {
  "db-parameter-group-family": (version) => version.DBParameterGroupFamily,
  engine: (version) => version.Engine,
  "engine-mode": () => "provisioned",
  "engine-version": (version) => version.EngineVersion,
  status: (version) => version.Status,
};

/**
 * Versions of the engines that CreateDBInstance takes.
 * Source: API_DescribeDBEngineVersions.
 * Errors: InvalidParameterValue.
 */
export function describeEngineVersions(
  input: sdk.DescribeDBEngineVersionsMessage,
): Pick<sdk.DBEngineVersionMessage, "DBEngineVersions" | "Marker"> {
  for (const { Name: name = "" } of input.Filters ?? [])
    if (FILTERS[name] === undefined)
      throw new ApiError("InvalidParameterValue", `Unrecognized filter name: ${name}`);
  const { Engine: engine, EngineVersion: version, DBParameterGroupFamily: family } = input;
  const fitting = versionsOf(version, input.DefaultOnly === true).filter(
    (each) =>
      (engine === undefined || each.Engine === engine) &&
      (family === undefined || each.DBParameterGroupFamily === family) &&
      (input.Filters ?? []).every(({ Name = "", Values = [] }) =>
        Values.includes(FILTERS[Name]?.(each) ?? ""),
      ),
  );
  const { items, Marker } = pageOfRecords(fitting, (each) => `${each.Engine}/${each.EngineVersion}`, input);
  return { DBEngineVersions: [...items], Marker };
}

/** Every family's version; of a version that is asked for in full, that one. */
function versionsOf(asked: string | undefined, defaultOnly: boolean): readonly EngineVersion[] {
  const engines = Object.keys(FAMILIES) as Engine[]; // The table's own keys.
  return engines.toSorted().flatMap((engine) =>
    Object.entries(FAMILIES[engine])
      .filter((_, index) => !defaultOnly || asked !== undefined || index === 0)
      .filter(([family]) => asked === undefined || isOf(asked, family) || isOf(family, asked))
      .map(([family, newest]) =>
        present(engine, asked !== undefined && asked.startsWith(`${family}.`) ? asked : newest),
      ),
  );
}

/** Whether a version belongs to a shorter one: 8.0.40 to 8.0, 8.0 to 8. */
function isOf(version: string, shorter: string): boolean {
  return `${version}.`.startsWith(`${shorter}.`);
}

function present(engine: Engine, version: string) {
  return {
    Engine: engine,
    EngineVersion: version,
    MajorEngineVersion: familyOf(engine, version),
    DBParameterGroupFamily: parameterGroupFamily(engine, version),
    Status: "available",
    DBEngineDescription: DESCRIPTIONS[engine],
    DBEngineVersionDescription: `${engine} ${version}, served by ${RUNNING_VERSIONS[engine]}`,
    ValidUpgradeTarget: [],
    ExportableLogTypes: [...LOG_TYPES[engine]],
    SupportsLogExportsToCloudwatchLogs: true,
    SupportsReadReplica: true,
    SupportsGlobalDatabases: false,
    SupportsParallelQuery: false,
    SupportedEngineModes: ["provisioned"],
  } satisfies sdk.DBEngineVersion;
}
