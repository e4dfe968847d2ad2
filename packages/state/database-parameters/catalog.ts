/**
 * The parameters of database servers: which there are in a family, which values they take, and how a server
 * is given them. `mariadb-parameters.ts` is the list of what the server that runs has, `mysql-parameters.ts` of
 * what MySQL has besides; `postgres-parameters.ts` is PostgreSQL's.
 */
import type { DatabaseParameter } from "./database-parameter.ts";
import { MARIADB_PARAMETERS } from "./mariadb-parameters.ts";
import { MYSQL_PARAMETERS } from "./mysql-parameters.ts";
import { postgresParameters } from "./postgres-catalog.ts";

export type { DatabaseParameter } from "./database-parameter.ts";

/** The families that have groups. Source: packages/api/rds/engine-versions.ts. */
export const PARAMETER_FAMILIES = [
  "mysql8.0",
  "mysql8.4",
  "mariadb10.6",
  "mariadb10.11",
  "mariadb11.4",
  "postgres15",
  "postgres16",
  "postgres17",
] as const;
export type ParameterFamily = (typeof PARAMETER_FAMILIES)[number];

export function isParameterFamily(family: string | undefined): family is ParameterFamily {
  return PARAMETER_FAMILIES.some((each) => each === family);
}

/** Parameters of the server that the platform decides. */
const FIXED = (
  "basedir bind_address datadir general_log_file innodb_data_file_path innodb_data_home_dir " +
  "innodb_log_group_home_dir innodb_page_size log_bin log_error pid_file plugin_dir plugin_load_add port read_only " +
  "secure_file_priv server_id skip_name_resolve slow_query_log_file socket tmpdir"
).split(" ");

const SQL_MODES =
  "ALLOW_INVALID_DATES,ANSI,ANSI_QUOTES,EMPTY_STRING_IS_NULL,ERROR_FOR_DIVISION_BY_ZERO,HIGH_NOT_PRECEDENCE," +
  "IGNORE_SPACE,NO_AUTO_CREATE_USER,NO_AUTO_VALUE_ON_ZERO,NO_BACKSLASH_ESCAPES,NO_DIR_IN_CREATE," +
  "NO_ENGINE_SUBSTITUTION,NO_UNSIGNED_SUBTRACTION,NO_ZERO_DATE,NO_ZERO_IN_DATE,ONLY_FULL_GROUP_BY,ORACLE," +
  "PAD_CHAR_TO_FULL_LENGTH,PIPES_AS_CONCAT,REAL_AS_FLOAT,SIMULTANEOUS_ASSIGNMENT,STRICT_ALL_TABLES," +
  "STRICT_TRANS_TABLES,TIME_ROUND_FRACTIONAL,TRADITIONAL";
const CHARACTER_SETS =
  "ascii,big5,binary,cp1250,cp1251,cp1256,cp1257,cp850,cp852,cp866,cp932,dec8,eucjpms,euckr,gb2312,gbk,geostd8," +
  "greek,hebrew,hp8,keybcs2,koi8r,koi8u,latin1,latin2,latin5,latin7,macce,macroman,sjis,swe7,tis620,ucs2,ujis," +
  "utf16,utf16le,utf32,utf8,utf8mb3,utf8mb4";
/** Values that do not fit a line of the table. */
const ALLOWED: Readonly<Record<string, string>> = Object.fromEntries(
  ["client", "connection", "database", "results", "server"].map((of) => [
    `character_set_${of}`,
    CHARACTER_SETS,
  ]),
);

const FURTHER: readonly DatabaseParameter[] = [
  { ...shared("sql_mode", "list"), allowed: SQL_MODES },
  ...FIXED.map((name) => ({ ...shared(name, "string"), applyType: "static" as const, modifiable: false })),
];

function shared(name: string, dataType: DatabaseParameter["dataType"]): DatabaseParameter {
  const none = { default: undefined, allowed: undefined };
  return { name, dataType, applyType: "dynamic", ...none, acts: true, modifiable: true };
}

type Parameters = ReadonlyMap<string, DatabaseParameter>;

let mariadb: Parameters | undefined;
let mysql: Parameters | undefined;

const TLS_PARAMETERS = `
require_secure_transport dynamic boolean 0 0,1
tls_version static list TLSv1.2,TLSv1.3 TLSv1.2,TLSv1.3
`;

/** The parameters of a family by name, in the order of their names. The tables are parsed when first needed. */
export function parametersOf(family: ParameterFamily): Parameters {
  if (family.startsWith("postgres")) return postgresParameters();
  mariadb ??= tableOf([...parse(MARIADB_PARAMETERS, true), ...FURTHER, ...parse(TLS_PARAMETERS, true)]);
  if (family.startsWith("mariadb")) return mariadb;
  mysql ??= mysqlTable(mariadb);
  return mysql;
}

function mysqlTable(known: Parameters): Parameters {
  const isolation = known.get("tx_isolation");
  return tableOf([
    ...known.values(),
    ...parse(MYSQL_PARAMETERS, false),
    // MySQL's name of the same variable.
    ...(isolation === undefined ? [] : [{ ...isolation, name: "transaction_isolation" }]),
  ]);
}

function tableOf(parameters: readonly DatabaseParameter[]): Parameters {
  const sorted = parameters.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  return new Map(sorted.map((each) => [each.name, each]));
}

function parse(table: string, acts: boolean): readonly DatabaseParameter[] {
  return table
    .trim()
    .split("\n")
    .map((line) => {
      const [name = "", applyType, dataType, fallback, allowed] = line.split(" ");
      return {
        name,
        // The columns of the tables have these values alone.
        applyType: applyType as DatabaseParameter["applyType"],
        dataType: dataType as DatabaseParameter["dataType"],
        default: fallback === "-" ? undefined : fallback,
        allowed: ALLOWED[name] ?? (allowed === "-" ? undefined : allowed),
        acts,
        modifiable: true,
      };
    });
}
