import * as iam from "@aws-sdk/client-iam";
import * as rds from "@aws-sdk/client-rds";
import type { UsageSample } from "@gantry/agent-protocol";
import { silentLogger, VirtualClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { enhancedMonitoring } from "../../apps/control-plane/enhanced-monitoring.ts";

const NODE = "node-1";
/** A full minute: requests of clients are of now. */
const START = Math.floor(Date.now() / 60_000) * 60_000;
const GROUP = "arn:aws:logs:eu-south-1:000000000000:log-group:RDSOSMetrics";
const clock = new VirtualClock(START);
const api = await startApi({ clock });
afterAll(() => api.close());
const client = new rds.RDSClient(api.client());
const roles = new iam.IAMClient(api.client());

const newRole = async (RoleName: string, Service = "monitoring.rds.amazonaws.com"): Promise<string> => {
  const Statement = { Effect: "Allow", Principal: { Service }, Action: "sts:AssumeRole" };
  const AssumeRolePolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  const { Role } = await roles.send(new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
  return Role?.Arn ?? "";
};
const create = (
  DBInstanceIdentifier: string,
  more: Partial<rds.CreateDBInstanceCommandInput> = {},
  by = client,
) =>
  by.send(
    new rds.CreateDBInstanceCommand({
      ...{ DBInstanceIdentifier, Engine: "mysql", DBInstanceClass: "db.t3.micro", AllocatedStorage: 20 },
      ...{ MasterUsername: "dbowner", MasterUserPassword: "long-enough", ...more },
    }),
  );
const modify = async (more: Partial<rds.ModifyDBInstanceCommandInput>) => {
  const command = new rds.ModifyDBInstanceCommand({ DBInstanceIdentifier: "main", ...more });
  return (await client.send(command)).DBInstance;
};
const resourceId = () =>
  api.store.list("databaseInstance").find((each) => each.identifier === "main")?.resourceId ?? "";
const events = () =>
  api.logs.events(GROUP, {
    ...{ streams: undefined, from: 0, until: Infinity, order: "ascending", after: undefined, limit: 99 },
  });
const report = (sample: Partial<UsageSample>, nodeId = NODE) =>
  enhancedMonitoring({
    ...{ store: api.store, logs: api.logs, permissions: api.policy, clock, log: silentLogger },
    callApi: (call) => api.call(call),
  })(nodeId, {
    ...{ type: "metrics", session: "s", sequence: 1 },
    usage: [
      {
        ...{ pod: `pod/${resourceId()}`, from: START, until: START + 20_000, cpuSeconds: 10 },
        ...{ memoryBytes: 300 * 2 ** 20, rxBytes: 2_000, txBytes: 1_000, readBytes: 0, writeBytes: 40_960 },
        ...{ storedBytes: 2 ** 30, ...sample },
      },
    ],
  });

let role = "";
beforeAll(async () => {
  role = await newRole("monitoring");
  api.store.transact((tx) =>
    tx.put("node", NODE, { id: NODE, registeredAt: 1 } as unknown as Parameters<typeof tx.put<"node">>[2]),
  );
  const made = await create("main", { MonitoringInterval: 10, MonitoringRoleArn: role });
  expect(made.DBInstance).toMatchObject({
    ...{ MonitoringInterval: 10, MonitoringRoleArn: role },
    EnhancedMonitoringResourceArn: `${GROUP}:log-stream:${resourceId()}`,
  });
});

describe("enhanced monitoring", () => {
  it("takes an interval with a role that trusts the service, and can be changed and ended", async () => {
    const other = await newRole("other");
    expect(await modify({ MonitoringInterval: 60 })).toMatchObject({ MonitoringRoleArn: role });
    expect(await modify({ MonitoringRoleArn: other })).toMatchObject({
      ...{ MonitoringInterval: 60, MonitoringRoleArn: other },
    });
    for (const MonitoringInterval of [1, 5, 15, 30])
      expect(await modify({ MonitoringInterval })).toMatchObject({ MonitoringInterval });
    const ended = await modify({ MonitoringInterval: 0 });
    expect([ended?.MonitoringInterval, ended?.MonitoringRoleArn]).toEqual([0, undefined]);
    expect(ended?.EnhancedMonitoringResourceArn).toBeUndefined();
    const combination = { name: "InvalidParameterCombination" };
    await expect(modify({ MonitoringInterval: 5 })).rejects.toMatchObject(combination);
    await expect(modify({ MonitoringRoleArn: role })).rejects.toMatchObject(combination);
    await expect(modify({ MonitoringInterval: 7, MonitoringRoleArn: role })).rejects.toThrow(
      "Invalid monitoring interval 7",
    );
    await modify({ MonitoringInterval: 10, MonitoringRoleArn: role });
  });

  it("takes no role of another service, of another account, or that does not exist", async () => {
    const foreign = "arn:aws:iam::111111111111:role/monitoring";
    const found = api.store.get("role", role) ?? expect.fail();
    api.store.transact((tx) => tx.put("role", foreign, { ...found, arn: foreign, account: "111111111111" }));
    await expect(modify({ MonitoringInterval: 10, MonitoringRoleArn: foreign })).rejects.toThrow(
      "Cross-account pass role is not allowed.",
    );
    const wrong = [await newRole("tasks", "ecs-tasks.amazonaws.com"), `${role}-none`, "x"];
    for (const MonitoringRoleArn of wrong)
      await expect(modify({ MonitoringInterval: 10, MonitoringRoleArn })).rejects.toThrow(
        "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING",
      );
  });

  it("is not given a role that the caller may not pass", async () => {
    await roles.send(new iam.CreateUserCommand({ UserName: "u" }));
    const allow = (Action: string, Resource: string) => ({ Effect: "Allow", Action, Resource });
    const permit = (...Statement: object[]) =>
      roles.send(
        new iam.PutUserPolicyCommand({
          ...{ UserName: "u", PolicyName: "p" },
          PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement }),
        }),
      );
    const { AccessKey } = await roles.send(new iam.CreateAccessKeyCommand({ UserName: "u" }));
    const credentials = {
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    };
    const user = new rds.RDSClient(api.client(credentials));
    const input = { MonitoringInterval: 60, MonitoringRoleArn: role };
    await permit(allow("rds:*", "*"));
    await expect(create("passed", input, user)).rejects.toThrow("iam:PassRole");
    await permit(allow("rds:*", "*"), allow("iam:PassRole", role));
    expect((await create("passed", input, user)).DBInstance).toMatchObject(input);
  });
});

describe("OS metrics", () => {
  it("are not there without the role's permission", async () => {
    await report({});
    expect([events().length, api.store.get("logGroup", GROUP)]).toEqual([0, undefined]);
  });

  it("are events of RDSOSMetrics, in AWS's format, once", async () => {
    await roles.send(
      new iam.AttachRolePolicyCommand({
        RoleName: "monitoring",
        PolicyArn: "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
      }),
    );
    await report({});
    await report({});
    expect(api.store.get("logGroup", GROUP)?.retentionDays).toBe(30);
    const [event, ...others] = events();
    expect(others).toEqual([]);
    expect(event).toMatchObject({ stream: resourceId(), timestamp: START + 20_000 });
    expect(JSON.parse(event?.message ?? "")).toEqual({
      ...{ engine: "MYSQL", instanceID: "main", instanceResourceID: resourceId(), version: 1 },
      ...{
        timestamp: new Date(START + 20_000).toISOString().replace(".000", ""),
        numVCPUs: 2,
        cpuUtilization: { total: 25, idle: 75 },
      },
      memory: { total: 2 ** 20, free: 2 ** 20 - 300 * 1_024 },
      network: [{ interface: "eth0", rx: 100, tx: 50 }],
      diskIO: [{ device: "rdsdev", readKbPS: 0, writeKbPS: 2 }],
      fileSys: [
        { name: "rdsfilesys", mountPoint: "/rdsdbdata", total: 20 * 2 ** 20, used: 2 ** 20, usedPercent: 5 },
      ],
    });
  });

  it("come as often as the interval says", async () => {
    await modify({ MonitoringInterval: 60 });
    const before = events().length;
    for (let at = START + 20_000; at < START + 120_000; at += 20_000)
      await report({ from: at, until: at + 20_000 });
    expect(events().length).toBe(before + 2);
  });

  it("are of the node's own databases, and of times that can be", async () => {
    await modify({ MonitoringInterval: 10 });
    const before = events().length;
    const later = { from: START + 200_000, until: START + 220_000 };
    await report(later, "node-2");
    await report({ ...later, pod: "pod/db-OTHER" });
    for (const until of [NaN, Infinity, START + 9e9, START - 9e9, 0])
      await report({ from: until - 1, until });
    await report({ from: 0, until: START + 220_000 });
    expect(events().length).toBe(before);
    await report(later);
    expect(events().length).toBe(before + 1);
  });
});
