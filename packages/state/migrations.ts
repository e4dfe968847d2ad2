/** The steps from an empty file to today's schema, in order. A step that has landed is never changed: add one. */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE record (kind TEXT NOT NULL, key TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;
   CREATE TABLE sequence (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
];
