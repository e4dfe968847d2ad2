import { assert } from "@gantry/kernel";
import { ChangeRing } from "./change-ring.ts";
import { INDEXES, SUMS, type Kind, type RecordOf } from "./records.ts";
import type { Change, Derivation, Store, Transaction } from "./store.ts";

/** The writes of one transaction: a record, or undefined for a deletion. */
export type Writes = ReadonlyMap<Kind, ReadonlyMap<string, object | undefined>>;

/** One commit, in the form that is persisted. */
export interface Commit {
  readonly revision: number;
  readonly writes: Writes;
  readonly sequences: ReadonlyMap<string, number>;
}

const SETTLED = Promise.resolve();

/** Stores everything in maps. The store of simulation runs, and the read side of the SQLite store. */
export class MemoryStore implements Store {
  readonly #tables = new Map<Kind, Map<string, object>>();
  readonly #indexes = new Map<string, Map<string, Set<string>>>();
  readonly #sums = new Map<string, Map<string, number>>();
  readonly #changes = new ChangeRing();
  /** The keys of a kind in order; invalidated when a key is added or removed. */
  readonly #order = new Map<Kind, readonly string[]>();
  readonly #derivations: Derivations = new Map();
  #sequences = new Map<string, number>();
  #revision = 0;
  #inTransaction = false;

  get revision(): number {
    return this.#revision;
  }

  get<K extends Kind>(kind: K, key: string | undefined): RecordOf<K> | undefined {
    if (key === undefined) return undefined;
    return this.#tables.get(kind)?.get(key) as RecordOf<K> | undefined; // The map of a kind holds that kind alone.
  }

  list<K extends Kind>(kind: K, keyPrefix = ""): readonly RecordOf<K>[] {
    const table = this.#tables.get(kind);
    if (table === undefined) return [];
    const keys =
      keyPrefix === "" ? this.keys(kind) : this.keys(kind).filter((key) => key.startsWith(keyPrefix));
    return keys.map((key) => table.get(key) as RecordOf<K>); // As in get.
  }

  listBy<K extends Kind>(kind: K, index: string, value: string | undefined): readonly RecordOf<K>[] {
    assert(INDEXES[kind]?.[index] !== undefined, `The kind ${kind} has no index ${index}.`);
    const table = this.#tables.get(kind);
    return this.keysBy(kind, index, value).map((key) => table?.get(key) as RecordOf<K>); // As in get.
  }

  keysBy(kind: Kind, index: string, value: string | undefined): readonly string[] {
    if (value === undefined) return [];
    return [...(this.#indexes.get(`${kind}/${index}`)?.get(value) ?? [])].sort();
  }

  keys(kind: Kind): readonly string[] {
    const known = this.#order.get(kind);
    if (known !== undefined) return known;
    const keys = [...(this.#tables.get(kind)?.keys() ?? [])].sort();
    this.#order.set(kind, keys);
    return keys;
  }

  countBy(kind: Kind, index: string, value: string | undefined): number {
    assert(INDEXES[kind]?.[index] !== undefined, `The kind ${kind} has no index ${index}.`);
    if (value === undefined) return 0;
    return this.#indexes.get(`${kind}/${index}`)?.get(value)?.size ?? 0;
  }

  sumBy(kind: Kind, sum: string, value: string): number {
    assert(SUMS[kind]?.[sum] !== undefined, `The kind ${kind} has no sum ${sum}.`);
    return this.#sums.get(`${kind}/${sum}`)?.get(value) ?? 0;
  }

  transact<T>(work: (tx: Transaction) => T): T {
    return this.transactWith(work, () => {});
  }

  /**
   * As `transact`, but calls `persist` before anything becomes visible; if it throws, the transaction is
   * rolled back.
   */
  transactWith<T>(work: (tx: Transaction) => T, persist: (commit: Commit) => void): T {
    assert(!this.#inTransaction, "Transactions do not nest.");
    this.#inTransaction = true;
    const overlay = new Overlay(this, this.#sequences, this.#derivations);
    const { writes, sequences } = overlay;
    const revision = this.#revision + 1;
    let answer: T;
    try {
      answer = work(overlay);
      if (writes.size === 0 && sequences.size === 0) return answer;
      persist({ revision, writes, sequences });
    } finally {
      this.#inTransaction = false;
    }
    this.#revision = revision;
    for (const [name, value] of sequences) this.#sequences.set(name, value);
    for (const [kind, records] of writes) {
      for (const [key, record] of records) this.#changes.add(this.#apply(kind, key, record));
    }
    this.#changes.deliver();
    return answer;
  }

  derive<K extends Kind>(kind: K, work: Derivation<K>): void {
    const known = this.#derivations.get(kind) ?? [];
    // Called with records of this kind alone.
    this.#derivations.set(kind, [...known, work as unknown as Derivation<Kind>]);
  }

  /** Loads what was stored before, without calling watchers. */
  load(
    rows: Iterable<{ kind: Kind; key: string; record: object }>,
    sequences: Map<string, number>,
    revision: number,
  ): void {
    for (const row of rows) this.#apply(row.kind, row.key, row.record);
    this.#sequences = sequences;
    this.#revision = revision;
    this.#changes.beginAfter(revision);
  }

  watch(changed: (change: Change) => void, since?: number): () => void {
    return this.#changes.watch(changed, since);
  }

  changesSince(revision: number, limit?: number): readonly Change[] {
    return this.#changes.since(revision, limit);
  }

  settled(): Promise<void> {
    return SETTLED;
  }

  close(): void {
    this.#changes.close();
  }

  #apply(kind: Kind, key: string, record: object | undefined): Change {
    let table = this.#tables.get(kind);
    if (table === undefined) this.#tables.set(kind, (table = new Map()));
    const before = table.get(key);
    if ((before === undefined) !== (record === undefined)) this.#order.delete(kind);
    for (const [index, valueOf] of Object.entries(INDEXES[kind] ?? {})) {
      const name = `${kind}/${index}`;
      let values = this.#indexes.get(name);
      if (values === undefined) this.#indexes.set(name, (values = new Map()));
      const [was, is] = [before && valueOf(before), record && valueOf(record)];
      if (was === is) continue;
      if (was !== undefined) {
        values.get(was)?.delete(key);
        if (values.get(was)?.size === 0) values.delete(was);
      }
      if (is !== undefined) values.set(is, (values.get(is) ?? new Set()).add(key));
    }
    for (const [sum, shareOf] of Object.entries(SUMS[kind] ?? {})) {
      const name = `${kind}/${sum}`;
      let totals = this.#sums.get(name);
      if (totals === undefined) this.#sums.set(name, (totals = new Map()));
      const [was, is] = [before && shareOf(before), record && shareOf(record)];
      if (was !== undefined) totals.set(was.value, (totals.get(was.value) ?? 0) - was.amount);
      if (is !== undefined) totals.set(is.value, (totals.get(is.value) ?? 0) + is.amount);
      if (was !== undefined && totals.get(was.value) === 0) totals.delete(was.value);
    }
    if (record === undefined) table.delete(key);
    else table.set(key, Object.freeze(record));
    // As Placed, where it has them.
    const { account, region } = (record ?? before ?? {}) as { account?: string; region?: string };
    return { revision: this.#revision, kind, key, account, region };
  }
}

type Derivations = Map<Kind, readonly Derivation<Kind>[]>;

class Overlay implements Transaction {
  readonly writes = new Map<Kind, Map<string, object | undefined>>();
  readonly sequences = new Map<string, number>();
  readonly #below: MemoryStore;
  readonly #sequencesBelow: ReadonlyMap<string, number>;
  readonly #derivations: ReadonlyMap<Kind, readonly Derivation<Kind>[]>;

  constructor(
    below: MemoryStore,
    sequencesBelow: ReadonlyMap<string, number>,
    derivations: ReadonlyMap<Kind, readonly Derivation<Kind>[]>,
  ) {
    this.#derivations = derivations;
    this.#below = below;
    this.#sequencesBelow = sequencesBelow;
  }

  get<K extends Kind>(kind: K, key: string | undefined): RecordOf<K> | undefined {
    if (key === undefined) return undefined;
    const written = this.writes.get(kind);
    // As in MemoryStore.get.
    return written?.has(key) ? (written.get(key) as RecordOf<K> | undefined) : this.#below.get(kind, key);
  }

  list<K extends Kind>(kind: K, keyPrefix = ""): readonly RecordOf<K>[] {
    const written = this.writes.get(kind);
    if (written === undefined) return this.#below.list(kind, keyPrefix);
    return this.keys(kind)
      .filter((key) => key.startsWith(keyPrefix))
      .map((key) => this.get(kind, key) as RecordOf<K>); // keys() names only what is there.
  }

  listBy<K extends Kind>(kind: K, index: string, value: string | undefined): readonly RecordOf<K>[] {
    if (this.writes.get(kind) === undefined) return this.#below.listBy(kind, index, value);
    // keysBy returns only keys of existing records.
    return this.keysBy(kind, index, value).map((key) => this.get(kind, key) as RecordOf<K>);
  }

  keysBy(kind: Kind, index: string, value: string | undefined): readonly string[] {
    if (value === undefined) return [];
    const below = this.#below.keysBy(kind, index, value);
    const written = this.writes.get(kind);
    if (written === undefined) return below;
    const valueOf = INDEXES[kind]?.[index];
    const own = [...written].flatMap(([key, record]) =>
      record !== undefined && valueOf?.(record) === value ? [key] : [],
    );
    const kept = below.filter((key) => !written.has(key));
    return own.length === 0 ? kept : [...kept, ...own].sort();
  }

  countBy(kind: Kind, index: string, value: string | undefined): number {
    if (value === undefined) return 0;
    let count = this.#below.countBy(kind, index, value);
    const valueOf = INDEXES[kind]?.[index];
    for (const [key, record] of this.writes.get(kind) ?? []) {
      const before = this.#below.get(kind, key);
      if (before !== undefined && valueOf?.(before) === value) count -= 1;
      if (record !== undefined && valueOf?.(record) === value) count += 1;
    }
    return count;
  }

  sumBy(kind: Kind, sum: string, value: string): number {
    let total = this.#below.sumBy(kind, sum, value);
    const shareOf = SUMS[kind]?.[sum];
    const amountOf = (record: object | undefined): number => {
      const share = record && shareOf?.(record);
      return share?.value === value ? share.amount : 0;
    };
    for (const [key, record] of this.writes.get(kind) ?? [])
      total += amountOf(record) - amountOf(this.#below.get(kind, key));
    return total;
  }

  keys(kind: Kind): readonly string[] {
    const keys = new Set(this.#below.keys(kind));
    for (const [key, record] of this.writes.get(kind) ?? []) {
      if (record === undefined) keys.delete(key);
      else keys.add(key);
    }
    return [...keys].sort();
  }

  put<K extends Kind>(kind: K, key: string, record: RecordOf<K>): void {
    this.#write(kind, key, record);
  }

  delete(kind: Kind, key: string): void {
    this.#write(kind, key, undefined);
  }

  next(sequence: string): number {
    const value = (this.sequences.get(sequence) ?? this.#sequencesBelow.get(sequence) ?? 0) + 1;
    this.sequences.set(sequence, value);
    return value;
  }

  #write(kind: Kind, key: string, record: object | undefined): void {
    const derivations = this.#derivations.get(kind);
    const before = derivations === undefined ? undefined : this.get(kind, key);
    const written = this.writes.get(kind) ?? new Map<string, object | undefined>();
    this.writes.set(kind, written.set(key, record));
    const after = record as RecordOf<Kind> | undefined; // As the caller, put or delete, had it.
    for (const derived of derivations ?? []) derived(this, key, { before, after });
  }
}
