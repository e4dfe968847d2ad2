import { isParameterFamily, parametersOf, type DatabaseParameter } from "./catalog.ts";
import { resolveParameter, type DatabaseSize } from "./parameter-values.ts";

/** Values of parameters, or null for the engine's default. */
export type ParameterValues = Readonly<Record<string, string | null>>;

/** The files that give a server its parameters. */
export interface ServerParameters {
  /** Options that it starts with, one a line. */
  readonly options: string;
  /** SQL that sets what can change while it runs, one statement a line. */
  readonly settings: string;
}

/** Dynamic parameters that a new database takes its own default from: they are set before it is created. */
const STARTED_WITH = new Set(["character_set_server"]);

/** Renders the parameters of a server. Parameters that MariaDB does not have are left out. */
export function renderParameters(
  family: string,
  values: ParameterValues,
  size: DatabaseSize,
): ServerParameters {
  const known = isParameterFamily(family) ? parametersOf(family) : new Map<string, DatabaseParameter>();
  const options: string[] = [];
  const settings: string[] = [];
  for (const [name, given] of Object.entries(values).toSorted(([one], [other]) => (one < other ? -1 : 1))) {
    const parameter = known.get(name);
    if (parameter === undefined || !parameter.acts || !parameter.modifiable || !isServed(name, given))
      continue;
    const value = given === null ? undefined : servedValue(resolveParameter(parameter, given, size));
    if (value !== undefined && (parameter.applyType === "static" || STARTED_WITH.has(name)))
      options.push(`--${name.replaceAll("_", "-")}=${value}`);
    if (parameter.applyType === "dynamic") settings.push(setting(parameter, value));
  }
  return { options: lines(options), settings: lines(settings) };
}

/** The server has no time zone tables: it knows offsets alone. */
function isServed(name: string, value: string | null): boolean {
  return name !== "time_zone" || value === null || /^[+-]\d\d?:\d\d$|^UTC$/i.test(value);
}

/** MariaDB's nearest equivalent of the collations of MySQL 8, and its name of UTC. */
function servedValue(value: string): string {
  if (/^utf8mb4_0900_/i.test(value))
    return /_(?:as_cs|bin)$/i.test(value) ? "utf8mb4_bin" : "utf8mb4_unicode_520_ci";
  return /^UTC$/i.test(value) ? "+00:00" : value;
}

function setting(
  { name, dataType, default: fallback }: DatabaseParameter,
  value: string | undefined,
): string {
  const variable = name === "transaction_isolation" ? "tx_isolation" : name;
  const text = value ?? (name === "time_zone" ? "+00:00" : fallback);
  if (text === undefined) return `SET GLOBAL ${variable} = DEFAULT;`;
  const isBare = /^-?\d+(?:\.\d+)?$/.test(text) || (dataType === "boolean" && /^[a-z]+$/i.test(text));
  return `SET GLOBAL ${variable} = ${isBare ? text : quoted(text)};`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join("");
}
