import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DamagedError, problemOfSqlite } from "@gantry/kernel";
import { describe, expect, it } from "vitest";
import { MemoryStore } from "./memory-store.ts";
import { MIGRATIONS } from "./migrations.ts";
import { NewerStateError, SqliteStore } from "./sqlite-store.ts";
import type { RecordMigration } from "./record-migrations.ts";
import { cluster, describeStore } from "./store-suite.ts";
import { RevisionTooOldError } from "./store.ts";

const newPath = (): string => join(mkdtempSync(join(tmpdir(), "gantry-store-")), "state.db");

describeStore("MemoryStore", () => new MemoryStore());
describeStore("SqliteStore", () => new SqliteStore(newPath()));

/** Moves part of a record into a record of another kind, and drops one. */
const SPLIT_NAMES: readonly RecordMigration[] = [
  {
    kind: "cluster",
    upgrade: ({ key, record }) =>
      key === "gone"
        ? []
        : [
            { kind: "cluster", key, record: { ...record, name: key.toUpperCase() } },
            { kind: "logGroup", key, record: { name: key } },
          ],
  },
];

describe("SqliteStore on disk", () => {
  it("has all records after it was reopened without having been closed", () => {
    const path = newPath();
    const before = new SqliteStore(path);
    before.transact((tx) => {
      tx.put("cluster", "a", cluster("a"));
      tx.next("n");
    });
    const after = new SqliteStore(path);
    expect(after.get("cluster", "a")?.name).toBe("a");
    expect(after.transact((tx) => tx.next("n"))).toBe(2);
  });

  it("refuses a state of a newer version with a message", () => {
    const path = newPath();
    new SqliteStore(path).close();
    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 999");
    database.close();
    expect(() => new SqliteStore(path)).toThrow(NewerStateError);
    expect(() => new SqliteStore(path)).toThrow(/written by a newer Gantry/);
  });

  it("opens the previous schema, and adds checksums to its rows", () => {
    const path = newPath();
    const old = new DatabaseSync(path);
    old.exec(`${MIGRATIONS[0]}; PRAGMA user_version = 1`);
    old.prepare("INSERT INTO record VALUES ('cluster', 'a', ?)").run(JSON.stringify(cluster("a")));
    old.exec("INSERT INTO sequence VALUES ('n', 41)");
    old.close();
    const store = new SqliteStore(path);
    expect(store.get("cluster", "a")).toEqual(cluster("a"));
    expect(store.transact((tx) => tx.next("n"))).toBe(42);
    store.close();
    const database = new DatabaseSync(path);
    database.exec(`UPDATE record SET record = replace(record, 'ACTIVE', 'INACTIVE')`);
    database.close();
    expect(() => new SqliteStore(path)).toThrow(
      /The record cluster a in .* is damaged: bring back a backup with "gantry restore"/,
    );
  });

  it("keeps counting revisions after a restart, and asks consumers from before it to list again", () => {
    const path = newPath();
    const before = new SqliteStore(path);
    before.transact((tx) => tx.put("cluster", "a", cluster("a")));
    before.transact((tx) => tx.put("cluster", "b", cluster("b")));
    before.close();
    const after = new SqliteStore(path);
    expect(after.revision).toBe(2);
    expect(after.changesSince(2)).toEqual([]);
    expect(() => after.changesSince(1)).toThrow(RevisionTooOldError);
    after.transact((tx) => tx.put("cluster", "c", cluster("c")));
    expect(after.changesSince(2).map((change) => change.key)).toEqual(["c"]);
  });

  it("upgrades records of an older version once, in one transaction", () => {
    const path = newPath();
    const old = new SqliteStore(path, []);
    old.transact((tx) => {
      tx.put("cluster", "a", cluster("a"));
      tx.put("cluster", "gone", cluster("gone"));
    });
    old.close();
    const upgraded = new SqliteStore(path, SPLIT_NAMES);
    expect(upgraded.list("cluster").map((each) => each.name)).toEqual(["A"]);
    expect(upgraded.keys("logGroup")).toEqual(["a"]);
    upgraded.close();
    const again = new SqliteStore(path, SPLIT_NAMES);
    expect(again.list("cluster").map((each) => each.name)).toEqual(["A"]);
    again.close();
    expect(() => new SqliteStore(path, [])).toThrow(NewerStateError);
  });

  it("refuses a torn file as damaged", () => {
    for (const tear of [
      (bytes: Buffer) => bytes.subarray(0, 5_000),
      (bytes: Buffer) => Buffer.concat([Buffer.alloc(4_096, 7), bytes.subarray(4_096)]),
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 4_096), Buffer.alloc(bytes.length - 4_096, 7)]),
    ]) {
      const path = newPath();
      const store = new SqliteStore(path);
      store.transact((tx) => {
        for (let index = 0; index < 200; index += 1) tx.put("cluster", `c${index}`, cluster(`c${index}`));
      });
      store.close();
      writeFileSync(path, tear(readFileSync(path)));
      expect(() => new SqliteStore(path)).toThrow(DamagedError);
      expect(problemOfSqlite(path)).toEqual(expect.any(String));
    }
  });

  it("copies a consistent snapshot", () => {
    const store = new SqliteStore(newPath());
    store.transact((tx) => tx.put("cluster", "a", cluster("a")));
    const copy = newPath();
    store.copyTo(copy);
    store.transact((tx) => tx.delete("cluster", "a"));
    expect(new SqliteStore(copy).get("cluster", "a")?.name).toBe("a");
  });
});
