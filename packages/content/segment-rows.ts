import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Segment } from "./object-meta.ts";

/** The bytes of objects: the files that rows name, and small segments stored beside the rows. */
export class SegmentRows {
  /** Encrypted bytes of inline segments that no row names yet, by key. */
  readonly held = new Map<string, Buffer>();
  readonly #run: (sql: string) => StatementSync;

  constructor(database: DatabaseSync, run: (sql: string) => StatementSync) {
    this.#run = run;
    database.exec(`
      CREATE TABLE IF NOT EXISTS file (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS content (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID;
    `);
  }

  /** The stored bytes of an inline segment. */
  content(name: string): Buffer | undefined {
    const row = this.#run("SELECT bytes FROM content WHERE name = ?").get(name) as
      | { bytes: Uint8Array }
      | undefined; // The schema's own column.
    return row === undefined
      ? undefined
      : Buffer.from(row.bytes.buffer, row.bytes.byteOffset, row.bytes.byteLength);
  }

  /** Whether a row names the file. */
  hasFile(name: string): boolean {
    return this.#run("SELECT 1 FROM file WHERE name = ?").get(name) !== undefined;
  }

  /**
   * Records that a row names these segments: lists those in files, and stores the bytes of inline ones. The
   * caller runs it in the transaction that writes the row.
   */
  keep(segments: readonly Segment[]): void {
    for (const { inline, file } of segments) {
      if (inline !== true) this.#run("INSERT OR IGNORE INTO file (name) VALUES (?)").run(file);
      const bytes = inline === true ? this.held.get(file) : undefined;
      if (bytes !== undefined)
        this.#run("INSERT OR REPLACE INTO content (name, bytes) VALUES (?, ?)").run(file, bytes);
    }
  }

  /**
   * Removes inline bytes with the rows that named them; returns the segments in files, which no row
   * references any more.
   */
  forget(segments: readonly Segment[]): readonly Segment[] {
    for (const { inline, file } of segments)
      this.#run(`DELETE FROM ${inline === true ? "content" : "file"} WHERE name = ?`).run(file);
    return segments.filter((segment) => segment.inline !== true);
  }
}
