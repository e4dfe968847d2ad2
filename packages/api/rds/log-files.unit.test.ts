import * as rds from "@aws-sdk/client-rds";
import { databaseFilesGroup, logFileOf } from "@gantry/state/transactions/database-logs";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new rds.RDSClient(api.client());
const HOUR = 60 * 60_000;
const now = Date.now();
const earlier = now - 3 * HOUR;

const create = (DBInstanceIdentifier: string, more: Partial<rds.CreateDBInstanceCommandInput> = {}) =>
  client.send(
    new rds.CreateDBInstanceCommand({
      ...{ DBInstanceIdentifier, Engine: "mysql", DBInstanceClass: "db.t3.micro", AllocatedStorage: 20 },
      ...{ MasterUsername: "dbowner", MasterUserPassword: "long-enough", ...more },
    }),
  );
const recordOf = (name: string) =>
  api.store.list("databaseInstance").find((each) => each.identifier === name) ?? expect.fail();
const change = async (
  DBInstanceIdentifier: string,
  CloudwatchLogsExportConfiguration: rds.CloudwatchLogsExportConfiguration,
) => {
  const command = new rds.ModifyDBInstanceCommand({
    DBInstanceIdentifier,
    CloudwatchLogsExportConfiguration,
  });
  return (await client.send(command)).DBInstance?.EnabledCloudwatchLogsExports;
};
/** What the node's reports do. */
const write = (name: string, type: string, at: number, ...messages: string[]) => {
  const group = databaseFilesGroup(recordOf(name).resourceId);
  api.logs.createStream(group, logFileOf(type, at), now);
  const events = messages.map((message) => ({ timestamp: at, message }));
  api.logs.append(group, logFileOf(type, at), events, now);
};
const files = async (more: Partial<rds.DescribeDBLogFilesCommandInput> = {}) => {
  const command = new rds.DescribeDBLogFilesCommand({ DBInstanceIdentifier: "logs", ...more });
  return (await client.send(command)).DescribeDBLogFiles ?? [];
};
const names = async (more: Partial<rds.DescribeDBLogFilesCommandInput>) =>
  (await files(more)).map(({ LogFileName }) => LogFileName);
const download = (LogFileName: string, more: Partial<rds.DownloadDBLogFilePortionCommandInput> = {}) =>
  client.send(
    new rds.DownloadDBLogFilePortionCommand({ DBInstanceIdentifier: "logs", LogFileName, ...more }),
  );

describe("exports of logs", () => {
  it("are of the types that the engine writes", async () => {
    const made = await create("exports", { EnableCloudwatchLogsExports: ["slowquery", "error", "error"] });
    expect(made.DBInstance?.EnabledCloudwatchLogsExports).toEqual(["error", "slowquery"]);
    expect(await change("exports", { EnableLogTypes: ["general", "audit"] })).toEqual([
      ...["audit", "error", "general", "slowquery"],
    ]);
    const DisableLogTypes = ["error", "slowquery", "audit", "general"];
    expect(await change("exports", { DisableLogTypes })).toBeUndefined();
    await expect(change("exports", { EnableLogTypes: ["error", "postgresql", "upgrade"] })).rejects.toThrow(
      "You cannot use the log types 'postgresql', 'upgrade' with engine version mysql 8.0.40. For supported log " +
        "types, see the documentation.",
    );
    const EnableCloudwatchLogsExports = ["upgrade", "__proto__"];
    await expect(create("none", { Engine: "postgres", EnableCloudwatchLogsExports })).rejects.toMatchObject({
      name: "InvalidParameterCombination",
      message: expect.stringContaining("log types '__proto__' with engine version postgres 15.14"),
    });
    const { DBEngineVersions } = await client.send(
      new rds.DescribeDBEngineVersionsCommand({ Engine: "postgres", DefaultOnly: true }),
    );
    expect(DBEngineVersions).toMatchObject([
      { ExportableLogTypes: ["postgresql", "upgrade"], SupportsLogExportsToCloudwatchLogs: true },
    ]);
  });

  it("are chosen for an instance that is restored", async () => {
    await create("source", { EnableCloudwatchLogsExports: ["error"] });
    api.store.transact((tx) =>
      tx.put("databaseInstance", recordOf("source").arn, { ...recordOf("source"), status: "available" }),
    );
    const DBSnapshotIdentifier = "saved";
    await client.send(
      new rds.CreateDBSnapshotCommand({ DBInstanceIdentifier: "source", DBSnapshotIdentifier }),
    );
    api.store.transact((tx) => {
      const [key = ""] = tx.keys("databaseSnapshot");
      const snapshot = tx.get("databaseSnapshot", key) ?? expect.fail();
      tx.put("databaseSnapshot", key, { ...snapshot, completedAt: 1, storedBytes: 1 });
    });
    const EnableCloudwatchLogsExports = ["general"];
    const { DBInstance } = await client.send(
      new rds.RestoreDBInstanceFromDBSnapshotCommand({
        ...{ DBInstanceIdentifier: "restored", DBSnapshotIdentifier, EnableCloudwatchLogsExports },
      }),
    );
    expect(DBInstance?.EnabledCloudwatchLogsExports).toEqual(EnableCloudwatchLogsExports);
  });
});

describe("log files", () => {
  beforeAll(async () => {
    await create("logs");
    write("logs", "error", earlier, "started");
    write("logs", "general", now, "one", "two\nthree\n", "ünïcode", "five");
  });

  it("are listed with their sizes, by name, time and size", async () => {
    const old = `error/mysql-error-running.log.${new Date(earlier).toISOString().slice(0, 13).replace("T", ".")}`;
    expect(await files()).toEqual([
      { LogFileName: old, LastWritten: earlier, Size: 8 },
      { LogFileName: "general/mysql-general.log", LastWritten: now, Size: 4 + 11 + 10 + 5 },
    ]);
    expect(await names({ FilenameContains: "general" })).toEqual(["general/mysql-general.log"]);
    expect(await names({ FileLastWritten: now - HOUR })).toEqual(["general/mysql-general.log"]);
    expect(await names({ FileSize: 9 })).toEqual(["general/mysql-general.log"]);
    const Marker = Buffer.from(old).toString("base64url");
    expect(await names({ MaxRecords: 20, Marker })).toEqual(["general/mysql-general.log"]);
    expect((await download(old)).LogFileData).toBe("started\n");
    await expect(files({ DBInstanceIdentifier: "none" })).rejects.toThrow("DBInstance none not found");
  });

  it("are read from their ends, or in portions from their beginnings", async () => {
    const name = "general/mysql-general.log";
    expect((await download(name)).LogFileData).toBe("one\ntwo\nthree\n\nünïcode\nfive\n");
    const end = await download(name, { NumberOfLines: 2 });
    expect(end).toMatchObject({ LogFileData: "ünïcode\nfive\n", AdditionalDataPending: false });
    const portions: (string | undefined)[] = [];
    let Marker: string | undefined = "0";
    for (let pending: boolean | undefined = true; pending;) {
      const part: rds.DownloadDBLogFilePortionCommandOutput = await download(name, {
        NumberOfLines: 2,
        Marker,
      });
      portions.push(part.LogFileData);
      ({ Marker, AdditionalDataPending: pending } = part);
    }
    expect(portions).toEqual(["one\ntwo\n", "three\n\n", "ünïcode\nfive\n"]);
    for (const read of [Marker, end.Marker]) {
      expect((await download(name, { Marker: read })).LogFileData).toBe("");
    }
    write("logs", "general", now, "six");
    for (const read of [Marker, end.Marker])
      expect((await download(name, { Marker: read })).LogFileData).toBe("six\n");
  });

  it("are read a megabyte at a time", async () => {
    write("logs", "slowquery", now, ...Array.from({ length: 30 }, (_, index) => `${index}`.repeat(50_000)));
    const name = "slowquery/mysql-slowquery.log";
    const first = await download(name, { Marker: "0" });
    expect(first.AdditionalDataPending).toBe(true);
    expect(first.LogFileData?.length).toBeLessThanOrEqual(1_048_576);
    const second = await download(name, { Marker: first.Marker });
    const size = (first.LogFileData?.length ?? 0) + (second.LogFileData?.length ?? 0);
    expect([size, second.AdditionalDataPending]).toEqual([10 * 50_001 + 15 * 100_001, true]);
  });

  it.each(["../other", "error/postgresql.log", "constructor", "/etc/passwd", "%"])(
    "do not include %s",
    async (name) => {
      await expect(download(name)).rejects.toMatchObject({ name: "DBLogFileNotFoundFault" });
    },
  );

  it("are not read at places that were not given, nor in other sizes", async () => {
    const name = "general/mysql-general.log";
    for (const Marker of ["", "x", "1:2", "-1:0:0", "1:1:99999999999"])
      await expect(download(name, { Marker })).rejects.toThrow("The marker is not valid");
    for (const NumberOfLines of [0, -1, 10_001])
      await expect(download(name, { NumberOfLines })).rejects.toThrow("for NumberOfLines");
    await expect(download(name, { DBInstanceIdentifier: "exports" })).rejects.toMatchObject({
      name: "DBLogFileNotFoundFault",
    });
  });
});
