import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DeleteSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import {
  DescribeTasksCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  StopTaskCommand,
} from "@aws-sdk/client-ecs";
import {
  CloudWatchLogsClient,
  DeleteLogGroupCommand,
  FilterLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateDBInstanceCommand,
  CreateDBInstanceReadReplicaCommand,
  CreateDBParameterGroupCommand,
  DeleteDBInstanceCommand,
  DeleteDBParameterGroupCommand,
  DescribeDBInstancesCommand,
  DescribeDBLogFilesCommand,
  DownloadDBLogFilePortionCommand,
  ModifyDBInstanceCommand,
  ModifyDBParameterGroupCommand,
  PromoteReadReplicaCommand,
  RDSClient,
  RebootDBInstanceCommand,
  type ApplyMethod,
} from "@aws-sdk/client-rds";
import { postgresRecipe } from "@gantry/images";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { openDemo, REGION } from "./demo.ts";
import { eventually, run } from "./helpers.ts";
import { openTasks } from "./tasks.ts";

const demo = openDemo(inject("demo"));
const ec2 = new EC2Client(demo.client());
const ecs = new ECSClient(demo.client());
const rds = new RDSClient(demo.client());
const logs = new CloudWatchLogsClient(demo.client());
const NAME = "postgres-test";
const named = { DBInstanceIdentifier: NAME };
/** Letters of both cases and characters that mean something to a shell and to SQL. */
const OWNER = { user: "Owner", password: "a$(id)`id`;--\\1%" };
const DATABASE = "Orders";
const logGroupName = `/aws/rds/instance/${NAME}/postgresql`;
let group = "";
let host = "";
let client = "";
let taskArn = "";

const instanceOf = async (DBInstanceIdentifier = NAME) =>
  (await rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier }))).DBInstances?.[0] ??
  expect.fail();
const becomes = (status: string, name = NAME) =>
  eventually(async () => expect((await instanceOf(name)).DBInstanceStatus).toBe(status));
const goes = (name = NAME) =>
  eventually(() => expect(instanceOf(name)).rejects.toMatchObject({ name: "DBInstanceNotFoundFault" }));

/** Set parameters of the group. */
const setParameters = (values: Readonly<Record<string, string>>, ApplyMethod: ApplyMethod) =>
  rds.send(
    new ModifyDBParameterGroupCommand({
      DBParameterGroupName: NAME,
      Parameters: Object.entries(values).map(([ParameterName, ParameterValue]) => ({
        ...{ ParameterName, ParameterValue, ApplyMethod },
      })),
    }),
  );

/** What psql in the task prints. It verifies the server's certificate and name unless another mode is asked for. */
async function psql(
  sql: string,
  {
    user = OWNER.user,
    password = OWNER.password,
    database = DATABASE,
    server = host,
    mode = "verify-full sslrootcert=/opt/trust/bundle.pem",
  } = {},
): Promise<string> {
  const target = `host=${server} port=5432 user=${user} dbname=${database} connect_timeout=5 sslmode=${mode}`;
  const options = ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"];
  // Calls that run at once read the file: one that is written again is empty for a moment.
  if (written !== password) writeFileSync(passwordFile, (written = password), { mode: 0o600 });
  const given = [client, READ_PASSWORD, "psql", target, ...options, "-c", sql];
  return (await run("sh", ["-c", EXEC, passwordFile, ...given])).trim();
}

let written: string | undefined;

/** The password arrives on the standard input: the arguments of processes can be read. */
const EXEC = 'file=$0; client=$1; shift; exec docker exec -i "$client" sh -c "$@" < "$file"';
const READ_PASSWORD = 'PGPASSWORD=$(cat) exec "$0" "$@"';
const passwordFile = join(mkdtempSync(join(tmpdir(), "gantry-postgres-")), "password");

/** A task with psql, in a security group that the database's admits. */
async function startClient(groupId: string): Promise<void> {
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      ...{
        family: NAME,
        networkMode: "awsvpc",
        requiresCompatibilities: ["FARGATE"],
        cpu: "256",
        memory: "512",
      },
      containerDefinitions: [
        // sleep does not end with SIGTERM.
        { name: "psql", image: postgresRecipe.tag, entryPoint: ["sleep", "100000"], stopTimeout: 2 },
      ],
    }),
  );
  const subnet = await (await openTasks(demo)).subnetOf("fileshare-private-c");
  const awsvpcConfiguration = { subnets: [subnet], securityGroups: [groupId] };
  const { tasks = [] } = await ecs.send(
    new RunTaskCommand({
      ...{ cluster: "fileshare", taskDefinition: NAME, networkConfiguration: { awsvpcConfiguration } },
    }),
  );
  taskArn = tasks[0]?.taskArn ?? "";
  client = await eventually(async () => {
    const command = new DescribeTasksCommand({ cluster: "fileshare", tasks: [taskArn] });
    const [task] = (await ecs.send(command)).tasks ?? [];
    expect(task?.lastStatus).toBe("RUNNING");
    return task?.containers?.[0]?.runtimeId ?? "";
  });
}

beforeAll(async () => {
  const filters = [{ Name: "group-name", Values: ["fileshare-db"] }];
  const found = await ec2.send(new DescribeSecurityGroupsCommand({ Filters: filters }));
  const VpcId = found.SecurityGroups?.[0]?.VpcId ?? "";
  const made = await ec2.send(
    new CreateSecurityGroupCommand({ VpcId, GroupName: NAME, Description: "A database and its client" }),
  );
  group = made.GroupId ?? "";
  const rule = { IpProtocol: "tcp", FromPort: 5_432, ToPort: 5_432, UserIdGroupPairs: [{ GroupId: group }] };
  await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: group, IpPermissions: [rule] }));
  const family = { DBParameterGroupFamily: "postgres16", Description: "Ours." };
  await rds.send(new CreateDBParameterGroupCommand({ DBParameterGroupName: NAME, ...family }));
  // A quote and a backslash, and a default that would stop the platform's own statements.
  const values = { log_line_prefix: "%m 'x\\", default_transaction_read_only: "1", max_connections: "40" };
  await setParameters(values, "pending-reboot");
  await rds.send(
    new CreateDBInstanceCommand({
      ...{ ...named, Engine: "postgres", EngineVersion: "16", DBInstanceClass: "db.t4g.micro" },
      ...{
        AllocatedStorage: 20,
        DBName: DATABASE,
        DBParameterGroupName: NAME,
        DBSubnetGroupName: "fileshare",
      },
      ...{ MasterUsername: OWNER.user, MasterUserPassword: OWNER.password, VpcSecurityGroupIds: [group] },
      EnableCloudwatchLogsExports: ["postgresql"],
    }),
  );
  await Promise.all([becomes("available"), startClient(group)]);
  host = (await instanceOf()).Endpoint?.Address ?? "";
});

afterAll(async () => {
  await ecs.send(new StopTaskCommand({ cluster: "fileshare", task: taskArn }));
  await rds.send(new DeleteDBInstanceCommand({ ...named, SkipFinalSnapshot: true }));
  await goes();
  await rds.send(new DeleteDBParameterGroupCommand({ DBParameterGroupName: NAME }));
  await logs.send(new DeleteLogGroupCommand({ logGroupName }));
  rmSync(dirname(passwordFile), { recursive: true });
  await eventually(() => ec2.send(new DeleteSecurityGroupCommand({ GroupId: group })));
});

describe("an instance of PostgreSQL", () => {
  it("answers psql of a task, which verifies its name by the platform's authority", async () => {
    expect(await psql("SELECT current_user, current_database()")).toBe("Owner|Orders");
    expect(await psql("SHOW server_version_num")).toMatch(/^15/);
    expect(await psql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).toBe("t");
    expect(await instanceOf()).toMatchObject({
      ...{ Engine: "postgres", EngineVersion: "16.10", LicenseModel: "postgresql-license", DBName: DATABASE },
      Endpoint: { Port: 5_432 },
      TagList: [{ Key: "aws:gantry:engine-version", Value: "PostgreSQL 15" }],
    });
    const settings = "SELECT current_setting(n) FROM unnest(ARRAY['max_connections','log_line_prefix']) n";
    expect(await psql(settings)).toBe("40\n%m 'x\\");
    await expect(psql("CREATE TABLE t (n int)")).rejects.toThrow("read-only transaction");
  });

  it("admits its group's members alone, over TLS and by the right password, and nobody as rdsadmin", async () => {
    await expect(psql("SELECT 1", { mode: "disable" })).rejects.toThrow("no encryption");
    await expect(psql("SELECT 1", { password: "wrong" })).rejects.toThrow("password authentication failed");
    await expect(psql("SELECT 1", { user: "rdsadmin" })).rejects.toThrow("pg_hba.conf rejects connection");
    await expect(psql("SELECT 1", { database: "rdsadmin" })).rejects.toThrow(
      "permission denied for database",
    );
    const [outside = ""] = await demo.taskContainers();
    const connect = `const s = require("net").connect({ host: "${host}", port: 5432, timeout: 2000 });
      for (const e of ["connect", "timeout", "error"]) s.on(e, () => { console.log(e); process.exit(); });`;
    expect(await run("docker", ["exec", outside, "node", "-e", connect])).toBe("timeout\n");
  });

  it("takes dynamic parameters at once", async () => {
    await setParameters({ default_transaction_read_only: "0", work_mem: "8192" }, "immediate");
    await setParameters({ shared_buffers: "{DBInstanceClassMemory/32768}" }, "pending-reboot");
    await eventually(async () => expect(await psql("SHOW work_mem")).toBe("8MB"));
    await psql("CREATE TABLE kept AS SELECT 1 AS n");
    expect(await psql("SHOW shared_buffers")).toBe("64MB");
    await setParameters({ "rds.force_ssl": "0" }, "immediate");
    await eventually(async () => expect(await psql("SELECT 1", { mode: "disable" })).toBe("1"));
  });

  it("gives its master user what RDS gives, and neither files nor programs of the server's host", async () => {
    await psql("CREATE DATABASE more; ");
    await psql("CREATE ROLE app LOGIN PASSWORD 'long-enough'; CREATE EXTENSION pgcrypto");
    await psql("CREATE EXTENSION pg_stat_statements; SELECT count(*) FROM pg_stat_statements");
    const refused = [
      ["COPY (SELECT 1) TO PROGRAM 'id'", "permission denied|must be superuser"],
      ["COPY kept FROM '/run/secrets/certificate-key'", "permission denied|must be superuser"],
      ["SELECT pg_read_file('/run/gantry/server.key')", "permission denied"],
      ['GRANT pg_execute_server_program TO "Owner"', "does not exist"],
      ['GRANT pg_read_server_files TO "Owner"', "does not exist"],
      ["CREATE ROLE other SUPERUSER", "must be superuser"],
      ["ALTER ROLE rdsadmin PASSWORD 'long-enough'", "must be superuser"],
      ["SET ROLE rdsadmin", "permission denied"],
      ["ALTER SYSTEM SET ssl = off", "permission denied"],
      ["CREATE EXTENSION file_fdw", "permission denied"],
      ["CREATE FUNCTION f() RETURNS int AS 'libc.so.6', 'getpid' LANGUAGE C", "permission denied"],
    ] as const;
    await Promise.all(
      refused.map(([sql, message]) => expect(psql(sql), sql).rejects.toThrow(new RegExp(message))),
    );
  });

  it("has its log as files and in its log group", async () => {
    await expect(psql("SELECT 1/0")).rejects.toThrow("division by zero");
    const filterPattern = '"division by zero"';
    await eventually(async () => {
      const { events } = await logs.send(new FilterLogEventsCommand({ logGroupName, filterPattern }));
      expect(events).toMatchObject([{ logStreamName: `${NAME}.0` }]);
    });
    const { DescribeDBLogFiles: files = [] } = await rds.send(new DescribeDBLogFilesCommand(named));
    const text = await Promise.all(
      files.map(async ({ LogFileName }) => {
        const command = new DownloadDBLogFilePortionCommand({ ...named, LogFileName, Marker: "0" });
        return (await rds.send(command)).LogFileData;
      }),
    );
    expect(text.join("")).toMatch(/ready to accept connections[^]*division by zero/);
    // The demo's own database is of MySQL's engine.
    const DBInstanceIdentifier = (await rds.send(new DescribeDBInstancesCommand({}))).DBInstances?.find(
      (each) => each.Engine === "mysql",
    )?.DBInstanceIdentifier;
    const LogFileName = "error/mysql-error-running.log";
    const log = new DownloadDBLogFilePortionCommand({ DBInstanceIdentifier, LogFileName });
    expect((await rds.send(log)).LogFileData).toContain("ready for connections");
  });

  it("keeps its data over another password and a reboot, which static parameters wait for", async () => {
    await rds.send(new ModifyDBInstanceCommand({ ...named, MasterUserPassword: "another-password" }));
    await becomes("available");
    const other = { password: "another-password" };
    expect(await psql("SELECT n FROM kept", other)).toBe("1");
    await expect(psql("SELECT 1")).rejects.toThrow("password authentication failed");
    await rds.send(new RebootDBInstanceCommand(named));
    await becomes("available");
    expect(await psql("SHOW shared_buffers", other)).toBe("256MB");
    expect(await psql("SELECT n FROM kept", other)).toBe("1");
  });

  it("fails over to a standby in another zone, which has every commit that was acknowledged", async () => {
    const other = { password: "another-password" };
    await rds.send(new ModifyDBInstanceCommand({ ...named, MultiAZ: true }));
    await becomes("available");
    const before = await instanceOf();
    expect(before.SecondaryAvailabilityZone).not.toBe(before.AvailabilityZone);
    await psql("CREATE TABLE written (n int)", other);
    const acknowledged: number[] = [];
    let next = 0;
    const end = new AbortController();
    const write = async (): Promise<void> => {
      while (!end.signal.aborted) {
        const n = (next += 1);
        await psql(`INSERT INTO written VALUES (${n})`, other).then(
          () => acknowledged.push(n),
          () => undefined,
        );
      }
    };
    const writers = [write(), write(), write()];
    await eventually(async () => expect(acknowledged.length).toBeGreaterThan(10));
    await rds.send(new RebootDBInstanceCommand({ ...named, ForceFailover: true }));
    await becomes("available");
    const count = acknowledged.length;
    await eventually(async () => expect(acknowledged.length).toBeGreaterThan(count + 5));
    end.abort();
    await Promise.all(writers);
    const rows = (await psql("SELECT n FROM written", other)).split("\n").map(Number);
    expect(acknowledged.filter((n) => !rows.includes(n))).toEqual([]);
    expect((await instanceOf()).AvailabilityZone).toBe(before.SecondaryAvailabilityZone);
    await rds.send(new ModifyDBInstanceCommand({ ...named, MultiAZ: false }));
  });

  it("lets members of rds_iam in by tokens of IAM, over TLS, and in no other way", async () => {
    const other = { password: "another-password" };
    await psql("CREATE ROLE reader LOGIN PASSWORD 'reader-password'; GRANT rds_iam TO reader", other);
    await rds.send(new ModifyDBInstanceCommand({ ...named, EnableIAMDatabaseAuthentication: true }));
    const tokenFor = async (name: string): Promise<string> => {
      const endpoint = ["--hostname", host, "--port", "5432", "--region", REGION, "--username", name];
      return (await run("aws", ["rds", "generate-db-auth-token", ...endpoint], demo.environment)).trim();
    };
    const reader = { user: "reader", password: await tokenFor("reader") };
    await eventually(async () => expect(await psql("SELECT current_user", reader)).toBe("reader"));
    await expect(psql("SELECT 1", { ...reader, mode: "disable" })).rejects.toThrow("no encryption");
    for (const password of ["reader-password", `${reader.password}0`, await tokenFor(OWNER.user)])
      await expect(psql("SELECT 1", { ...reader, password })).rejects.toThrow("PAM authentication failed");
    expect(await psql("SELECT 1", other)).toBe("1");
  });

  it("is followed by a read replica, which takes no writes before it is promoted", async () => {
    const replica = `${NAME}-replica`;
    const other = { password: "another-password" };
    await psql("CREATE TABLE orders (n int); INSERT INTO orders VALUES (1)", other);
    const names = { DBInstanceIdentifier: replica, SourceDBInstanceIdentifier: NAME };
    await rds.send(new CreateDBInstanceReadReplicaCommand(names));
    await becomes("available", replica);
    const at = { ...other, server: (await instanceOf(replica)).Endpoint?.Address ?? "" };
    expect((await instanceOf()).ReadReplicaDBInstanceIdentifiers).toEqual([replica]);
    await psql("INSERT INTO orders VALUES (2)", other);
    await eventually(async () => expect(await psql("SELECT sum(n) FROM orders", at)).toBe("3"));
    await expect(psql("INSERT INTO orders VALUES (4)", at)).rejects.toThrow("read-only transaction");
    await expect(psql("SELECT 1", { ...at, user: "rdsrepladmin" })).rejects.toThrow("failed");
    await rds.send(new PromoteReadReplicaCommand({ DBInstanceIdentifier: replica }));
    await becomes("available", replica);
    await psql("INSERT INTO orders VALUES (4)", at);
    expect(await psql("SELECT sum(n) FROM orders", at)).toBe("7");
    expect(await psql("SELECT sum(n) FROM orders", other)).toBe("3");
    const { ReadReplicaDBInstanceIdentifiers = [] } = await instanceOf();
    expect(ReadReplicaDBInstanceIdentifiers).toEqual([]);
    await rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: replica, SkipFinalSnapshot: true }));
    await goes(replica);
  });
});
