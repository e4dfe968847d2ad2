import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ensurePrivateFolder } from "./private-folder.ts";
import { openSqlite } from "./sqlite.ts";

let top: string;
const modeOf = (name: string) => statSync(join(top, name)).mode & 0o777;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "gantry-private-"));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

it("makes a folder private to its owner, also an existing one", () => {
  mkdirSync(join(top, "open"), { mode: 0o755 });
  chmodSync(join(top, "open"), 0o755);
  for (const name of ["open", "new/inner"]) ensurePrivateFolder(join(top, name));
  expect([modeOf("open"), modeOf("new"), modeOf("new/inner")]).toEqual([0o700, 0o700, 0o700]);
});

// Before: a database that was made with other permissions kept them.
it("makes a database and SQLite's other files private to their owner", () => {
  const before = openSqlite(join(top, "a.db"));
  before.exec("CREATE TABLE t (x)");
  for (const name of ["a.db", "a.db-wal", "a.db-shm"]) chmodSync(join(top, name), 0o644);
  const database = openSqlite(join(top, "a.db"));
  for (const name of ["a.db", "a.db-wal", "a.db-shm"])
    if (existsSync(join(top, name))) expect(modeOf(name), name).toBe(0o600);
  database.close();
  before.close();
});
