import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32Of, DamagedError, isDamage, openSqlite, transactSqlite } from "@gantry/kernel";
import { MemoryStore, type Commit } from "./memory-store.ts";
import { MIGRATIONS } from "./migrations.ts";
import {
  currentVersions,
  migrateRecords,
  RECORD_MIGRATIONS,
  type RecordMigration,
} from "./record-migrations.ts";
import type { Row } from "./record-row.ts";
import type { Kind, RecordOf } from "./records.ts";
import type { Change, Derivation, Store, Transaction } from "./store.ts";

/** The row of `sequence` that holds the last commit's revision. No sequence of a transaction has this name. */
const REVISION = "$revision";

/** Thrown if a newer Gantry than this one wrote the state. */
export class NewerStateError extends Error {
  override readonly name = "NewerStateError";
}

/**
 * Stores records in one SQLite file (WAL, synchronous=FULL: acknowledged commits survive a power failure) and
 * serves reads from memory. Throws NewerStateError if the file's schema or record format is newer than this
 * program's, DamagedError if the file, or a record in it, differs from what was written.
 */
export class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #memory = new MemoryStore();
  readonly #putRecord: StatementSync;
  readonly #deleteRecord: StatementSync;
  readonly #putSequence: StatementSync;

  constructor(path: string, migrations = RECORD_MIGRATIONS) {
    this.#database = openSqlite(path);
    refuseDamage(path, () => migrate(this.#database));
    this.#putRecord = this.#database.prepare(
      "INSERT INTO record (kind, key, record, checksum) VALUES (?, ?, ?, ?) ON CONFLICT (kind, key) DO " +
        "UPDATE SET record = excluded.record, checksum = excluded.checksum",
    );
    this.#deleteRecord = this.#database.prepare("DELETE FROM record WHERE kind = ? AND key = ?");
    this.#putSequence = this.#database.prepare(
      "INSERT INTO sequence (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    );
    refuseDamage(path, () => this.#load(path, migrations));
  }

  get revision(): number {
    return this.#memory.revision;
  }

  get<K extends Kind>(kind: K, key: string | undefined): RecordOf<K> | undefined {
    return this.#memory.get(kind, key);
  }

  list<K extends Kind>(kind: K, keyPrefix?: string): readonly RecordOf<K>[] {
    return this.#memory.list(kind, keyPrefix);
  }

  listBy<K extends Kind>(kind: K, index: string, value: string | undefined): readonly RecordOf<K>[] {
    return this.#memory.listBy(kind, index, value);
  }

  keys(kind: Kind): readonly string[] {
    return this.#memory.keys(kind);
  }

  keysBy(kind: Kind, index: string, value: string | undefined): readonly string[] {
    return this.#memory.keysBy(kind, index, value);
  }

  countBy(kind: Kind, index: string, value: string | undefined): number {
    return this.#memory.countBy(kind, index, value);
  }

  sumBy(kind: Kind, sum: string, value: string): number {
    return this.#memory.sumBy(kind, sum, value);
  }

  derive<K extends Kind>(kind: K, work: Derivation<K>): void {
    this.#memory.derive(kind, work);
  }

  transact<T>(work: (tx: Transaction) => T): T {
    return this.#memory.transactWith(work, (commit) => this.#persist(commit));
  }

  watch(changed: (change: Change) => void, since?: number): () => void {
    return this.#memory.watch(changed, since);
  }

  changesSince(revision: number, limit?: number): readonly Change[] {
    return this.#memory.changesSince(revision, limit);
  }

  /** SQLite syncs every commit before `transact` returns. */
  settled(): Promise<void> {
    return this.#memory.settled();
  }

  close(): void {
    this.#memory.close();
    this.#database.close();
  }

  /**
   * Reads everything, migrates old records to the current version, and writes those that changed, atomically.
   */
  #load(path: string, migrations: readonly RecordMigration[]): void {
    const versions = readVersions(this.#database);
    const current = currentVersions(migrations);
    for (const [kind, version] of versions) {
      if (version > (current.get(kind) ?? 0))
        throw new NewerStateError(
          `The state was written by a newer Gantry (${kind} version ${version}): run that version, or ` +
            "restore a backup.",
        );
    }
    const stored = readRecords(this.#database, path).map(
      (row): Row => ({ kind: row.kind, key: row.key, record: JSON.parse(row.record) as object }), // We wrote it.
    );
    const { rows, written, deleted } = migrateRecords(stored, versions, migrations);
    transactSqlite(this.#database, () => {
      for (const row of deleted) this.#deleteRecord.run(row.kind, row.key);
      for (const row of written) this.#writeRecord(row);
      const putVersion = this.#database.prepare(
        "INSERT OR REPLACE INTO kind_version (kind, version) VALUES (?, ?)",
      );
      for (const [kind, version] of current) putVersion.run(kind, version);
    });
    const sequences = readSequences(this.#database);
    const revision = sequences.get(REVISION) ?? 0;
    sequences.delete(REVISION);
    this.#memory.load(rows, sequences, revision);
  }

  #persist({ revision, writes, sequences }: Commit): void {
    transactSqlite(this.#database, () => {
      for (const [kind, records] of writes) {
        for (const [key, record] of records) {
          if (record === undefined) this.#deleteRecord.run(kind, key);
          else this.#writeRecord({ kind, key, record });
        }
      }
      for (const [name, value] of sequences) this.#putSequence.run(name, value);
      this.#putSequence.run(REVISION, revision);
    });
  }

  #writeRecord({ kind, key, record }: Row): void {
    const text = JSON.stringify(record);
    this.#putRecord.run(kind, key, text, crc32Of(`${kind}${key}${text}`));
  }

  /** Copies a consistent snapshot into a file. */
  copyTo(path: string): void {
    this.#database.prepare("VACUUM INTO ?").run(path);
  }
}

const REMEDY = 'bring back a backup with "gantry restore"';

/** Errors: DamagedError, in place of SQLite's error for a file that is truncated or overwritten. */
function refuseDamage(path: string, work: () => void): void {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof DamagedError || !isDamage(thrown)) throw thrown;
    throw new DamagedError(`The database ${path} is damaged: ${REMEDY}.`, { cause: thrown });
  }
}

interface StoredRow {
  readonly kind: Kind;
  readonly key: string;
  readonly record: string;
  readonly checksum: number;
}

function readVersions(database: DatabaseSync): Map<Kind, number> {
  const rows = database.prepare("SELECT kind, version FROM kind_version").all() as unknown as {
    kind: Kind;
    version: number;
  }[]; // The schema's own columns.
  return new Map(rows.map((row) => [row.kind, row.version]));
}

function readSequences(database: DatabaseSync): Map<string, number> {
  const rows = database.prepare("SELECT name, value FROM sequence").all() as {
    name: string;
    value: number;
  }[]; // As above.
  return new Map(rows.map((row) => [row.name, row.value]));
}

function readRecords(database: DatabaseSync, path: string): readonly StoredRow[] {
  const rows = database
    .prepare("SELECT kind, key, record, checksum FROM record")
    .all() as unknown as StoredRow[]; // The schema's own columns.
  const damaged = rows.find((row) => crc32Of(`${row.kind}${row.key}${row.record}`) !== row.checksum);
  if (damaged !== undefined)
    throw new DamagedError(`The record ${damaged.kind} ${damaged.key} in ${path} is damaged: ${REMEDY}.`);
  return rows;
}

function migrate(database: DatabaseSync): void {
  // SQLite's own answer.
  const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version > MIGRATIONS.length) {
    throw new NewerStateError(
      `The state was written by a newer Gantry (schema ${version}, this one knows ` +
        `${MIGRATIONS.length}): run that version, or restore a backup.`,
    );
  }
  database.function("checksum_of", { deterministic: true }, (text) => crc32Of(String(text)));
  for (const [index, migration] of MIGRATIONS.entries()) {
    if (index < version) continue;
    transactSqlite(database, () => database.exec(`${migration}; PRAGMA user_version = ${index + 1};`));
  }
}
