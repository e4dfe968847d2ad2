import { postgresParameters } from "./postgres-catalog.ts";
import { resolveParameter, type DatabaseSize } from "./parameter-values.ts";
import type { ParameterValues } from "./render-parameters.ts";

/** The files that give a server of PostgreSQL its parameters. */
export interface PostgresFiles {
  /** The part of postgresql.conf that a parameter group sets, one setting a line. */
  readonly settings: string;
  /** pg_hba.conf: who may connect, and how. */
  readonly access: string;
}

/**
 * Renders the parameters of a server of PostgreSQL. It reads both files when it starts and when they change; what can
 * only be set at its start waits for the next one.
 */
export function renderPostgres(values: ParameterValues, size: DatabaseSize, isIam = false): PostgresFiles {
  const lines: string[] = [];
  for (const [name, given] of Object.entries(values).toSorted(([one], [other]) => (one < other ? -1 : 1))) {
    const parameter = postgresParameters().get(name);
    if (given === null || parameter === undefined || !parameter.acts || !parameter.modifiable) continue;
    const value = resolveParameter(parameter, given, size);
    if (name === LOGICAL_REPLICATION) {
      if (isOn(value)) lines.push("wal_level = 'logical'\n");
    } else if (name !== FORCE_SSL) lines.push(`${name} = ${quoted(servedValue(name, value))}\n`);
  }
  return { settings: lines.join(""), access: accessRules(isOn(values[FORCE_SSL] ?? "1"), isIam) };
}

/** Source: Amazon RDS User Guide, "Requiring an SSL connection to a PostgreSQL DB instance": on from version 15. */
const FORCE_SSL = "rds.force_ssl";
const LOGICAL_REPLICATION = "rds.logical_replication";

function isOn(value: string): boolean {
  return /^(?:1|on|true)$/i.test(value);
}

/** Libraries are files, so that the case of their names counts. */
function servedValue(name: string, value: string): string {
  return name === "shared_preload_libraries" ? value.toLowerCase() : value;
}

/** The rules of a server that no client reaches: a standby. */
export const PLATFORM_ALONE = "local all rdsadmin peer map=platform\nlocal all all reject\n";

/**
 * The platform's own user comes through the socket of its container alone. Without encryption the server answers, as on
 * AWS, that no entry admits the client. Members of rds_iam log in with tokens, over TLS, and in no other way.
 */
function accessRules(isForced: boolean, isIam: boolean): string {
  return [
    PLATFORM_ALONE.trim(),
    "host all rdsadmin all reject",
    ...(isIam
      ? ["hostssl all +rds_iam all pam pamservice=gantry-rds", "hostnossl all +rds_iam all reject"]
      : []),
    `${isForced ? "hostssl" : "host"} all all all scram-sha-256`,
    "",
  ].join("\n");
}

/** Source: PostgreSQL 15, "Setting Parameters", "Parameter Interaction via the Configuration File". */
function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}
