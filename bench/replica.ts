import { execFile, spawn, type ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import * as sdk from "@aws-sdk/client-rds";
import { median, type Answer, type Bench, type Question } from "./question.ts";

const run = promisify(execFile);
const SECONDS = 10;
const WRITES_PER_SECOND = 500;
const WRITERS = 10;
const TURN_MS = 40;
const ENGINES = ["mariadb", "postgres"] as const;
type Engine = (typeof ENGINES)[number];

/** The client in the container of a server, and how an engine tells the age of the newest row in ms. */
const CLIENTS: Readonly<Record<Engine, { readonly command: readonly string[]; readonly age: string }>> = {
  mariadb: {
    command: ["mariadb", "--no-defaults", "--socket=/run/mysqld/mysqld.sock", "-u", "root", "-N"],
    age: "SELECT timestampdiff(MICROSECOND, max(at), now(6)) / 1000 FROM bench.rows",
  },
  postgres: {
    command: ["psql", "-X", "-q", "-A", "-t", "-h", "/run/postgresql", "-U", "rdsadmin", "bench"],
    age: "SELECT extract(epoch FROM clock_timestamp() - max(at)) * 1000 FROM rows",
  },
};

/**
 * How far a read replica is behind its source while the source commits 500 rows a second: the age of the newest row on
 * the replica, against the same on the source. Both have the machine's clock.
 */
export const replica: Question = {
  name: "replica",
  async ask(bench) {
    const answers: Answer[] = [];
    for (const engine of ENGINES) answers.push(await askEngine(bench, engine));
    return answers;
  },
};

async function askEngine({ settings, region, credentials, clock }: Bench, engine: Engine): Promise<Answer> {
  const client = new sdk.RDSClient({ region, credentials, endpoint: `http://127.0.0.1:${settings.port}` });
  const [source, copy] = [`bench-${engine}`, `bench-${engine}-replica`];
  await client.send(
    new sdk.CreateDBInstanceCommand({
      ...{
        DBInstanceIdentifier: source,
        Engine: engine,
        DBInstanceClass: "db.t3.micro",
        AllocatedStorage: 20,
      },
      ...{
        MasterUsername: "admin1",
        MasterUserPassword: "long-enough",
        BackupRetentionPeriod: 1,
        DBName: "bench",
      },
    }),
  );
  const from = await containerOf(client, source);
  const key = engine === "mariadb" ? "int AUTO_INCREMENT" : "int GENERATED ALWAYS AS IDENTITY";
  const [table, type] = engine === "mariadb" ? ["bench.rows", "timestamp(6)"] : ["rows", "timestamptz"];
  await query(from, engine, `CREATE TABLE ${table} (id ${key} PRIMARY KEY, at ${type} NOT NULL)`);
  const begun = clock.now();
  await client.send(
    new sdk.CreateDBInstanceReadReplicaCommand({
      DBInstanceIdentifier: copy,
      SourceDBInstanceIdentifier: source,
    }),
  );
  const to = await containerOf(client, copy);
  process.stderr.write(`  ${engine}: the replica is available after ${(clock.now() - begun) / 1_000} s\n`);
  const now = engine === "mariadb" ? "now(6)" : "clock_timestamp()";
  const insert = `INSERT INTO ${table} (at) VALUES (${now});\n`;
  const writing = startWriters(from, engine, insert);
  await sleep(2_000);
  const ages: Record<"source" | "replica", number[]> = { source: [], replica: [] };
  const until = clock.now() + SECONDS * 1_000;
  while (clock.now() < until) {
    ages.replica.push(Number(await query(to, engine, CLIENTS[engine].age)));
    ages.source.push(Number(await query(from, engine, CLIENTS[engine].age)));
  }
  const seconds = await writing.stop();
  const rows = Number(await query(from, engine, `SELECT count(*) FROM ${table}`));
  process.stderr.write(`  ${engine}: ${Math.round(rows / seconds)} rows a second were committed\n`);
  for (const DBInstanceIdentifier of [copy, source])
    await client.send(new sdk.DeleteDBInstanceCommand({ DBInstanceIdentifier, SkipFinalSnapshot: true }));
  client.destroy();
  return {
    ...{ name: `replica-lag-${engine}`, unit: "ms", value: Math.max(...ages.replica) },
    ...{ baseline: Math.max(0.1, median(ages.source)), against: "the source itself" },
    goal: { of: "value", most: 1_000 },
  };
}

/** The container of an instance's server, once that is available. */
async function containerOf(client: sdk.RDSClient, DBInstanceIdentifier: string): Promise<string> {
  for (;;) {
    const { DBInstances = [] } = await client.send(
      new sdk.DescribeDBInstancesCommand({ DBInstanceIdentifier }),
    );
    const [found] = DBInstances;
    if (found?.DBInstanceStatus !== "available") {
      await sleep(500);
      continue;
    }
    const filter = ["--filter", `name=${found.DbiResourceId}`, "--format", "{{.Names}}"];
    return (await run("docker", ["ps", ...filter])).stdout.trim();
  }
}

async function query(container: string, engine: Engine, sql: string): Promise<string> {
  const flag = engine === "mariadb" ? "-e" : "-c";
  const { stdout } = await run("docker", [
    "exec",
    "-e",
    "PGPORT=5432",
    container,
    ...CLIENTS[engine].command,
    flag,
    sql,
  ]);
  return stdout.trim();
}

/** Clients that commit rows one by one. `stop` ends them, and answers how long they wrote, in s. */
function startWriters(
  container: string,
  engine: Engine,
  insert: string,
): { readonly stop: () => Promise<number> } {
  const start = performance.now();
  const command = ["exec", "-i", container, ...CLIENTS[engine].command];
  const writers = Array.from({ length: WRITERS }, (): ChildProcess =>
    spawn("docker", command, { stdio: ["pipe", "ignore", "inherit"] }),
  );
  const each = Math.round((WRITES_PER_SECOND * TURN_MS) / 1_000 / WRITERS);
  const timer = setInterval(() => {
    for (const { stdin } of writers) stdin?.write(insert.repeat(each));
  }, TURN_MS);
  return {
    async stop() {
      clearInterval(timer);
      const ended = writers.map((writer) => new Promise((resolve) => writer.once("close", resolve)));
      for (const { stdin } of writers) stdin?.end();
      await Promise.all(ended);
      return (performance.now() - start) / 1_000;
    },
  };
}
