import type * as sdk from "@aws-sdk/client-rds";
import type { DatabaseOptionGroupRecord } from "@gantry/state";
import { ApiError } from "./api-error.ts";

type Options = DatabaseOptionGroupRecord["options"];

const AUDIT = "MARIADB_AUDIT_PLUGIN";
const AUDIT_DESCRIPTION = "MariaDB Audit Plugin";
/**
 * The settings of the audit plug-in: default, allowed values, and whether they can be changed.
 * Source: Amazon RDS User Guide, "MariaDB Audit Plugin support for MySQL".
 */
const SETTINGS: Readonly<
  Record<string, readonly [fallback: string | undefined, allowed: string, fixed?: boolean]>
> = {
  SERVER_AUDIT: ["ON", "ON", true],
  SERVER_AUDIT_EVENTS: [
    "CONNECT,QUERY",
    "CONNECT,QUERY,TABLE,QUERY_DDL,QUERY_DML,QUERY_DML_NO_SELECT,QUERY_DCL",
  ],
  SERVER_AUDIT_EXCL_USERS: [undefined, ""],
  SERVER_AUDIT_FILE_PATH: ["/rdsdbdata/log/audit/", "/rdsdbdata/log/audit/", true],
  SERVER_AUDIT_FILE_ROTATE_SIZE: ["1000000", "1-1000000000"],
  SERVER_AUDIT_FILE_ROTATIONS: ["9", "0-100"],
  SERVER_AUDIT_INCL_USERS: [undefined, ""],
  SERVER_AUDIT_LOGGING: ["ON", "ON", true],
  SERVER_AUDIT_QUERY_LOG_LIMIT: ["1024", "0-2147483647"],
};
const TEXT_MAX = 1_024;

/** The options that a group of an engine and version can have: PostgreSQL has extensions instead. */
export function groupOptions(engine: string, major: string): readonly sdk.OptionGroupOption[] {
  if (engine === "postgres") return [];
  return [
    {
      ...{ Name: AUDIT, Description: AUDIT_DESCRIPTION, EngineName: engine, MajorEngineVersion: major },
      ...{ PortRequired: false, Persistent: false, Permanent: false, VpcOnly: false },
      ...{ OptionsDependedOn: [], OptionsConflictsWith: [], RequiresAutoMinorEngineVersionUpgrade: false },
      OptionGroupOptionSettings: Object.entries(SETTINGS).map(([name, [fallback, allowed, fixed]]) => ({
        ...{ SettingName: name, SettingDescription: name, DefaultValue: fallback, ApplyType: "DYNAMIC" },
        ...{ AllowedValues: allowed, IsModifiable: fixed !== true, IsRequired: false },
      })),
    },
  ];
}

/** The options after a change. Errors: InvalidParameterValue. */
export function withOptions(
  { engine, options }: Pick<DatabaseOptionGroupRecord, "engine" | "options">,
  included: readonly sdk.OptionConfiguration[],
  removed: readonly string[],
): Options {
  for (const name of removed)
    if (options[name] === undefined)
      throw new ApiError("InvalidParameterValue", `The option ${name} is not in the option group.`);
  const left = Object.entries(options).filter(([name]) => !removed.includes(name));
  const added = included.map((each) => {
    const { OptionName: name = "", OptionSettings: settings = [] } = each;
    if (name === "MEMCACHED")
      throw new ApiError(
        "InvalidParameterValue",
        "Gantry does not support the option MEMCACHED: leave it out.",
      );
    if (name !== AUDIT || engine === "postgres")
      throw new ApiError("InvalidParameterValue", `Invalid option name: ${name.slice(0, 100)}`);
    return [name, { ...options[name], ...Object.fromEntries(settings.map(toSetting)) }] as const;
  });
  return Object.fromEntries([...left, ...added]);
}

function toSetting({ Name: name = "", Value: value }: sdk.OptionSetting): readonly [string, string] {
  const known = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined;
  if (known === undefined)
    throw new ApiError("InvalidParameterValue", `Invalid option setting: ${name.slice(0, 100)} for ${AUDIT}`);
  const [fallback, allowed] = known;
  if (value === undefined || value.length > TEXT_MAX || !isAllowed(value, allowed))
    throw new ApiError(
      "InvalidParameterValue",
      `Invalid value for the option setting ${name}. Allowed values: ${allowed || "names of users"}`,
    );
  return [name, value === "" ? (fallback ?? "") : value];
}

function isAllowed(value: string, allowed: string): boolean {
  if (value === "" || allowed === "") return true;
  const [, least, most] = /^(\d+)-(\d+)$/.exec(allowed) ?? [];
  if (least !== undefined)
    return /^\d{1,10}$/.test(value) && Number(value) >= Number(least) && Number(value) <= Number(most);
  return value.split(",").every((each) => allowed.split(",").includes(each));
}

export function presentOption([name, settings]: readonly [string, Options[string]]): sdk.Option {
  return {
    ...{ OptionName: name, OptionDescription: AUDIT_DESCRIPTION, Persistent: false, Permanent: false },
    DBSecurityGroupMemberships: [],
    VpcSecurityGroupMemberships: [],
    OptionSettings: Object.entries(SETTINGS).map(([each, [fallback, allowed, fixed]]) => ({
      ...{ Name: each, Value: settings[each] ?? fallback, DefaultValue: fallback, Description: each },
      ...{ ApplyType: "DYNAMIC", DataType: "STRING", AllowedValues: allowed },
      ...{ IsModifiable: fixed !== true, IsCollection: false },
    })),
  };
}
