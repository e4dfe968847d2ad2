import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { MemoryStore } from "./memory-store.ts";
import { NewerStateError, SqliteStore } from "./sqlite-store.ts";
import { cluster, describeStore } from "./store-suite.ts";

const newPath = (): string => join(mkdtempSync(join(tmpdir(), "gantry-store-")), "state.db");

describeStore("MemoryStore", () => new MemoryStore());
describeStore("SqliteStore", () => new SqliteStore(newPath()));

describe("SqliteStore on disk", () => {
  it("has everything again after it was opened anew, without having been closed", () => {
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

  it("refuses a state that a newer version wrote, in a sentence", () => {
    const path = newPath();
    new SqliteStore(path).close();
    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 999");
    database.close();
    expect(() => new SqliteStore(path)).toThrow(NewerStateError);
    expect(() => new SqliteStore(path)).toThrow(/written by a newer Gantry/);
  });
});
