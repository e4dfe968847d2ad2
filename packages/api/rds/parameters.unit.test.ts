import * as rds from "@aws-sdk/client-rds";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new rds.RDSClient(api.client());
const newGroup = async (
  DBParameterGroupName: string,
  more: Partial<rds.CreateDBParameterGroupCommandInput> = {},
): Promise<rds.DBParameterGroup> => {
  const input = { DBParameterGroupName, DBParameterGroupFamily: "mysql8.0", Description: "Ours.", ...more };
  return (await client.send(new rds.CreateDBParameterGroupCommand(input))).DBParameterGroup ?? {};
};
const set = (DBParameterGroupName: string, ...Parameters: rds.Parameter[]) =>
  client.send(new rds.ModifyDBParameterGroupCommand({ DBParameterGroupName, Parameters }));
const parameter = (
  ParameterName: string,
  ParameterValue: string,
  ApplyMethod: rds.ApplyMethod = "immediate",
): rds.Parameter => ({ ParameterName, ParameterValue, ApplyMethod });
const own = async (DBParameterGroupName: string): Promise<Record<string, string | undefined>> => {
  const command = new rds.DescribeDBParametersCommand({ DBParameterGroupName, Source: "user" });
  const { Parameters = [] } = await client.send(command);
  return Object.fromEntries(Parameters.map((each) => [each.ParameterName, each.ParameterValue]));
};
const create = async (DBInstanceIdentifier: string, more: Partial<rds.CreateDBInstanceCommandInput> = {}) => {
  const settings = { Engine: "mysql", DBInstanceClass: "db.t3.micro", AllocatedStorage: 20 };
  const user = { MasterUsername: "admin", MasterUserPassword: "long-enough" };
  const input = { DBInstanceIdentifier, ...settings, ...user, ...more };
  return (await client.send(new rds.CreateDBInstanceCommand(input))).DBInstance;
};
const recordOf = (name: string) =>
  api.store.list("databaseInstance").find((record) => record.identifier === name) ?? expect.fail(name);
/** What the node reports once the server answers. */
const becomeAvailable = (name: string) =>
  api.store.transact((tx) =>
    tx.put("databaseInstance", recordOf(name).arn, { ...recordOf(name), status: "available" }),
  );
const statusOf = async (DBInstanceIdentifier: string) => {
  const { DBInstances } = await client.send(new rds.DescribeDBInstancesCommand({ DBInstanceIdentifier }));
  return DBInstances?.[0]?.DBParameterGroups?.[0];
};
const reboot = (DBInstanceIdentifier: string) =>
  client.send(new rds.RebootDBInstanceCommand({ DBInstanceIdentifier, ForceFailover: false }));

describe("a parameter group", () => {
  it("is created, listed beside the default groups, tagged and deleted", async () => {
    const Tags = [{ Key: "a", Value: "b" }];
    const group = await newGroup("Ours", { Tags });
    const shown = {
      DBParameterGroupName: "ours",
      DBParameterGroupFamily: "mysql8.0",
      Description: "Ours.",
      DBParameterGroupArn: "arn:aws:rds:eu-south-1:000000000000:pg:ours",
    };
    expect(group).toEqual(shown);
    const list = async (input: rds.DescribeDBParameterGroupsCommandInput) =>
      (await client.send(new rds.DescribeDBParameterGroupsCommand(input))).DBParameterGroups ?? [];
    const names = (await list({})).map((each) => each.DBParameterGroupName);
    expect(names).toEqual(expect.arrayContaining(["default.mysql8.0", "default.mariadb10.11", "ours"]));
    expect(await list({ DBParameterGroupName: "OURS" })).toEqual([shown]);
    const arn = { ResourceName: group.DBParameterGroupArn };
    await client.send(new rds.AddTagsToResourceCommand({ ...arn, Tags: [{ Key: "c", Value: "d" }] }));
    await client.send(new rds.RemoveTagsFromResourceCommand({ ...arn, TagKeys: ["a"] }));
    const { TagList } = await client.send(new rds.ListTagsForResourceCommand(arn));
    expect(TagList).toEqual([{ Key: "c", Value: "d" }]);
    const name = { DBParameterGroupName: "ours" };
    await client.send(new rds.DeleteDBParameterGroupCommand(name));
    const gone = list(name);
    await expect(gone).rejects.toMatchObject({ name: "DBParameterGroupNotFoundFault" });
  });

  it("is copied with its values", async () => {
    await newGroup("source");
    await set("source", parameter("max_connections", "99"));
    const copy = (SourceDBParameterGroupIdentifier: string, TargetDBParameterGroupIdentifier: string) =>
      client.send(
        new rds.CopyDBParameterGroupCommand({
          ...{ SourceDBParameterGroupIdentifier, TargetDBParameterGroupIdentifier },
          ...{ TargetDBParameterGroupDescription: "Copied.", Tags: [{ Key: "a", Value: "b" }] },
        }),
      );
    const { DBParameterGroup } = await copy("source", "target");
    expect(DBParameterGroup).toMatchObject({ DBParameterGroupFamily: "mysql8.0", Description: "Copied." });
    expect(await own("target")).toEqual({ max_connections: "99" });
    const arn = { ResourceName: DBParameterGroup?.DBParameterGroupArn };
    const { TagList } = await client.send(new rds.ListTagsForResourceCommand(arn));
    expect(TagList).toEqual([{ Key: "a", Value: "b" }]);
    await expect(copy("source", "target")).rejects.toMatchObject({
      name: "DBParameterGroupAlreadyExistsFault",
    });
    await expect(copy("default.mysql8.0", "other")).rejects.toThrow("Cannot copy a default parameter group");
    // Another account's group is none of the caller's.
    const foreign = copy("arn:aws:rds:eu-south-1:111111111111:pg:source", "other");
    await expect(foreign).rejects.toMatchObject({ name: "DBParameterGroupNotFoundFault" });
  });

  it.each(["1st", "a--b", "a-", "a_b", "default.mysql8.0", "", "a".repeat(256)])(
    "is not named %j",
    async (name) => {
      await expect(newGroup(name)).rejects.toMatchObject({ name: "InvalidParameterValue" });
    },
  );

  it("is of a family that runs", async () => {
    const made = newGroup("old", { DBParameterGroupFamily: "mysql5.1" });
    await expect(made).rejects.toThrow("ParameterGroupFamily mysql5.1 is not a valid parameter group family");
    await newGroup("mariadb", { DBParameterGroupFamily: "mariadb10.11" });
    const mysqlOnly = set("mariadb", parameter("log_error_verbosity", "3"));
    await expect(mysqlOnly).rejects.toThrow("Could not find parameter with name: log_error_verbosity");
  });

  it.each([
    [parameter("no_such", "1"), "InvalidParameterValue", "Could not find parameter with name: no_such"],
    [parameter("datadir", "/"), "InvalidParameterValue", "The parameter datadir cannot be modified."],
    [
      parameter("max_connections", "1"),
      "InvalidParameterValue",
      "Invalid parameter value: 1 for: max_connections allowed values are: 10-100000",
    ],
    [
      parameter("back_log", "99"),
      "InvalidParameterCombination",
      "cannot use immediate apply method for static parameter",
    ],
    [{ ParameterName: "back_log" }, "InvalidParameterValue", "The parameter back_log must have a value."],
    [parameter("init_connect", "a\n--datadir=/"), "InvalidParameterValue", "Invalid parameter value"],
  ])("refuses %j, and changes nothing", async (wrong, code, message) => {
    const name = `wrong-${Math.abs(JSON.stringify(wrong).length)}-${code.length}`;
    await newGroup(name).catch(() => undefined);
    const refused = set(name, parameter("max_connections", "99"), wrong);
    await expect(refused).rejects.toMatchObject({ name: code, message: expect.stringContaining(message) });
    expect(await own(name)).toEqual({});
  });

  it("takes at most 20 changes at once, and a default group none", async () => {
    await newGroup("many");
    const many = Array.from({ length: 21 }, () => parameter("max_connections", "99"));
    await expect(set("many", ...many)).rejects.toThrow("From 1 to 20 parameters");
    const changed = set("default.mysql8.0", parameter("max_connections", "99"));
    await expect(changed).rejects.toThrow("Cannot modify a default parameter group.");
    const deleted = client.send(
      new rds.DeleteDBParameterGroupCommand({ DBParameterGroupName: "default.mysql8.0" }),
    );
    await expect(deleted).rejects.toMatchObject({ name: "InvalidDBParameterGroupStateFault" });
  });

  it("lists the parameters of its family in pages, with what each takes", async () => {
    await newGroup("listed");
    // As a description gives it.
    const described: rds.Parameter = {
      ...{
        ...parameter("back_log", "99", "pending-reboot"),
        Description: "d",
        Source: "user",
        ApplyType: "static",
      },
      ...{ DataType: "integer", AllowedValues: "0-65535", IsModifiable: true, MinimumEngineVersion: "8.0" },
      SupportedEngineModes: ["provisioned"],
    };
    await set("listed", described);
    const reset = { DBParameterGroupName: "listed", Parameters: [described] };
    await client.send(new rds.ResetDBParameterGroupCommand(reset));
    expect(await own("listed")).toEqual({});
    await set("listed", described);
    const page = { DBParameterGroupName: "listed", MaxRecords: 100 };
    const all: rds.Parameter[] = [];
    for (let Marker: string | undefined, pages = 0; pages === 0 || Marker !== undefined; pages += 1) {
      const answer = await client.send(new rds.DescribeDBParametersCommand({ ...page, Marker }));
      all.push(...(answer.Parameters ?? []));
      ({ Marker } = answer);
    }
    expect(all.length).toBeGreaterThan(350);
    expect(all.find((each) => each.ParameterName === "back_log")).toEqual({
      ...{ ParameterName: "back_log", ParameterValue: "99", Source: "user", ApplyType: "static" },
      ...{ DataType: "integer", AllowedValues: "0-65535", IsModifiable: true, ApplyMethod: "pending-reboot" },
    });
    const fixed = await client.send(new rds.DescribeDBParametersCommand({ ...page, Source: "system" }));
    expect(fixed.Parameters?.every((each) => each.IsModifiable === false)).toBe(true);
    const family = { DBParameterGroupFamily: "mysql8.0", MaxRecords: 20 };
    const { EngineDefaults: first } = await client.send(
      new rds.DescribeEngineDefaultParametersCommand(family),
    );
    expect(first).toMatchObject({ DBParameterGroupFamily: "mysql8.0", Parameters: { length: 20 } });
    const next = { ...family, Marker: first?.Marker };
    const { EngineDefaults: second } = await client.send(
      new rds.DescribeEngineDefaultParametersCommand(next),
    );
    expect(second?.Parameters?.[0]?.ParameterName).not.toBe(first?.Parameters?.[0]?.ParameterName);
    const none = new rds.DescribeEngineDefaultParametersCommand({ DBParameterGroupFamily: "x" });
    await expect(client.send(none)).rejects.toThrow("ParameterGroupFamily x");
  });
});

describe("an instance with a parameter group", () => {
  beforeAll(async () => {
    await newGroup("server");
    await set("server", parameter("max_connections", "99"), parameter("back_log", "70", "pending-reboot"));
    await create("server", { DBParameterGroupName: "server" });
    becomeAvailable("server");
  });

  it("starts with its values", async () => {
    expect(recordOf("server").parameters?.values).toEqual({ max_connections: "99", back_log: "70" });
    const inSync = { DBParameterGroupName: "server", ParameterApplyStatus: "in-sync" };
    expect(await statusOf("server")).toEqual(inSync);
    const deleted = client.send(new rds.DeleteDBParameterGroupCommand({ DBParameterGroupName: "server" }));
    await expect(deleted).rejects.toThrow("still members of this parameter group server");
  });

  it("takes dynamic changes at once, and static ones when it is rebooted", async () => {
    await set("server", parameter("max_connections", "98"));
    expect(recordOf("server").parameters?.values).toEqual({ max_connections: "98", back_log: "70" });
    expect((await statusOf("server"))?.ParameterApplyStatus).toBe("in-sync");
    await set(
      "server",
      parameter("back_log", "71", "pending-reboot"),
      parameter("max_connections", "97", "pending-reboot"),
    );
    expect(recordOf("server").parameters?.values).toEqual({ max_connections: "98", back_log: "70" });
    expect((await statusOf("server"))?.ParameterApplyStatus).toBe("pending-reboot");
    expect((await reboot("server")).DBInstance?.DBInstanceStatus).toBe("rebooting");
    expect(recordOf("server").parameters?.values).toEqual({ max_connections: "97", back_log: "71" });
    expect((await statusOf("server"))?.ParameterApplyStatus).toBe("in-sync");
    await expect(reboot("server")).rejects.toMatchObject({ name: "InvalidDBInstanceStateFault" });
    becomeAvailable("server");
  });

  it("gets the defaults back, in the same way", async () => {
    const reset = (more: Partial<rds.ResetDBParameterGroupCommandInput>) =>
      client.send(new rds.ResetDBParameterGroupCommand({ DBParameterGroupName: "server", ...more }));
    await reset({ Parameters: [{ ParameterName: "max_connections", ApplyMethod: "immediate" }] });
    expect(recordOf("server").parameters?.values).toEqual({ max_connections: null, back_log: "71" });
    expect(await own("server")).toEqual({ back_log: "71" });
    await set("server", parameter("max_connections", "96"));
    const both = { ResetAllParameters: true, Parameters: [{ ParameterName: "back_log" }] };
    await expect(reset(both)).rejects.toMatchObject({ name: "InvalidParameterCombination" });
    await reset({ ResetAllParameters: true });
    expect(recordOf("server").parameters?.values).toEqual({ max_connections: null, back_log: "71" });
    expect((await statusOf("server"))?.ParameterApplyStatus).toBe("pending-reboot");
  });

  it("runs with its former group until it is rebooted", async () => {
    await newGroup("next");
    await create("moved");
    becomeAvailable("moved");
    const modify = (DBParameterGroupName: string) =>
      client.send(new rds.ModifyDBInstanceCommand({ DBInstanceIdentifier: "moved", DBParameterGroupName }));
    await modify("next");
    await set("next", parameter("max_connections", "55"));
    expect(recordOf("moved").parameters).toBeUndefined();
    expect(await statusOf("moved")).toEqual({
      DBParameterGroupName: "next",
      ParameterApplyStatus: "pending-reboot",
    });
    await reboot("moved");
    expect(recordOf("moved").parameters?.values).toEqual({ max_connections: "55" });
    becomeAvailable("moved");
    await modify("default.mysql8.0");
    expect((await statusOf("moved"))?.ParameterApplyStatus).toBe("pending-reboot");
    await newGroup("maria", { DBParameterGroupFamily: "mariadb10.11" });
    await expect(modify("maria")).rejects.toThrow(
      "Please use a Parameter Group with DBParameterGroupFamily mysql8.0",
    );
    const unknown = create("unknown", { DBParameterGroupName: "none" });
    await expect(unknown).rejects.toMatchObject({ name: "DBParameterGroupNotFoundFault" });
  });

  it("is stopped and started", async () => {
    await create("paused");
    const named = { DBInstanceIdentifier: "paused" };
    const stop = () => client.send(new rds.StopDBInstanceCommand(named));
    const start = () => client.send(new rds.StartDBInstanceCommand(named));
    await expect(stop()).rejects.toThrow("Instance paused is not in available state.");
    becomeAvailable("paused");
    await expect(start()).rejects.toThrow("Instance paused is not in stopped state.");
    expect((await stop()).DBInstance?.DBInstanceStatus).toBe("stopping");
    api.store.transact((tx) =>
      tx.put("databaseInstance", recordOf("paused").arn, { ...recordOf("paused"), status: "stopped" }),
    );
    expect((await start()).DBInstance?.DBInstanceStatus).toBe("starting");
    becomeAvailable("paused");
    const failover = { ...named, ForceFailover: true };
    await expect(client.send(new rds.RebootDBInstanceCommand(failover))).rejects.toThrow(
      "You can't enable force failover",
    );
  });
});
