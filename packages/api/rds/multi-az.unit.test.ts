import { DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import * as rds from "@aws-sdk/client-rds";
import type { DatabaseInstanceRecord, DatabaseStandbyRecord } from "@gantry/state";
import { addStandby, standbyOf } from "@gantry/state/transactions/standbys";
import { randomIds } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new rds.RDSClient(api.client());
const NAME = "prod";

const recordOf = (name = NAME) =>
  api.store.list("databaseInstance").find((each) => each.identifier === name) ?? expect.fail();
const change = (more: Partial<DatabaseInstanceRecord>, name = NAME) =>
  api.store.transact((tx) => tx.put("databaseInstance", recordOf(name).arn, { ...recordOf(name), ...more }));
const describeOne = async (DBInstanceIdentifier = NAME) =>
  (await client.send(new rds.DescribeDBInstancesCommand({ DBInstanceIdentifier }))).DBInstances?.[0];
const create = async (name: string, more: Partial<rds.CreateDBInstanceCommandInput> = {}) => {
  const settings = {
    Engine: "postgres",
    DBInstanceClass: "db.t3.micro",
    AllocatedStorage: 20,
    MultiAZ: true,
  };
  const owner = { MasterUsername: "owner", MasterUserPassword: "long-enough" };
  const input = { DBInstanceIdentifier: name, ...settings, ...owner, ...more };
  return (await client.send(new rds.CreateDBInstanceCommand(input))).DBInstance ?? expect.fail();
};
const modify = (input: Partial<rds.ModifyDBInstanceCommandInput>, DBInstanceIdentifier = NAME) =>
  client.send(new rds.ModifyDBInstanceCommand({ DBInstanceIdentifier, ...input }));
const failOver = (DBInstanceIdentifier = NAME) =>
  client.send(new rds.RebootDBInstanceCommand({ DBInstanceIdentifier, ForceFailover: true }));
const messages = async () => {
  const source = { SourceType: "db-instance", SourceIdentifier: NAME } as const;
  const { Events = [] } = await client.send(new rds.DescribeEventsCommand(source));
  return Events.map(({ Message, EventCategories: [category] = [] }) => `${category}: ${Message}`);
};

/** What the standby controller and the node's report do. */
function standby(more: Partial<DatabaseStandbyRecord>): DatabaseStandbyRecord {
  return api.store.transact((tx) => {
    const record = standbyOf(tx, recordOf()) ?? addStandby(tx, randomIds(), recordOf(), 0) ?? expect.fail();
    tx.put("databaseStandby", record.id, { ...record, ...more });
    return { ...record, ...more };
  });
}

beforeAll(async () => {
  await create("single", { MultiAZ: false });
  change({ status: "available" }, "single");
});

describe("a Multi-AZ instance", () => {
  it("is being modified until its standby is synchronous, whose zone it shows then", async () => {
    expect(await create(NAME)).toMatchObject({ MultiAZ: true, DBInstanceStatus: "creating" });
    change({ status: "available" });
    expect(await describeOne()).toMatchObject({ MultiAZ: true, DBInstanceStatus: "modifying" });
    const { availabilityZone } = standby({});
    expect((await describeOne())?.SecondaryAvailabilityZone).toBeUndefined();
    standby({ state: "synchronous", running: true, serverId: "standby" });
    change({ conversion: "done" });
    expect(await describeOne()).toMatchObject({
      ...{ DBInstanceStatus: "available", SecondaryAvailabilityZone: availabilityZone },
    });
    expect((await describeOne())?.AvailabilityZone).not.toBe(availabilityZone);
  });

  it("fails over where a reboot asks for it: the zones change places, and the name stays", async () => {
    const before = (await describeOne()) ?? expect.fail();
    const [{ id }, { networkInterfaceId }] = [standby({}), recordOf()];
    const { DBInstance } = await failOver();
    expect(DBInstance).toMatchObject({
      ...{ DBInstanceStatus: "rebooting", AvailabilityZone: before.SecondaryAvailabilityZone },
      ...{ Endpoint: before.Endpoint, DbiResourceId: before.DbiResourceId, MultiAZ: true },
    });
    expect(recordOf()).toMatchObject({ primaryId: id, serverId: "standby" });
    expect(recordOf().networkInterfaceId).not.toBe(networkInterfaceId);
    await expect(failOver()).rejects.toThrow("is not in available state");
    change({ status: "available", failingOver: undefined });
    // It has no standby for a while.
    expect((await describeOne())?.SecondaryAvailabilityZone).toBeUndefined();
    await expect(failOver()).rejects.toMatchObject({ name: "InvalidDBInstanceStateFault" });
    expect(await messages()).toEqual([
      "creation: DB instance created.",
      "configuration change: Finished applying modification to convert to a Multi-AZ DB instance.",
      "failover: Multi-AZ instance failover started.",
      "availability: DB instance restarted.",
      "failover: Multi-AZ instance failover completed.",
    ]);
  });

  it("does not fail over to a standby that may lack a commit, nor to one that is down", async () => {
    for (const more of [
      { state: "joining", running: true },
      { state: "synchronous", running: false },
    ] as const) {
      standby(more);
      await expect(failOver()).rejects.toThrow("not synchronized with its primary");
    }
  });

  it("gives its standby the security groups that it gets itself", async () => {
    const { networkInterfaceId } = standby({ state: "synchronous", running: true });
    await modify({ VpcSecurityGroupIds: [] });
    expect(api.store.get("networkInterface", networkInterfaceId)?.securityGroups).toEqual([]);
  });

  it("becomes Single-AZ and Multi-AZ again", async () => {
    expect((await modify({ MultiAZ: false })).DBInstance?.MultiAZ).toBe(false);
    await expect(failOver()).rejects.toThrow(
      "You can't enable force failover if the instance isn't configured",
    );
    expect((await describeOne())?.DBInstanceStatus).toBe("available");
    expect((await modify({ MultiAZ: true })).DBInstance).toMatchObject({ DBInstanceStatus: "modifying" });
    expect((await messages()).slice(-3)).toEqual([
      "configuration change: Applying modification to convert to a standard (Single-AZ) DB instance.",
      "configuration change: Finished applying modification to convert to a standard (Single-AZ) DB instance.",
      "configuration change: Applying modification to convert to a Multi-AZ DB instance.",
    ]);
  });

  it("needs subnets in two zones, and cannot choose one", async () => {
    const { Subnets = [] } = await new EC2Client(api.client()).send(new DescribeSubnetsCommand({}));
    const AvailabilityZone = Subnets[0]?.AvailabilityZone;
    await expect(create("no", { AvailabilityZone })).rejects.toThrow(
      "Requesting a specific availability zone",
    );
    api.store.transact((tx) => {
      const [group] = tx.list("databaseSubnetGroup");
      if (group !== undefined)
        tx.put("databaseSubnetGroup", group.arn, { ...group, subnetIds: group.subnetIds.slice(0, 1) });
    });
    const tooFew = { name: "DBSubnetGroupDoesNotCoverEnoughAZs" };
    await expect(create("no")).rejects.toMatchObject(tooFew);
    await expect(modify({ MultiAZ: true }, "single")).rejects.toMatchObject(tooFew);
    await expect(failOver("single")).rejects.toMatchObject({ name: "InvalidParameterCombination" });
  });
});

it("MariaDB records Multi-AZ, and has no standby to fail over to", async () => {
  await create("maria", { Engine: "mariadb", MultiAZ: false });
  change({ status: "available", multiAz: true }, "maria");
  expect(await describeOne("maria")).toMatchObject({ MultiAZ: true, DBInstanceStatus: "available" });
  await expect(failOver("maria")).rejects.toThrow("Gantry runs no standby of mariadb");
});
