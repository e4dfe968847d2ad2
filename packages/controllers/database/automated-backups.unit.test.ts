import { MemoryStore, type DatabaseInstanceRecord, type DatabaseSnapshotRecord } from "@gantry/state";
import { beforeEach, describe, expect, it } from "vitest";
import type { ControllerDeps } from "../controller-deps.ts";
import { automatedBackupController } from "./automated-backup-controller.ts";

const DAY_MS = 24 * 60 * 60_000;
const HOUR_MS = DAY_MS / 24;
/** 2026-01-02, 02:00. */
const START = Date.UTC(2026, 0, 2, 2);
let store: MemoryStore;
let now = START;
let count = 0;

const controller = () =>
  automatedBackupController({
    store,
    clock: { now: () => now },
    ids: { hex: () => String((count += 1)).padStart(17, "0") },
  } as unknown as ControllerDeps); // What is looked at.
const database = (): DatabaseInstanceRecord => store.get("databaseInstance", ARN) ?? expect.fail();
const change = (more: Partial<DatabaseInstanceRecord>): void =>
  store.transact((tx) => tx.put("databaseInstance", ARN, { ...database(), ...more }));
const snapshots = (): readonly DatabaseSnapshotRecord[] => store.list("databaseSnapshot");
const names = () => snapshots().map(({ identifier }) => identifier);
const reconcile = () => controller().reconcile("db-A");
const complete = () =>
  store.transact((tx) => {
    for (const key of tx.keys("databaseSnapshot")) {
      const record = tx.get("databaseSnapshot", key) ?? expect.fail();
      tx.put("databaseSnapshot", key, { ...record, completedAt: now });
    }
  });
const ARN = "arn:aws:rds:eu-south-1:000000000000:db:prod";

beforeEach(() => {
  store = new MemoryStore();
  now = START;
  store.transact(
    (tx) =>
      tx.put("databaseInstance", ARN, {
        ...{
          arn: ARN,
          identifier: "prod",
          resourceId: "db-A",
          account: "000000000000",
          region: "eu-south-1",
        },
        ...{ engine: "mysql", status: "available", tags: { a: "b" }, createdAt: START },
        settings: {
          BackupRetentionPeriod: 2,
          PreferredBackupWindow: "03:00-03:30",
          CopyTagsToSnapshot: true,
        },
      } as unknown as DatabaseInstanceRecord), // As above.
  );
});

describe("the automated backups of a database", () => {
  it("begin once it is available, and go on in each window, once however often it is looked at", async () => {
    change({ status: "creating" });
    await reconcile();
    expect(names()).toEqual([]);
    change({ status: "available" });
    await reconcile();
    await reconcile();
    expect(snapshots()).toMatchObject([
      {
        ...{ identifier: "rds:prod-2026-01-02-02-00", type: "automated", source: "db-A", tags: { a: "b" } },
        arn: "arn:aws:rds:eu-south-1:000000000000:snapshot:rds:prod-2026-01-02-02-00",
      },
    ]);
    now = START + HOUR_MS - 1;
    await reconcile();
    expect(names()).toHaveLength(1);
    now = START + HOUR_MS;
    await reconcile();
    await reconcile();
    expect(names()[1]).toBe("rds:prod-2026-01-02-03-00");
    change({ status: "stopped" });
    now += DAY_MS;
    await reconcile();
    expect(names()).toHaveLength(2);
  });

  it("are taken after a window in which nothing ran, and removed when they are too old", async () => {
    await reconcile();
    now = START + 1.5 * DAY_MS;
    await reconcile();
    expect(names()).toHaveLength(2);
    now = START + 2 * DAY_MS;
    await reconcile();
    expect(names()).not.toContain("rds:prod-2026-01-02-02-00");
  });

  it("stay while something is made of them", async () => {
    await reconcile();
    const restoredFrom = snapshots()[0]?.id ?? expect.fail();
    store.transact((tx) =>
      tx.put("databaseInstance", "other", {
        ...database(),
        arn: "other",
        restoredFrom,
        status: "creating",
        resourceId: "db-B",
      }),
    );
    change({ settings: { BackupRetentionPeriod: 0 } });
    await reconcile();
    expect(names()).toHaveLength(1);
    store.transact((tx) => tx.delete("databaseInstance", "other"));
    await reconcile();
    expect(names()).toEqual([]);
  });

  it("that an instance left are kept for as long as it kept them", async () => {
    await reconcile();
    store.transact((tx) => tx.delete("databaseInstance", ARN));
    expect(controller().keys()).toEqual(["db-A"]);
    await reconcile();
    expect(names()).toHaveLength(1);
    now = START + 2 * DAY_MS;
    await reconcile();
    expect([names(), controller().keys()]).toEqual([[], []]);
  });

  it("move the latest restorable time on every five minutes, from the first snapshot on", async () => {
    expect(await reconcile()).toBe(5 * 60_000);
    expect(database().restorableAt).toBeUndefined();
    complete();
    await reconcile();
    expect(database().restorableAt).toBe(START);
    now = START + 60_000;
    await reconcile();
    expect(database().restorableAt).toBe(START);
    now = START + 300_000;
    await reconcile();
    expect(database().restorableAt).toBe(START + 300_000);
  });

  it("age in real time: a clock that is moved ahead takes them, and removes none", async () => {
    const moved = automatedBackupController({
      store,
      clock: { now: () => now, real: { clock: { now: () => START + count } } },
      ids: { hex: () => String((count += 60_000)).padStart(17, "0") },
    } as unknown as ControllerDeps); // What is looked at.
    for (let day = 0; day < 45; day += 1) {
      await moved.reconcile("db-A");
      now += DAY_MS;
    }
    // The oldest of very many go.
    expect(names().length).toBeGreaterThanOrEqual(40);
    expect(names().length).toBeLessThanOrEqual(41);
  });
});
