import type { DatabaseParameter } from "./database-parameter.ts";
import { POSTGRES_PARAMETERS } from "./postgres-parameters.ts";

/** Parameters of the server that the platform decides. */
const FIXED = (
  "archive_command archive_mode config_file data_directory hba_file ident_file listen_addresses logging_collector " +
  "port restore_command ssl ssl_ca_file ssl_cert_file ssl_key_file unix_socket_directories wal_level"
).split(" ");

const LEVELS = "debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic";

/** Parameters of RDS. Source: Amazon RDS User Guide, "RDS for PostgreSQL DB instance parameter list". */
const OF_RDS: readonly DatabaseParameter[] = [
  { ...parameter("rds.force_ssl", "dynamic", "boolean"), default: "1", allowed: "0,1" },
  { ...parameter("rds.logical_replication", "static", "boolean"), default: "0", allowed: "0,1" },
  {
    ...parameter("rds.adaptive_autovacuum", "dynamic", "boolean"),
    default: "1",
    allowed: "0,1",
    acts: false,
  },
  {
    ...parameter("rds.log_retention_period", "dynamic", "integer"),
    ...{ default: "4320", allowed: "1440-10080", acts: false },
  },
  {
    ...parameter("rds.force_autovacuum_logging_level", "dynamic", "string"),
    ...{ default: "warning", acts: false, namesOnly: true },
    allowed: `disabled,${LEVELS}`,
  },
];

const LOCALES = "C,C.UTF-8,POSIX,en_US.UTF-8";
/** Values that the table does not have: the server gives none, or they do not fit a line. */
const LISTS: Readonly<Record<string, string>> = {
  client_encoding:
    "BIG5,EUC_CN,EUC_JP,EUC_KR,EUC_TW,GB18030,GBK,ISO_8859_5,ISO_8859_6,ISO_8859_7,ISO_8859_8,JOHAB,KOI8R,KOI8U," +
    "LATIN1,LATIN2,LATIN3,LATIN4,LATIN5,LATIN6,LATIN7,LATIN8,LATIN9,LATIN10,SJIS,SQL_ASCII,UHC,UTF8,WIN866,WIN874," +
    "WIN1250,WIN1251,WIN1252,WIN1253,WIN1254,WIN1255,WIN1256,WIN1257,WIN1258",
  DateStyle: "ISO,SQL,Postgres,German,MDY,DMY,YMD",
  default_transaction_isolation: "serializable,repeatable read,read committed,read uncommitted",
  lc_messages: LOCALES,
  lc_monetary: LOCALES,
  lc_numeric: LOCALES,
  lc_time: LOCALES,
  log_min_error_statement: LEVELS,
  log_min_messages: LEVELS,
  shared_preload_libraries: "auto_explain,pg_prewarm,pg_stat_statements",
  timezone_abbreviations: "Default,Australia,India",
};
const ZONES = new Set(["TimeZone", "log_timezone"]);

let known: ReadonlyMap<string, DatabaseParameter> | undefined;

/**
 * The parameters of a server of PostgreSQL by name, in the order of their names: every family is served by the
 * same server. The table is parsed when it is first needed.
 */
export function postgresParameters(): ReadonlyMap<string, DatabaseParameter> {
  known ??= table();
  return known;
}

function table(): ReadonlyMap<string, DatabaseParameter> {
  const all = [
    ...POSTGRES_PARAMETERS.trim().split("\n").map(parse),
    ...OF_RDS,
    ...FIXED.map((name) => ({ ...parameter(name, "static", "string"), modifiable: false })),
  ].toSorted((one, other) => (one.name < other.name ? -1 : 1));
  return new Map(all.map((each) => [each.name, each]));
}

/** A line of the table: name, apply type, data type, allowed values, and the default, which may have spaces. */
function parse(line: string): DatabaseParameter {
  const [name = "", applyType, dataType, allowed, ...fallback] = line.split(" ");
  const values = LISTS[name] ?? (ZONES.has(name) ? zones() : allowed);
  return {
    // The columns of the table have these values alone.
    ...parameter(
      name.toLowerCase(),
      applyType as DatabaseParameter["applyType"],
      dataType as DatabaseParameter["dataType"],
    ),
    default: fallback.join(" ") === "-" ? undefined : fallback.join(" "),
    allowed: values === "-" ? undefined : values,
  };
}

/** The names of the time zone database that Node has too. */
function zones(): string {
  return ["UTC", "GMT", ...Intl.supportedValuesOf("timeZone")].join(",");
}

function parameter(
  name: string,
  applyType: DatabaseParameter["applyType"],
  dataType: DatabaseParameter["dataType"],
): DatabaseParameter {
  const none = { default: undefined, allowed: undefined };
  return { name, applyType, dataType, ...none, acts: true, modifiable: true, namesOnly: true };
}
