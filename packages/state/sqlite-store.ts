import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { DamagedError, openSqlite, transactSqlite } from "@gantry/kernel";
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
 * from memory. Throws NewerStateError when the file's schema is newer than this program's, DamagedError when the file,
 * or a record in it, is not what was written.
 */
export class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #memory = new MemoryStore();
  readonly #putRecord: StatementSync;
  readonly #deleteRecord: StatementSync;
  readonly #putSequence: StatementSync;

  constructor(path: string) {
    this.#database = openSqlite(path);
    migrate(this.#database);
    const rows = readRecords(this.#database, path);
    const sequences = this.#database.prepare("SELECT name, value FROM sequence").all() as {
      name: string;
      value: number;
    }[]; // As above.
    this.#memory.load(
      rows.map((row) => ({ kind: row.kind, key: row.key, record: JSON.parse(row.record) as object })), // We wrote it.
      new Map(sequences.map((row) => [row.name, row.value])),
    );
    this.#putRecord = this.#database.prepare(
      "INSERT INTO record (kind, key, record, checksum) VALUES (?, ?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET record = excluded.record, checksum = excluded.checksum",
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

  countBy(kind: Kind, index: string, value: string): number {
    return this.#memory.countBy(kind, index, value);
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
    transactSqlite(this.#database, () => {
      for (const [kind, records] of writes) {
        for (const [key, record] of records) {
          if (record === undefined) {
            this.#deleteRecord.run(kind, key);
            continue;
          }
          const text = JSON.stringify(record);
          this.#putRecord.run(kind, key, text, crc32(`${kind}${key}${text}`));
        }
      }
      for (const [name, value] of sequences) this.#putSequence.run(name, value);
    });
  }

  /** A copy of one moment in a file of its own. */
  copyTo(path: string): void {
    this.#database.prepare("VACUUM INTO ?").run(path);
  }
}

interface Row {
  readonly kind: Kind;
  readonly key: string;
  readonly record: string;
  readonly checksum: number;
}

function readRecords(database: DatabaseSync, path: string): readonly Row[] {
  const remedy = 'bring back a backup with "gantry restore"';
  let rows: readonly Row[];
  try {
    rows = database.prepare("SELECT kind, key, record, checksum FROM record").all() as unknown as Row[]; // The schema's own columns.
  } catch (thrown) {
    throw new DamagedError(`The database ${path} is damaged: ${remedy}.`, { cause: thrown });
  }
  const damaged = rows.find((row) => crc32(`${row.kind}${row.key}${row.record}`) !== row.checksum);
  if (damaged !== undefined)
    throw new DamagedError(`The record ${damaged.kind} ${damaged.key} in ${path} is damaged: ${remedy}.`);
  return rows;
}

function migrate(database: DatabaseSync): void {
  const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number }; // SQLite's own answer.
  if (version > MIGRATIONS.length) {
    throw new NewerStateError(
      `The state was written by a newer Gantry (schema ${version}, this one knows ${MIGRATIONS.length}): run that version, or restore a backup.`,
    );
  }
  database.function("checksum_of", { deterministic: true }, (text) => crc32(String(text)));
  for (const [index, migration] of MIGRATIONS.entries()) {
    if (index < version) continue;
    transactSqlite(database, () => database.exec(`${migration}; PRAGMA user_version = ${index + 1};`));
  }
}
