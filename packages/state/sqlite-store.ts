import { DatabaseSync, type StatementSync } from "node:sqlite";
import { MemoryStore, type Writes } from "./memory-store.ts";
import { MIGRATIONS } from "./migrations.ts";
import type { Kind, RecordOf } from "./records.ts";
import type { Change, Store, Transaction } from "./store.ts";

/** Thrown when the state was written by a newer Gantry than this one. */
export class NewerStateError extends Error {
  override readonly name = "NewerStateError";
}

/**
 * Keeps records in one SQLite file (WAL, synchronous=FULL: what was answered survives a power cut) and serves reads
 * from memory. Throws NewerStateError when the file's schema is newer than this program's.
 */
export class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #memory = new MemoryStore();
  readonly #putRecord: StatementSync;
  readonly #deleteRecord: StatementSync;
  readonly #putSequence: StatementSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
    migrate(this.#database);
    const rows = this.#database.prepare("SELECT kind, key, record FROM record").all() as { kind: Kind; key: string; record: string }[]; // The schema's own columns.
    const sequences = this.#database.prepare("SELECT name, value FROM sequence").all() as { name: string; value: number }[]; // As above.
    this.#memory.load(
      rows.map((row) => ({ kind: row.kind, key: row.key, record: JSON.parse(row.record) as object })), // We wrote it.
      new Map(sequences.map((row) => [row.name, row.value])),
    );
    this.#putRecord = this.#database.prepare(
      "INSERT INTO record (kind, key, record) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET record = excluded.record",
    );
    this.#deleteRecord = this.#database.prepare("DELETE FROM record WHERE kind = ? AND key = ?");
    this.#putSequence = this.#database.prepare(
      "INSERT INTO sequence (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    );
  }

  get<K extends Kind>(kind: K, key: string): RecordOf<K> | undefined {
    return this.#memory.get(kind, key);
  }

  list<K extends Kind>(kind: K, keyPrefix?: string): readonly RecordOf<K>[] {
    return this.#memory.list(kind, keyPrefix);
  }

  listBy<K extends Kind>(kind: K, index: string, value: string): readonly RecordOf<K>[] {
    return this.#memory.listBy(kind, index, value);
  }

  keys(kind: Kind): readonly string[] {
    return this.#memory.keys(kind);
  }

  transact<T>(work: (tx: Transaction) => T): T {
    return this.#memory.transactWith(work, (writes, sequences) => this.#persist(writes, sequences));
  }

  watch(changed: (change: Change) => void): () => void {
    return this.#memory.watch(changed);
  }

  close(): void {
    this.#memory.close();
    this.#database.close();
  }

  #persist(writes: Writes, sequences: ReadonlyMap<string, number>): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      for (const [kind, records] of writes) {
        for (const [key, record] of records) {
          if (record === undefined) this.#deleteRecord.run(kind, key);
          else this.#putRecord.run(kind, key, JSON.stringify(record));
        }
      }
      for (const [name, value] of sequences) this.#putSequence.run(name, value);
      this.#database.exec("COMMIT");
    } catch (thrown) {
      this.#database.exec("ROLLBACK");
      throw thrown;
    }
  }
}

function migrate(database: DatabaseSync): void {
  const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number }; // SQLite's own answer.
  if (version > MIGRATIONS.length) {
    throw new NewerStateError(
      `The state was written by a newer Gantry (schema ${version}, this one knows ${MIGRATIONS.length}): run that version, or restore a backup.`,
    );
  }
  for (const [index, migration] of MIGRATIONS.entries()) {
    if (index < version) continue;
    database.exec(`BEGIN; ${migration}; PRAGMA user_version = ${index + 1}; COMMIT;`);
  }
}
