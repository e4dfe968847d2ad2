import type { Kind, RecordOf } from "./records.ts";

/** Which record changed. It never says how: whoever cares reads it fresh. */
export interface Change {
  readonly kind: Kind;
  readonly key: string;
}

/** Reads of one consistent moment. Records are frozen: replace them, never change them. */
export interface Reader {
  get<K extends Kind>(kind: K, key: string): RecordOf<K> | undefined;
  /** All records of a kind, in key order, narrowed by a prefix of the key. */
  list<K extends Kind>(kind: K, keyPrefix?: string): readonly RecordOf<K>[];
  /** All records of a kind whose declared index has this value. */
  listBy<K extends Kind>(kind: K, index: string, value: string): readonly RecordOf<K>[];
  keys(kind: Kind): readonly string[];
  /** How many records `listBy` would answer, without a look at them. */
  countBy(kind: Kind, index: string, value: string): number;
}

/** Reads see the transaction's own writes. Nothing inside may await. */
export interface Transaction extends Reader {
  put<K extends Kind>(kind: K, key: string, record: RecordOf<K>): void;
  delete(kind: Kind, key: string): void;
  /** The next number of a named sequence: 1, 2, 3 …; never handed out twice, never reused. */
  next(sequence: string): number;
}

export interface Store extends Reader {
  /** All or nothing, durable when it returns; a throw inside leaves no trace. Watchers are told afterwards. */
  transact<T>(work: (tx: Transaction) => T): T;
  /** Told of every committed change, in order. Returns how to stop. */
  watch(changed: (change: Change) => void): () => void;
  close(): void;
}
