import * as iam from "@aws-sdk/client-iam";
import * as rds from "@aws-sdk/client-rds";
import * as sns from "@aws-sdk/client-sns";
import type { DatabaseInstanceRecord } from "@gantry/state";
import { startApi, startTopicDeliveries, topicCalls } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
const deliveries = startTopicDeliveries(api);
afterAll(async () => {
  await deliveries.stop();
  api.close();
});
const client = new rds.RDSClient(api.client());
const topics = topicCalls(api);

const recordOf = (name: string) =>
  api.store.list("databaseInstance").find((each) => each.identifier === name) ?? expect.fail();
/** What the node's report does. */
const report = (name: string, change: Partial<DatabaseInstanceRecord>) =>
  api.store.transact((tx) =>
    tx.put("databaseInstance", recordOf(name).arn, { ...recordOf(name), ...change }),
  );
const events = async (input: rds.DescribeEventsCommandInput = {}) =>
  (await client.send(new rds.DescribeEventsCommand(input))).Events ?? [];
const messages = async (input: rds.DescribeEventsCommandInput = {}) =>
  (await events(input)).map(({ SourceIdentifier, Message }) => `${SourceIdentifier}: ${Message}`);
async function newInstance(DBInstanceIdentifier: string) {
  const command = new rds.CreateDBInstanceCommand({
    ...{ DBInstanceIdentifier, Engine: "mysql", DBInstanceClass: "db.t3.micro", AllocatedStorage: 20 },
    ...{ MasterUsername: "admin", MasterUserPassword: "long-enough" },
  });
  await client.send(command);
  report(DBInstanceIdentifier, { status: "available" });
}
const subscribe = (input: Partial<rds.CreateEventSubscriptionCommandInput>) =>
  client.send(
    new rds.CreateEventSubscriptionCommand({ SubscriptionName: "none", SnsTopicArn: "none", ...input }),
  );

describe("events", () => {
  beforeAll(async () => {
    const DBInstanceIdentifier = "first";
    await newInstance(DBInstanceIdentifier);
    await client.send(new rds.RebootDBInstanceCommand({ DBInstanceIdentifier }));
    report("first", { status: "available" });
    await client.send(new rds.StopDBInstanceCommand({ DBInstanceIdentifier }));
    report("first", { status: "stopped" });
    await client.send(new rds.StartDBInstanceCommand({ DBInstanceIdentifier }));
    report("first", { status: "available" });
    const change = {
      DBInstanceClass: "db.t3.small",
      AllocatedStorage: 30,
      MasterUserPassword: "another-one",
    };
    await client.send(new rds.ModifyDBInstanceCommand({ DBInstanceIdentifier, ...change }));
    report("first", { status: "available" });
    await client.send(
      new rds.CreateDBSnapshotCommand({ DBInstanceIdentifier, DBSnapshotIdentifier: "kept" }),
    );
    api.store.transact((tx) => {
      const [snapshot] = tx.list("databaseSnapshot");
      if (snapshot !== undefined)
        tx.put("databaseSnapshot", `${snapshot.arn}#${snapshot.id}`, { ...snapshot, completedAt: 1 });
    });
    await client.send(
      new rds.RestoreDBInstanceFromDBSnapshotCommand({
        ...{ DBInstanceIdentifier: "again", DBSnapshotIdentifier: "kept" },
      }),
    );
    report("again", { status: "available" });
    await client.send(new rds.DeleteDBSnapshotCommand({ DBSnapshotIdentifier: "kept" }));
    api.store.transact((tx) => tx.delete("databaseInstance", recordOf("again").arn));
    const group = { DBParameterGroupName: "ours", DBParameterGroupFamily: "mysql8.0", Description: "d" };
    await client.send(new rds.CreateDBParameterGroupCommand(group));
    const Parameters: rds.Parameter[] = [
      { ParameterName: "max_connections", ParameterValue: "50", ApplyMethod: "immediate" },
    ];
    await client.send(new rds.ModifyDBParameterGroupCommand({ DBParameterGroupName: "ours", Parameters }));
  });

  it("tell what happened, in its order", async () => {
    expect(await messages()).toEqual([
      "first: DB instance created.",
      "first: DB instance restarted.",
      "first: DB instance stopped.",
      "first: DB instance started.",
      "first: Finished applying modification to DB instance class.",
      "first: Finished applying modification to allocated storage.",
      "first: Reset master credentials.",
      "kept: Creating manual snapshot.",
      "kept: Manual snapshot created.",
      "again: Restored from snapshot kept.",
      "again: DB instance created.",
      "kept: User snapshot deleted.",
      "again: DB instance deleted.",
      "ours: Updated parameter max_connections to 50 with apply method immediate",
    ]);
  });

  it("are found by their source, category and time", async () => {
    const [event] = await events({ SourceType: "db-instance", SourceIdentifier: "FIRST", MaxRecords: 20 });
    expect(event).toMatchObject({
      ...{ SourceIdentifier: "first", SourceType: "db-instance", SourceArn: recordOf("first").arn },
      ...{ EventCategories: ["creation"], Date: expect.any(Date) },
    });
    expect(await messages({ SourceType: "db-snapshot" })).toHaveLength(3);
    expect(await messages({ EventCategories: ["restoration"] })).toEqual([
      "again: Restored from snapshot kept.",
    ]);
    const now = Date.now();
    expect(
      await messages({ StartTime: new Date(now - 60_000), EndTime: new Date(now + 60_000) }),
    ).toHaveLength(14);
    expect(await messages({ StartTime: new Date(now - 600_000), Duration: 1 })).toEqual([]);
    expect(await messages({ Duration: 1 })).toHaveLength(14);
    const [first] = api.store
      .list("databaseEvent")
      .map(({ id }) => id)
      .toSorted();
    expect(await messages({ Marker: Buffer.from(first ?? "").toString("base64url") })).toHaveLength(13);
    await expect(events({ SourceIdentifier: "first" })).rejects.toThrow("SourceType must be given");
    await expect(events({ EndTime: new Date(now) })).rejects.toThrow("StartTime must be given");
    await expect(events({ Duration: 20_161 })).rejects.toThrow("Invalid duration");
    await expect(events({ StartTime: new Date(now - 15 * 86_400_000) })).rejects.toThrow("kept for 14 days");
    await expect(events({ StartTime: new Date(now), EndTime: new Date(now - 1) })).rejects.toThrow(
      "after EndTime",
    );
    await expect(events({ EventCategories: ["mine"] })).rejects.toThrow("Invalid event category");
  });

  it("are of four types of sources", async () => {
    const known = ["db-instance", "db-parameter-group", "db-security-group", "db-snapshot"];
    for (const SourceType of Object.values(rds.SourceType)) {
      const asked = events({ SourceType });
      if (known.includes(SourceType)) await asked;
      else await expect(asked).rejects.toThrow(`Invalid source type: ${SourceType}`);
    }
    expect(await messages({ SourceType: "db-parameter-group" })).toHaveLength(1);
    expect(await messages({ SourceType: "db-security-group" })).toEqual([]);
  });

  it("of another region and account are not told", async () => {
    const far = new rds.RDSClient({ ...api.client(), region: "ap-south-1" });
    expect((await far.send(new rds.DescribeEventsCommand({}))).Events).toEqual([]);
  });

  it("are dropped after 14 days, with the next event", async () => {
    const id = `${"1".padStart(15, "0")}-old`;
    const [event] = api.store.list("databaseEvent");
    api.store.transact((tx) => tx.put("databaseEvent", id, { ...(event ?? expect.fail()), id, at: 1 }));
    await client.send(new rds.RebootDBInstanceCommand({ DBInstanceIdentifier: "first" }));
    report("first", { status: "available" });
    expect(api.store.get("databaseEvent", id)).toBeUndefined();
  });
});

describe("a subscription", () => {
  it("publishes the events that it is for, where the topic lets RDS publish", async () => {
    const TopicArn = await topics.createTopic("events");
    const queue = await topics.createQueue("events");
    await topics.subscribe(TopicArn, queue.arn);
    const { EventSubscription } = await subscribe({
      ...{ SubscriptionName: "Mine", SnsTopicArn: TopicArn, SourceType: "db-instance" },
      ...{
        SourceIds: ["FIRST"],
        EventCategories: ["availability"],
        Enabled: true,
        Tags: [{ Key: "a", Value: "b" }],
      },
    });
    expect(EventSubscription).toMatchObject({
      ...{ CustSubscriptionId: "mine", Status: "active", Enabled: true, SourceIdsList: ["first"] },
      ...{ SnsTopicArn: TopicArn, SourceType: "db-instance", EventCategoriesList: ["availability"] },
    });
    const ResourceName = EventSubscription?.EventSubscriptionArn;
    const tags = await client.send(new rds.ListTagsForResourceCommand({ ResourceName }));
    expect(tags.TagList).toEqual([{ Key: "a", Value: "b" }]);
    const reboot = async () => {
      await client.send(new rds.RebootDBInstanceCommand({ DBInstanceIdentifier: "first" }));
      report("first", { status: "available" });
    };
    await newInstance("unrelated");
    await reboot();
    const told = async () =>
      (await topics.receive(queue.url)).map(({ Body = "" }) => {
        const { Message } = JSON.parse(Body) as { Message: string };
        return JSON.parse(Message) as object;
      });
    expect(await told()).toMatchObject([
      {
        ...{ "Event Source": "db-instance", "Source ID": "first", "Event Message": "DB instance restarted." },
        "Event ID": expect.stringContaining("#RDS-EVENT-0006"),
      },
    ]);
    const modify = (more: Partial<rds.ModifyEventSubscriptionCommandInput>) =>
      client.send(new rds.ModifyEventSubscriptionCommand({ SubscriptionName: "mine", ...more }));
    await modify({ Enabled: false });
    await reboot();
    await modify({ Enabled: true });
    // Its policy lets nobody publish.
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Principal: { AWS: "*" }, Action: "sns:Subscribe", Resource: TopicArn },
    });
    const closed = await topics.createTopic("closed", { Policy });
    await topics.subscribe(closed, queue.arn);
    await modify({ SnsTopicArn: closed });
    await reboot();
    await modify({ SnsTopicArn: TopicArn, SourceType: "db-snapshot", EventCategories: ["creation"] });
    await client.send(
      new rds.CreateDBSnapshotCommand({ DBInstanceIdentifier: "first", DBSnapshotIdentifier: "told" }),
    );
    expect(await told()).toMatchObject([{ "Event Message": "Creating manual snapshot." }]);
  });

  it("that is denied by its ARN is denied by every spelling", async () => {
    const users = new iam.IAMClient(api.client());
    await users.send(new iam.CreateUserCommand({ UserName: "denied" }));
    const { AccessKey } = await users.send(new iam.CreateAccessKeyCommand({ UserName: "denied" }));
    const Resource = "arn:aws:rds:eu-south-1:000000000000:es:mine";
    const PolicyDocument = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Action: "*", Resource: "*" },
        { Effect: "Deny", Action: "*", Resource },
      ],
    });
    await users.send(new iam.PutUserPolicyCommand({ UserName: "denied", PolicyName: "p", PolicyDocument }));
    const denied = new rds.RDSClient(
      api.client({
        accessKeyId: AccessKey?.AccessKeyId ?? "",
        secretAccessKey: AccessKey?.SecretAccessKey ?? "",
      }),
    );
    for (const SubscriptionName of ["mine", "MINE", Resource]) {
      const remove = denied.send(new rds.DeleteEventSubscriptionCommand({ SubscriptionName }));
      await expect(remove).rejects.toMatchObject({ name: "AccessDenied" });
    }
  });

  it("gets and loses sources, is listed and deleted", async () => {
    const named = { SubscriptionName: "mine" };
    await client.send(
      new rds.AddSourceIdentifierToSubscriptionCommand({ ...named, SourceIdentifier: "told" }),
    );
    const list = async (input: rds.DescribeEventSubscriptionsCommandInput) =>
      (await client.send(new rds.DescribeEventSubscriptionsCommand(input))).EventSubscriptionsList?.map(
        (each) => `${each.CustSubscriptionId} ${String(each.SourceIdsList)}`,
      );
    expect(await list(named)).toEqual(["mine told"]);
    const remove = () =>
      client.send(
        new rds.RemoveSourceIdentifierFromSubscriptionCommand({ ...named, SourceIdentifier: "told" }),
      );
    await remove();
    await expect(remove()).rejects.toMatchObject({ name: "SourceNotFoundFault" });
    const add = client.send(
      new rds.AddSourceIdentifierToSubscriptionCommand({ ...named, SourceIdentifier: "none" }),
    );
    await expect(add).rejects.toMatchObject({ name: "SourceNotFoundFault" });
    expect(await list({ MaxRecords: 20 })).toEqual(["mine "]);
    const Marker = Buffer.from(api.store.keys("databaseSubscription")[0] ?? "").toString("base64url");
    expect(await list({ Marker })).toEqual([]);
    await client.send(new rds.DeleteEventSubscriptionCommand(named));
    await expect(list(named)).rejects.toMatchObject({ name: "SubscriptionNotFoundFault" });
  });

  it("is refused without a topic of its region, and for what is not there", async () => {
    const SnsTopicArn = await topics.createTopic("there");
    const valid = { SubscriptionName: "odd", SnsTopicArn };
    const refused = (more: Partial<rds.CreateEventSubscriptionCommandInput>, name: string) =>
      expect(subscribe({ ...valid, ...more })).rejects.toMatchObject({ name });
    await refused({ SnsTopicArn: `${SnsTopicArn}-none` }, "SNSTopicArnNotFoundFault");
    await refused({ SnsTopicArn: "arn:aws:sns:ap-south-1:000000000000:there" }, "SNSInvalidTopicFault");
    await refused({ SnsTopicArn: "there" }, "SNSInvalidTopicFault");
    await refused({ SourceIds: ["first"] }, "InvalidParameterCombination");
    await refused({ SourceType: "db-instance", SourceIds: ["none"] }, "SourceNotFoundFault");
    await refused({ SourceType: "db-security-group", SourceIds: ["none"] }, "SourceNotFoundFault");
    await refused({ SourceType: "db-parameter-group", SourceIds: ["none"] }, "SourceNotFoundFault");
    await refused({ EventCategories: ["mine"] }, "SubscriptionCategoryNotFoundFault");
    await refused({ SubscriptionName: "a:b" }, "InvalidParameterValue");
    await subscribe({ ...valid, SourceType: "db-parameter-group", SourceIds: ["ours"], Enabled: false });
    await refused({}, "SubscriptionAlreadyExistFault");
    const { Topics } = await new sns.SNSClient(api.client()).send(new sns.ListTopicsCommand({}));
    expect(Topics?.length).toBeGreaterThan(0);
  });
});
