import { chmodSync, existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { messageOf } from "./assert.ts";

/** A file on the disk is corrupt. */
export class DamagedError extends Error {
  override readonly name: string = "DamagedError";
}

const SQLITE_FULL = 13;
const SQLITE_DAMAGE: ReadonlySet<number> = new Set([11, 26]);

/** Whether an operation failed because the disk or a quota is full. */
export function isOutOfRoom(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  // Node's file errors and SQLite's carry these.
  const { code, errcode } = thrown as { code?: string; errcode?: number };
  return (
    code === "ENOSPC" ||
    code === "EDQUOT" ||
    (errcode !== undefined && (errcode & 0xff) === SQLITE_FULL) ||
    isOutOfRoom(thrown.cause)
  );
}

/** Whether an operation failed because a file is corrupt. */
export function isDamage(thrown: unknown): boolean {
  if (thrown instanceof DamagedError) return true;
  const { errcode } = (thrown instanceof Error ? thrown : {}) as { errcode?: number }; // As above.
  return errcode !== undefined && SQLITE_DAMAGE.has(errcode & 0xff);
}

/**
 * Opens a database file with mode 0600, in WAL mode with a sync on every commit, so that acknowledged writes survive a
 * power failure. Errors: DamagedError.
 */
export function openSqlite(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
    // SQLite creates the WAL and SHM files with the mode of the database.
    for (const file of [path, `${path}-wal`, `${path}-shm`]) if (existsSync(file)) chmodSync(file, 0o600);
    return database;
  } catch (thrown) {
    database.close();
    if (!isDamage(thrown)) throw thrown;
    throw new DamagedError(
      `The database ${path} is damaged (${messageOf(thrown)}): bring back a backup with "gantry restore".`,
      { cause: thrown },
    );
  }
}

/** Runs `work` in a transaction and rolls back if it throws. */
export function transactSqlite<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const answer = work();
    database.exec("COMMIT");
    return answer;
  } catch (thrown) {
    // When the disk is full, SQLite has already rolled back.
    if (database.isTransaction) database.exec("ROLLBACK");
    throw thrown;
  }
}

/** Checks a whole database file. Returns the first problems that SQLite finds, or undefined. */
export function problemOfSqlite(path: string): string | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true });
    // SQLite's own answer.
    const rows = database.prepare("PRAGMA integrity_check(3)").all() as { integrity_check: string }[];
    const problems = rows.map((row) => row.integrity_check).filter((line) => line !== "ok");
    return problems.length === 0 ? undefined : problems.join("; ");
  } catch (thrown) {
    return messageOf(thrown);
  } finally {
    database?.close();
  }
}
