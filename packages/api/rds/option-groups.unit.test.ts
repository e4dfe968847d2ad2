import * as rds from "@aws-sdk/client-rds";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new rds.RDSClient(api.client());
const create = async (OptionGroupName: string, more: Partial<rds.CreateOptionGroupCommandInput> = {}) => {
  const engine = { EngineName: "mysql", MajorEngineVersion: "8.0", OptionGroupDescription: "Ours." };
  return (await client.send(new rds.CreateOptionGroupCommand({ OptionGroupName, ...engine, ...more })))
    .OptionGroup;
};
const modify = async (OptionGroupName: string, more: Partial<rds.ModifyOptionGroupCommandInput>) =>
  (await client.send(new rds.ModifyOptionGroupCommand({ OptionGroupName, ...more }))).OptionGroup;
const include = (name: string, ...OptionsToInclude: rds.OptionConfiguration[]) =>
  modify(name, { OptionsToInclude });
const AUDIT = "MARIADB_AUDIT_PLUGIN";
const list = async (input: rds.DescribeOptionGroupsCommandInput) =>
  (await client.send(new rds.DescribeOptionGroupsCommand(input))).OptionGroupsList ?? [];

describe("an option group", () => {
  it("is created, listed beside the default groups, tagged, and deleted once no instance uses it", async () => {
    const group = await create("Ours", { Tags: [{ Key: "a", Value: "b" }] });
    expect(group).toMatchObject({
      ...{
        OptionGroupName: "ours",
        EngineName: "mysql",
        MajorEngineVersion: "8.0",
        OptionGroupDescription: "Ours.",
      },
      OptionGroupArn: "arn:aws:rds:eu-south-1:000000000000:og:ours",
    });
    const { TagList } = await client.send(
      new rds.ListTagsForResourceCommand({ ResourceName: group?.OptionGroupArn }),
    );
    expect(TagList).toEqual([{ Key: "a", Value: "b" }]);
    const names = (await list({ EngineName: "mysql", MajorEngineVersion: "8.0", MaxRecords: 20 })).map(
      (each) => each.OptionGroupName,
    );
    expect(names).toEqual(["default:mysql-8-0", "ours"]);
    expect(await list({ OptionGroupName: "default:mariadb-10-11" })).toMatchObject([
      { EngineName: "mariadb" },
    ]);
    const named = { OptionGroupName: "ours" };
    await expect(list({ ...named, EngineName: "mysql" })).rejects.toThrow("Cannot specify both");
    const command = new rds.CreateDBInstanceCommand({
      ...{
        DBInstanceIdentifier: "user",
        Engine: "mysql",
        DBInstanceClass: "db.t3.micro",
        AllocatedStorage: 20,
      },
      ...{ MasterUsername: "admin", MasterUserPassword: "long-enough", ...named },
    });
    const memberships = [{ OptionGroupName: "ours", Status: "in-sync" }];
    expect((await client.send(command)).DBInstance?.OptionGroupMemberships).toEqual(memberships);
    const remove = () => client.send(new rds.DeleteOptionGroupCommand(named));
    await expect(remove()).rejects.toThrow("cannot be deleted because it is in use");
    const change = { DBInstanceIdentifier: "user", OptionGroupName: "default:mysql-8-0" };
    const { DBInstance } = await client.send(new rds.ModifyDBInstanceCommand(change));
    expect(DBInstance?.OptionGroupMemberships).toEqual([
      { ...memberships[0], OptionGroupName: "default:mysql-8-0" },
    ]);
    await create("maria", { EngineName: "mariadb", MajorEngineVersion: "10.11" });
    const wrong = client.send(new rds.ModifyDBInstanceCommand({ ...change, OptionGroupName: "maria" }));
    await expect(wrong).rejects.toMatchObject({ name: "InvalidParameterCombination" });
    await remove();
    await expect(list(named)).rejects.toMatchObject({ name: "OptionGroupNotFoundFault" });
  });

  it("records the audit plug-in, and refuses all else", async () => {
    await create("audit");
    const described = {
      ...{ Name: "SERVER_AUDIT_EVENTS", Value: "CONNECT,QUERY_DDL", DefaultValue: "x", Description: "d" },
      ...{
        ApplyType: "DYNAMIC",
        DataType: "STRING",
        AllowedValues: "x",
        IsModifiable: true,
        IsCollection: false,
      },
    };
    const options = {
      OptionsToInclude: [{ OptionName: AUDIT, OptionSettings: [described] }],
      ApplyImmediately: true,
    };
    const group = await modify("audit", options);
    const settings = group?.Options?.[0]?.OptionSettings ?? [];
    const valueOf = (name: string) => settings.find((each) => each.Name === name)?.Value;
    expect([valueOf("SERVER_AUDIT_EVENTS"), valueOf("SERVER_AUDIT_FILE_ROTATIONS")]).toEqual([
      "CONNECT,QUERY_DDL",
      "9",
    ]);
    const setting = (Name: string, Value: string) => ({
      OptionName: AUDIT,
      OptionSettings: [{ Name, Value }],
    });
    await expect(include("audit", setting("SERVER_AUDIT_FILE_ROTATIONS", "101"))).rejects.toThrow("0-100");
    await expect(include("audit", setting("SERVER_AUDIT_EVENTS", "ALL"))).rejects.toThrow("Invalid value");
    await expect(include("audit", setting("__proto__", "1"))).rejects.toThrow("Invalid option setting");
    await expect(include("audit", { OptionName: "MEMCACHED" })).rejects.toThrow(
      "does not support the option MEMCACHED",
    );
    await expect(include("audit", { OptionName: "constructor" })).rejects.toThrow("Invalid option name");
    await expect(include("audit")).rejects.toThrow("at least one option");
    const copy = { SourceOptionGroupIdentifier: "audit", TargetOptionGroupIdentifier: "copy" };
    const more = { TargetOptionGroupDescription: "Copied.", Tags: [{ Key: "a", Value: "b" }] };
    const { OptionGroup } = await client.send(new rds.CopyOptionGroupCommand({ ...copy, ...more }));
    expect(OptionGroup).toMatchObject({ OptionGroupDescription: "Copied.", Options: group?.Options });
    expect((await modify("audit", { OptionsToRemove: [AUDIT] }))?.Options).toEqual([]);
    await expect(modify("audit", { OptionsToRemove: [AUDIT] })).rejects.toThrow("is not in the option group");
    await expect(include("default:mysql-8-0", { OptionName: AUDIT })).rejects.toMatchObject({
      name: "InvalidOptionGroupStateFault",
    });
    await expect(create("old", { MajorEngineVersion: "5.1" })).rejects.toThrow(
      "Cannot find major version 5.1",
    );
  });

  it("has the options that its engine offers", async () => {
    const command = { EngineName: "mysql", MajorEngineVersion: "8.0", MaxRecords: 20 };
    const { OptionGroupOptions } = await client.send(new rds.DescribeOptionGroupOptionsCommand(command));
    expect(OptionGroupOptions?.map((each) => each.Name)).toEqual([AUDIT]);
    const after = { ...command, Marker: Buffer.from(`8.0/${AUDIT}`).toString("base64url") };
    expect((await client.send(new rds.DescribeOptionGroupOptionsCommand(after))).OptionGroupOptions).toEqual(
      [],
    );
    const none = client.send(new rds.DescribeOptionGroupOptionsCommand({ EngineName: "oracle" }));
    await expect(none).rejects.toThrow("Invalid DB engine: oracle");
    const first = await list({ MaxRecords: 20, Marker: Buffer.from("z").toString("base64url") });
    expect(first).toEqual([]);
  });
});

describe("what RDS offers", () => {
  it("are classes with each type of storage, in pages", async () => {
    const ask = async (more: Partial<rds.DescribeOrderableDBInstanceOptionsCommandInput>) =>
      client.send(new rds.DescribeOrderableDBInstanceOptionsCommand({ Engine: "mysql", ...more }));
    const exact = { EngineVersion: "8.0.40", DBInstanceClass: "db.t3.micro", Vpc: true };
    const { OrderableDBInstanceOptions: found } = await ask({
      ...exact,
      LicenseModel: "general-public-license",
    });
    expect(found?.map((each) => each.StorageType)).toEqual(["gp2", "gp3", "io1", "io2", "standard"]);
    expect(found?.[0]).toMatchObject({
      Engine: "mysql",
      EngineVersion: "8.0.40",
      SupportsStorageEncryption: true,
    });
    expect((await ask({ ...exact, Vpc: false })).OrderableDBInstanceOptions).toEqual([]);
    const page = await ask({ MaxRecords: 20 });
    const next = await ask({ MaxRecords: 20, Marker: page.Marker });
    expect(next.OrderableDBInstanceOptions).toHaveLength(20);
    expect(next.OrderableDBInstanceOptions).not.toEqual(page.OrderableDBInstanceOptions);
    // As Terraform's provider asks: ten times the records of other lists.
    const many = await ask({ MaxRecords: 1000 });
    expect(many.OrderableDBInstanceOptions?.slice(0, 20)).toEqual(page.OrderableDBInstanceOptions);
    expect(many.OrderableDBInstanceOptions?.length).toBeGreaterThan(100);
    await expect(ask({ MaxRecords: 1001 })).rejects.toThrow(
      "Invalid value 1001 for MaxRecords. Must be between 20 and 1000",
    );
    await expect(ask({ Engine: "oracle" })).rejects.toThrow("Invalid DB engine or version");
  });

  it("are names of authorities, categories of events, and no clusters", async () => {
    const certificates = (input: rds.DescribeCertificatesCommandInput) =>
      client.send(new rds.DescribeCertificatesCommand(input));
    expect((await certificates({ MaxRecords: 20 })).Certificates).toHaveLength(3);
    const [name] = (await certificates({ CertificateIdentifier: "rds-ca-rsa2048-g1" })).Certificates ?? [];
    expect(name?.CertificateArn).toBe("arn:aws:rds:eu-south-1::cert:rds-ca-rsa2048-g1");
    const Marker = Buffer.from("rds-ca-rsa2048-g1").toString("base64url");
    expect((await certificates({ Marker })).Certificates).toHaveLength(1);
    await expect(certificates({ CertificateIdentifier: "x" })).rejects.toMatchObject({
      name: "CertificateNotFoundFault",
    });
    const categories = (input: rds.DescribeEventCategoriesCommandInput) =>
      client.send(new rds.DescribeEventCategoriesCommand(input));
    const { EventCategoriesMapList } = await categories({ SourceType: "db-parameter-group" });
    expect(EventCategoriesMapList).toEqual([
      { SourceType: "db-parameter-group", EventCategories: ["configuration change"] },
    ]);
    await expect(categories({ SourceType: "x" })).rejects.toThrow("Invalid source type");
    const clusters = (input: rds.DescribeDBClustersCommandInput) =>
      client.send(new rds.DescribeDBClustersCommand(input));
    const all = {
      Filters: [{ Name: "engine", Values: ["aurora"] }],
      MaxRecords: 20,
      Marker: "",
      IncludeShared: true,
    };
    expect((await clusters(all)).DBClusters).toEqual([]);
    const one = clusters({ DBClusterIdentifier: "orders" });
    await expect(one).rejects.toMatchObject({
      ...{ name: "DBClusterNotFoundFault", message: "DBCluster orders not found." },
    });
  });
});
