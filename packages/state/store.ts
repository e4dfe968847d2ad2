import type { Kind, RecordOf } from "./records.ts";

/** Which record changed. It does not contain the change: consumers read the record again. */
export interface Change {
  /** The revision of the commit that made the change. All changes of one commit share it. */
  readonly revision: number;
  readonly kind: Kind;
  readonly key: string;
  /** The account of the record; undefined for records that belong to the instance, such as nodes. */
  readonly account: string | undefined;
  /** Undefined for global records (IAM) and for records of the instance. */
  readonly region: string | undefined;
}

/** The changes after a revision are no longer kept: the consumer has to list the records again. */
export class RevisionTooOldError extends Error {
  override readonly name = "RevisionTooOldError";
}

/**
 * Reads of one consistent state. Records are frozen: replace them instead of changing them. A key or an index
 * value that is undefined finds nothing, so that an absent reference needs no placeholder.
 */
export interface Reader {
  get<K extends Kind>(kind: K, key: string | undefined): RecordOf<K> | undefined;
  /** All records of a kind, in key order, optionally limited to a key prefix. */
  list<K extends Kind>(kind: K, keyPrefix?: string): readonly RecordOf<K>[];
  /** All records of a kind whose declared index has this value. */
  listBy<K extends Kind>(kind: K, index: string, value: string | undefined): readonly RecordOf<K>[];
  keys(kind: Kind): readonly string[];
  /** The keys of the records that `listBy` returns, in the same order. */
  keysBy(kind: Kind, index: string, value: string | undefined): readonly string[];
  /** How many records `listBy` would return, without reading them. */
  countBy(kind: Kind, index: string, value: string | undefined): number;
  /**
   * The total of a declared sum over the records that have this value. The store maintains it; the call does
   * not compute it.
   */
  sumBy(kind: Kind, sum: string, value: string): number;
}

/** Reads see the transaction's own writes. Nothing inside may await. */
export interface Transaction extends Reader {
  put<K extends Kind>(kind: K, key: string, record: RecordOf<K>): void;
  delete(kind: Kind, key: string): void;
  /** The next number of a named sequence: 1, 2, 3 …; numbers are never reused. */
  next(sequence: string): number;
}

/** What follows from a change of a record; undefined stands for a record that is not there. */
export type Derivation<K extends Kind> = (
  tx: Transaction,
  key: string,
  change: { readonly before: RecordOf<K> | undefined; readonly after: RecordOf<K> | undefined },
) => void;

export interface Store extends Reader {
  /** The revision of the last commit. It grows with every commit, also across restarts. */
  readonly revision: number;
  /**
   * Calls `work` within every transaction that writes a record of the kind, with the record before and after:
   * what it writes is committed with the change, so that nothing that follows from a change is lost or
   * doubled. Records that are loaded do not count.
   */
  derive<K extends Kind>(kind: K, work: Derivation<K>): void;
  /** Atomic, and visible when it returns; a throw inside rolls it back. Watchers are called afterwards. */
  transact<T>(work: (tx: Transaction) => T): T;
  /**
   * Calls `changed` for every committed change, in order; returns a function that stops the watch. With
   * `since`, it first delivers the changes after that revision. Errors: RevisionTooOldError.
   */
  watch(changed: (change: Change) => void, since?: number): () => void;
  /**
   * At most `limit` changes after a revision, whole commits where possible, oldest first.
   * Errors: RevisionTooOldError.
   */
  changesSince(revision: number, limit?: number): readonly Change[];
  /**
   * Resolves when everything committed so far is durable. Callers await it before anything leaves the
   * process: responses, messages to nodes, deletions of bytes. With SQLite a commit is durable when
   * `transact` returns; a replicated journal waits for its quorum here.
   */
  settled(): Promise<void>;
  close(): void;
}
