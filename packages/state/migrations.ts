/**
 * The steps from an empty file to the current SQL schema, in order. A released step is never changed: add a
 * new one.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE record (kind TEXT NOT NULL, key TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;
   CREATE TABLE sequence (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  // A record says what it is: a byte that changed on the disk is noticed, not believed. \`checksum_of\` is
  // the store's own (CRC-32).
  `ALTER TABLE record ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
   UPDATE record SET checksum = checksum_of(kind || key || record)`,
  // The format of each kind's records has a version of its own: see record-migrations.ts.
  `CREATE TABLE kind_version (kind TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
];
