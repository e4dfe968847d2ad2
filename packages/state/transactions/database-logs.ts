import type { DatabaseInstanceRecord } from "../records.ts";

type Engine = DatabaseInstanceRecord["engine"];

/**
 * The log types of each engine that a database can publish to CloudWatch Logs.
 * Source: Amazon RDS User Guide, "Publishing database logs to Amazon CloudWatch Logs".
 */
export const LOG_TYPES: Readonly<Record<Engine, readonly string[]>> = {
  mysql: ["audit", "error", "general", "slowquery"],
  mariadb: ["audit", "error", "general", "slowquery"],
  postgres: ["postgresql", "upgrade"],
};

/** The folder and the name of the log file of each type. Types that no server writes have none. */
const FILES: Readonly<Record<string, string>> = {
  error: "error/mysql-error-running.log",
  general: "general/mysql-general.log",
  slowquery: "slowquery/mysql-slowquery.log",
  postgresql: "error/postgresql.log",
};

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
/** Source: RDS User Guide, "Log rotation and retention for RDS for MySQL": two weeks, and 2 % of the storage. */
const RETENTION_MS = 14 * DAY_MS;
const STORAGE_SHARE = 0.02;
/** Source: RDS User Guide, "Setting the log retention period": 4 320 minutes. */
const POSTGRES_RETENTION_MINUTES = 4_320;

/**
 * A line that a container of a database writes begins an entry of a log unless it matches: MariaDB's files are marked
 * by packages/images/mariadb-files.ts, and PostgreSQL begins further lines of an entry with a tab.
 */
export const CONTINUED_LINE = "^(?!\\u0001[gs]|\\t)";

/** The group of the log store that holds the log files of an instance: no log group of CloudWatch Logs. */
export const DATABASE_FILES = "rds-log-files/";

export function databaseFilesGroup(resourceId: string): string {
  return `${DATABASE_FILES}${resourceId}`;
}

/** An entry of a log by the type of its log, without the marks of its lines. */
export function logEntryOf(engine: Engine, text: string): { readonly type: string; readonly text: string } {
  if (engine === "postgres") return { type: "postgresql", text };
  const [, mark = ""] = /^\u0001([GgSs])/.exec(text) ?? [];
  const plain = text.replaceAll(/^\u0001[GgSs]/gm, "");
  if (mark === "") return { type: "error", text: plain };
  return { type: mark.toLowerCase() === "g" ? "general" : "slowquery", text: plain };
}

/** The name under which the entries of an hour are kept: each hour has a file of its own, in UTC. */
export function logFileOf(type: string, at: number): string {
  const hour = new Date(at).toISOString().slice(0, 13);
  const [day, time] = hour.split("T");
  return `${FILES[type] ?? type}.${day}${type === "postgresql" ? "-" : "."}${time}`;
}

/** The name of a file as RDS shows it: that of the current hour is without its hour, but for PostgreSQL. */
export function shownFile(name: string, now: number): string {
  const current = Object.keys(FILES).find((type) => type !== "postgresql" && logFileOf(type, now) === name);
  return current === undefined ? name : (FILES[current] ?? name);
}

/** The name under which a file that RDS shows is kept. */
export function keptFile(shown: string, now: number): string {
  const type = Object.keys(FILES).find((each) => FILES[each] === shown);
  return type === undefined ? shown : logFileOf(type, now);
}

/** How long, in ms, and how many bytes of log files an instance keeps. */
export function logLimits({
  engine,
  parameters,
  allocatedStorageGiB,
}: Pick<DatabaseInstanceRecord, "engine" | "parameters" | "allocatedStorageGiB">): {
  readonly ageMs: number;
  readonly bytes: number;
} {
  const minutes = Number(parameters?.values["rds.log_retention_period"] ?? POSTGRES_RETENTION_MINUTES);
  return {
    ageMs: engine === "postgres" ? minutes * 60_000 : RETENTION_MS,
    bytes: allocatedStorageGiB * 1024 ** 3 * STORAGE_SHARE,
  };
}
