import * as rds from "@aws-sdk/client-rds";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new rds.RDSClient(api.client());
const create = async (
  DBInstanceIdentifier: string,
  more: Partial<rds.CreateDBInstanceCommandInput> = {},
): Promise<rds.DBInstance> => {
  const command = new rds.CreateDBInstanceCommand({
    ...{ DBInstanceIdentifier, Engine: "postgres", DBInstanceClass: "db.t3.micro", AllocatedStorage: 20 },
    ...{ MasterUsername: "postgres", MasterUserPassword: "long-enough" },
    ...more,
  });
  return (await client.send(command)).DBInstance ?? {};
};
const recordOf = (name: string) =>
  api.store.list("databaseInstance").find((record) => record.identifier === name);
const newGroup = (DBParameterGroupName: string, DBParameterGroupFamily: string) => {
  const input = { DBParameterGroupName, DBParameterGroupFamily, Description: "Ours." };
  return client.send(new rds.CreateDBParameterGroupCommand(input));
};
const set = (DBParameterGroupName: string, ...Parameters: rds.Parameter[]) =>
  client.send(new rds.ModifyDBParameterGroupCommand({ DBParameterGroupName, Parameters }));
const parameter = (
  ParameterName: string,
  ParameterValue: string,
  ApplyMethod: rds.ApplyMethod = "immediate",
): rds.Parameter => ({ ParameterName, ParameterValue, ApplyMethod });

describe("an instance of PostgreSQL", () => {
  it("has the port, licence and groups of its engine, and names the server that runs", async () => {
    expect(await create("plain")).toMatchObject({
      ...{ Engine: "postgres", EngineVersion: "15.14", LicenseModel: "postgresql-license" },
      DBParameterGroups: [{ DBParameterGroupName: "default.postgres15", ParameterApplyStatus: "in-sync" }],
      OptionGroupMemberships: [{ OptionGroupName: "default:postgres-15" }],
      TagList: [{ Key: "aws:gantry:engine-version", Value: "PostgreSQL 15" }],
    });
    expect(recordOf("plain")).toMatchObject({ port: 5_432, masterUsername: "postgres" });
    await create("own", { Port: 5_433, LicenseModel: "postgresql-license", DBName: "_Orders_1" });
    expect(recordOf("own")).toMatchObject({ port: 5_433, databaseName: "_Orders_1" });
    const license = create("licence", { LicenseModel: "general-public-license" });
    await expect(license).rejects.toThrow("Invalid license model");
  });

  it("reports the version that is asked for, and changes it within its major version", async () => {
    expect((await create("major", { EngineVersion: "17" })).EngineVersion).toBe("17.6");
    expect((await create("minor", { EngineVersion: "16.4" })).EngineVersion).toBe("16.4");
    const modify = async (EngineVersion: string) => {
      const input = { DBInstanceIdentifier: "minor", EngineVersion, LicenseModel: "postgresql-license" };
      return (await client.send(new rds.ModifyDBInstanceCommand(input))).DBInstance?.EngineVersion;
    };
    expect(await modify("16.9")).toBe("16.9");
    expect(await modify("16")).toBe("16.9");
    await expect(modify("17.6")).rejects.toThrow("Cannot upgrade postgres from 16.9 to 17.6");
    for (const version of ["9.6", "14.1", "18", "15.x", "15.1.2", "x"])
      await expect(create("none", { EngineVersion: version }), version).rejects.toThrow(
        `Cannot find version ${version} for postgres`,
      );
  });

  it.each([
    ["admin", "reserved word"],
    ["RDSAdmin", "reserved word"],
    ["user", "reserved word"],
    ["rds_superuser", "reserved word"],
    ["pg_owner", 'starting with "pg_"'],
    ["o'; DROP ROLE x--", "not a valid identifier"],
    ['o"', "not a valid identifier"],
    ["1st", "not a valid identifier"],
    ["a\nb", "not a valid identifier"],
    ["a".repeat(64), "not a valid identifier"],
    ["", "not a valid identifier"],
  ])("has no master user %j", async (MasterUsername, message) => {
    const made = create("refused", { MasterUsername });
    await expect(made).rejects.toMatchObject({
      ...{ name: "InvalidParameterValue", message: expect.stringContaining(message) },
    });
  });

  it.each(["1st", 'a"b', "a'b", "a b", "a\nb", "a-b", "template1", "rdsadmin", "select", "a".repeat(64), ""])(
    "has no database %j",
    async (DBName) => {
      await expect(create("refused", { DBName })).rejects.toMatchObject({ name: "InvalidParameterValue" });
    },
  );

  it("has a password of up to 128 characters", async () => {
    const password = "a$(id)`id`;--\\%".padEnd(128, "x");
    await create("long", { MasterUsername: "A".repeat(63), MasterUserPassword: password });
    expect(api.vault.open(recordOf("long")?.sealedPassword ?? "")).toBe(password);
    for (const MasterUserPassword of [
      "short",
      "with'quote",
      'with"quote',
      "a b c d e",
      "line\nbreak",
      `${password}x`,
    ])
      await expect(create("refused", { MasterUserPassword })).rejects.toThrow("not a valid password");
    const longer = { DBInstanceIdentifier: "long", MasterUserPassword: `${password}x` };
    await expect(client.send(new rds.ModifyDBInstanceCommand(longer))).rejects.toThrow("8 to 128");
  });
});

it("offers the versions, classes and licence of PostgreSQL", async () => {
  const versions = async (input: rds.DescribeDBEngineVersionsCommandInput) =>
    (await client.send(new rds.DescribeDBEngineVersionsCommand(input))).DBEngineVersions ?? [];
  const all = await versions({ Engine: "postgres" });
  expect(
    all.map((each) => [each.EngineVersion, each.MajorEngineVersion, each.DBParameterGroupFamily]),
  ).toEqual([
    ["15.14", "15", "postgres15"],
    ["16.10", "16", "postgres16"],
    ["17.6", "17", "postgres17"],
  ]);
  expect(all[2]?.DBEngineVersionDescription).toBe("postgres 17.6, served by PostgreSQL 15");
  expect(await versions({ Engine: "postgres", DefaultOnly: true })).toMatchObject([
    { EngineVersion: "15.14" },
  ]);
  expect(await versions({ Engine: "postgres", EngineVersion: "16" })).toMatchObject([
    { EngineVersion: "16.10" },
  ]);
  expect(await versions({ Engine: "postgres", EngineVersion: "16.3" })).toMatchObject([
    { EngineVersion: "16.3" },
  ]);
  const input = { Engine: "postgres", EngineVersion: "17.6", DBInstanceClass: "db.t4g.micro" };
  const orderable = async (LicenseModel?: string) => {
    const command = new rds.DescribeOrderableDBInstanceOptionsCommand({ ...input, LicenseModel });
    return (await client.send(command)).OrderableDBInstanceOptions ?? [];
  };
  expect(await orderable("postgresql-license")).toEqual(await orderable());
  const each = () => ({ ...input, LicenseModel: "postgresql-license" });
  expect(await orderable()).toMatchObject(Array.from({ length: 5 }, each));
  expect(await orderable("general-public-license")).toEqual([]);
});

describe("a parameter group of PostgreSQL", () => {
  it("has PostgreSQL's parameters, of each family, and default groups", async () => {
    await newGroup("pg", "postgres17");
    await set(
      "pg",
      parameter("work_mem", "{DBInstanceClassMemory/1048576}"),
      parameter("log_statement", "ddl"),
      parameter("max_connections", "LEAST({DBInstanceClassMemory/9531392},5000)", "pending-reboot"),
      parameter("shared_preload_libraries", "pg_stat_statements,auto_explain", "pending-reboot"),
      parameter("timezone", "Europe/Rome"),
      parameter("rds.force_ssl", "0"),
      parameter("log_line_prefix", "it's %m\\"),
    );
    await create("grouped", { EngineVersion: "17", DBParameterGroupName: "pg" });
    expect(recordOf("grouped")?.parameters?.values).toMatchObject({
      log_statement: "ddl",
      "rds.force_ssl": "0",
    });
    const other = create("other", { EngineVersion: "16", DBParameterGroupName: "pg" });
    await expect(other).rejects.toThrow("DBParameterGroupFamily postgres16");
    const list = new rds.DescribeDBParametersCommand({ DBParameterGroupName: "default.postgres16" });
    const { Parameters = [] } = await client.send(list);
    expect(Parameters.length).toBe(100);
  });

  it.each([
    [parameter("max_connections", "10"), "cannot use immediate apply method for static parameter"],
    [parameter("max_connections", "1", "pending-reboot"), "allowed values are: 6-262143"],
    [parameter("log_statement", "1"), "allowed values are: none,ddl,mod,all"],
    [parameter("log_line_prefix", "a\nssl = off"), "Invalid parameter value"],
    [parameter("log_line_prefix", "a\0b"), "failed to satisfy constraint"],
    [parameter("timezone", "Nowhere/City"), "Invalid parameter value"],
    [parameter("shared_preload_libraries", "/tmp/evil", "pending-reboot"), "Invalid parameter value"],
    [parameter("ssl_key_file", "/etc/passwd", "pending-reboot"), "cannot be modified"],
    [parameter("archive_command", "id", "pending-reboot"), "cannot be modified"],
    [parameter("back_log", "70", "pending-reboot"), "Could not find parameter with name: back_log"],
    [parameter("work_mem = 1\nssl", "1"), "Could not find parameter"],
    [parameter("allow_system_table_mods", "1"), "Could not find parameter"],
  ])("refuses %j", async (wrong, message) => {
    await newGroup("wrong", "postgres15").catch(() => undefined);
    await expect(set("wrong", wrong)).rejects.toThrow(message);
  });
});

it("has option groups without options", async () => {
  const engine = { EngineName: "postgres", MajorEngineVersion: "15" };
  const group = { OptionGroupName: "pg", OptionGroupDescription: "Ours." };
  await client.send(new rds.CreateOptionGroupCommand({ ...group, ...engine }));
  await create("optional", { OptionGroupName: "pg" });
  expect(recordOf("optional")?.optionGroupName).toBe("pg");
  const change = { OptionGroupName: "pg", OptionsToInclude: [{ OptionName: "MARIADB_AUDIT_PLUGIN" }] };
  await expect(client.send(new rds.ModifyOptionGroupCommand(change))).rejects.toThrow("Invalid option name");
  const options = await client.send(new rds.DescribeOptionGroupOptionsCommand({ EngineName: "postgres" }));
  expect(options.OptionGroupOptions).toEqual([]);
  const byName = { OptionGroupName: "default:postgres-17" };
  const { OptionGroupsList } = await client.send(new rds.DescribeOptionGroupsCommand(byName));
  expect(OptionGroupsList).toMatchObject([{ EngineName: "postgres", MajorEngineVersion: "17" }]);
});
