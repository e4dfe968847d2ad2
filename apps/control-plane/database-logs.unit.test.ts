import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogStore } from "@gantry/content";
import { databaseLogController } from "@gantry/controllers";
import { newVault, seededIds, silentLogger, VirtualClock } from "@gantry/kernel";
import { logCiphers, MemoryStore, type DatabaseInstanceRecord } from "@gantry/state";
import { CONTINUED_LINE, DATABASE_FILES, databaseFilesGroup } from "@gantry/state/transactions/database-logs";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { databaseLogs } from "./database-logs.ts";

const HOUR = 60 * 60_000;
const START = Date.parse("2026-03-04T05:06:07Z");
const GROUP = "arn:aws:logs:eu-south-1:1:log-group:/aws/rds/instance/db/";
const folder = mkdtempSync(join(tmpdir(), "gantry-database-logs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let store: MemoryStore;
let clock: VirtualClock;
let logs: LogStore;
let count = 0;
beforeEach(() => {
  store = new MemoryStore();
  clock = new VirtualClock(START);
  logs = new LogStore(join(folder, `${(count += 1)}.db`), logCiphers(store, newVault(Buffer.alloc(32, 1))));
});

const put = (more: Partial<DatabaseInstanceRecord> = {}): void =>
  store.transact((tx) => {
    const place = { account: "1", region: "eu-south-1", arn: "arn:db", identifier: "db", nodeId: "n1" };
    const base = { ...place, resourceId: "db-A", engine: "mysql", allocatedStorageGiB: 20 };
    // What is looked at.
    tx.put("databaseInstance", "arn:db", { ...base, ...more } as unknown as DatabaseInstanceRecord);
  });
const take = (
  messages: readonly string[],
  { nodeId = "n1", first = 1, at = START, databaseId = "db-A" } = {},
): string | undefined =>
  databaseLogs({ store, clock, logs, log: silentLogger })(
    {
      ...{ type: "logs", containerId: "container" },
      destination: {
        ...{ databaseId, region: "eu-south-1", group: "", stream: "" },
        ...{ multilinePattern: undefined, nonBlocking: false, bufferMaxBytes: 1 },
      },
      lines: messages.map((message, index) => ({ cursor: `c${first + index}`, timestamp: at, message })),
    },
    nodeId,
  );
const events = (group: string) =>
  logs
    .events(group, {
      streams: undefined,
      from: 0,
      until: Infinity,
      order: "ascending",
      after: undefined,
      limit: 99,
    })
    .map(({ stream, message }) => `${stream}: ${message}`);

const LINES = [
  "2026-03-04 ready",
  "\u0001G\t\t 7 Query\tselect 1",
  "\u0001S# Time: 260304\n\u0001s# User@Host: a\n\u0001sselect sleep(1);",
  "2026-03-04 bye",
];

describe("lines of a database's server", () => {
  it("are in the file of their type and hour, and in the log groups of exported types", () => {
    put({ logExports: ["audit", "error", "slowquery"] });
    expect(take(LINES)).toBe("c4");
    expect(events(databaseFilesGroup("db-A"))).toEqual([
      "error/mysql-error-running.log.2026-03-04.05: 2026-03-04 ready",
      "error/mysql-error-running.log.2026-03-04.05: 2026-03-04 bye",
      "general/mysql-general.log.2026-03-04.05: \t\t 7 Query\tselect 1",
      "slowquery/mysql-slowquery.log.2026-03-04.05: # Time: 260304\n# User@Host: a\nselect sleep(1);",
    ]);
    expect(events(`${GROUP}error`)).toEqual(["db: 2026-03-04 ready", "db: 2026-03-04 bye"]);
    expect(events(`${GROUP}slowquery`)).toHaveLength(1);
    expect(store.keys("logGroup")).toEqual([`${GROUP}error`, `${GROUP}slowquery`]);
    expect(take([])).toBeUndefined();
  });

  it("are of PostgreSQL's one log, whatever they look like", () => {
    put({ engine: "postgres", logExports: ["postgresql"] });
    take(["LOG:  ready", "\u0001Gforged\n\tsecond"]);
    expect(events(databaseFilesGroup("db-A"))).toEqual([
      "error/postgresql.log.2026-03-04-05: LOG:  ready",
      "error/postgresql.log.2026-03-04-05: \u0001Gforged\n\tsecond",
    ]);
    expect(events(`${GROUP}postgresql`)).toHaveLength(2);
    expect(logs.streams(`${GROUP}postgresql`).map(({ name }) => name)).toEqual(["db.0"]);
  });

  // A crash of the control plane between the batch and its answer: the agent sends it again.
  it("are there once when they are sent twice, and after a part of them was kept", () => {
    put({ logExports: ["error"] });
    take(LINES.slice(0, 2));
    expect(take(LINES)).toBe("c4");
    expect(take(LINES)).toBe("c4");
    expect(events(databaseFilesGroup("db-A"))).toHaveLength(4);
    expect(events(`${GROUP}error`)).toHaveLength(2);
  });

  it("are dropped where their node does not run the database", () => {
    put({ logExports: ["error"] });
    expect(take(["forged"], { nodeId: "n2" })).toBe("c1");
    expect(take(["forged"], { databaseId: "db-B" })).toBe("c1");
    expect(logs.groups("")).toEqual([]);
    expect(store.keys("logGroup")).toEqual([]);
  });

  it("are of now where their time cannot be", () => {
    put();
    for (const at of [NaN, Infinity, -1, 9e15, START - 15 * 24 * HOUR, START + 3 * HOUR])
      take(["line"], { at, first: count++ });
    expect(logs.streams(databaseFilesGroup("db-A")).map(({ name }) => name)).toEqual([
      "error/mysql-error-running.log.2026-03-04.05",
    ]);
  });

  it("are not exported under a key that cannot be used", () => {
    put({ logExports: ["error"] });
    const arn = `${GROUP}error`;
    const group = { account: "1", region: "eu-south-1", name: "/aws/rds/instance/db/error", tags: {} };
    const kmsKeyArn = "arn:aws:kms:eu-south-1:1:key/none";
    const dataKeys = [{ id: "first", kmsKeyArn, sealedKey: "sealed" }];
    const more = { arn, retentionDays: undefined, createdAt: 1, kmsKeyArn, dataKeys };
    store.transact((tx) => tx.put("logGroup", arn, { ...group, ...more }));
    expect(take(["line"])).toBe("c1");
    expect([events(arn).length, events(databaseFilesGroup("db-A")).length]).toEqual([0, 1]);
  });

  it("begin an entry unless the server's format continues one", () => {
    const begins = new RegExp(CONTINUED_LINE);
    expect(["2026 ready", "\u0001S# Time", "\u0001G x", ""].map((line) => begins.test(line))).not.toContain(
      false,
    );
    expect(["\u0001sselect", "\u0001gmore", "\tmore"].map((line) => begins.test(line))).not.toContain(true);
  });
});

describe("log files", () => {
  const controller = () =>
    databaseLogController({ store, clock, ids: seededIds(1), log: silentLogger, files: logs });
  const sweep = async (): Promise<readonly string[]> => {
    for (const key of controller().keys()) await controller().reconcile(key);
    return logs.groups(DATABASE_FILES).flatMap((group) => logs.streams(group).map(({ name }) => name));
  };

  it("go after their retention", async () => {
    put();
    take(["old"]);
    await clock.advance(14 * 24 * HOUR);
    take(["new"], { at: clock.now(), first: 2 });
    expect(await sweep()).toHaveLength(2);
    await clock.advance(HOUR);
    expect(await sweep()).toEqual(["error/mysql-error-running.log.2026-03-18.05"]);
    put({ engine: "postgres", parameters: { groupName: "g", values: { "rds.log_retention_period": "30" } } });
    expect(await sweep()).toEqual([]);
  });

  it("go where they are larger than 2 % of the storage, the oldest first", async () => {
    put({ allocatedStorageGiB: 2_500 / (1024 ** 3 * 0.02) });
    for (const hour of [2, 1, 0]) take(["x".repeat(999)], { at: START - hour * HOUR, first: 9 - hour });
    expect(await sweep()).toEqual([
      "error/mysql-error-running.log.2026-03-04.04",
      "error/mysql-error-running.log.2026-03-04.05",
    ]);
  });

  it("go with their instance, and not with one of the same name", async () => {
    put();
    take(["line"]);
    put({ resourceId: "db-C" });
    take(["other"], { databaseId: "db-C", first: 2 });
    expect(await sweep()).toHaveLength(1);
    expect(events(databaseFilesGroup("db-C"))).toHaveLength(1);
    store.transact((tx) => tx.delete("databaseInstance", "arn:db"));
    expect(await sweep()).toEqual([]);
  });
});
