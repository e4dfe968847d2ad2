import { ApiError } from "./api-error.ts";
import { checkUsername } from "./names.ts";

/** The licence of an engine, under the name that RDS has for it. */
export function licenseOf(engine: string | undefined): string {
  return engine === "postgres" ? "postgresql-license" : "general-public-license";
}

/** The port of an instance that is created without one. */
export function defaultPortOf(engine: string): number {
  return engine === "postgres" ? 5_432 : 3_306;
}

/**
 * The name of a master user, by the rules of the engine. Errors: InvalidParameterValue.
 * Source: API_CreateDBInstance, MasterUsername; PostgreSQL 15, "SQL Key Words", those that are reserved.
 */
export function checkMasterUsername(engine: string, username = ""): string {
  if (engine !== "postgres") return checkUsername(username);
  const refuse = (reason: string): never => {
    throw new ApiError("InvalidParameterValue", `MasterUsername ${username.slice(0, 100)} ${reason}`);
  };
  if (!/^[A-Za-z][A-Za-z0-9_]{0,62}$/.test(username))
    throw new ApiError(
      "InvalidParameterValue",
      "The parameter MasterUsername is not a valid identifier: it must have 1 to 63 letters, digits or " +
        "underscores and begin with a letter.",
    );
  if (/^pg_/i.test(username))
    return refuse(
      'cannot be used because role names starting with "pg_" are reserved by the PostgreSQL engine',
    );
  if (RESERVED.has(username.toLowerCase()))
    return refuse("cannot be used as it is a reserved word used by the engine");
  return username;
}

/** Checks the name of the first database (`DBName`) by the rules of the engine. Errors: InvalidParameterValue. */
export function checkDatabaseName(engine: string, name: string | undefined): void {
  const isPostgres = engine === "postgres";
  const pattern = isPostgres ? /^[A-Za-z_][A-Za-z0-9_]{0,62}$/ : /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
  if (name === undefined) return;
  if (!pattern.test(name))
    throw new ApiError(
      "InvalidParameterValue",
      "DBName must begin with a letter and contain only alphanumeric characters.",
    );
  if (isPostgres && (RESERVED.has(name.toLowerCase()) || /^template[01]$/i.test(name)))
    throw new ApiError(
      "InvalidParameterValue",
      `DBName ${name} cannot be used. It is a reserved word for this engine`,
    );
}

/** Words that PostgreSQL does not take as names, and the names of the platform's own roles. */
const RESERVED = new Set(
  (
    "admin rdsadmin rds_superuser rds_replication rds_password rds_iam rdsrepladmin public none " +
    "all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate " +
    "collation column concurrently constraint create cross current_catalog current_date current_role " +
    "current_schema current_time current_timestamp current_user default deferrable desc distinct do else end " +
    "except false fetch for foreign freeze from full grant group having ilike in initially inner intersect " +
    "into is isnull join lateral leading left like limit localtime localtimestamp natural not notnull null " +
    "offset on only or order outer overlaps placing primary references returning right select session_user " +
    "similar some symmetric table tablesample then to trailing true union unique user using variadic verbose " +
    "when where window with"
  ).split(" "),
);
