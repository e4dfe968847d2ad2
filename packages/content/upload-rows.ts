import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { CompletedUpload, MultipartPart, MultipartUpload } from "./object-meta.ts";
import { read } from "./object-rows.ts";

/** How many completed uploads are remembered; the oldest are forgotten. */
const COMPLETED_MAX = 10_000;

/** Multipart uploads: open ones with their parts, and the results of completed ones. */
export class UploadRows {
  readonly #run: (sql: string) => StatementSync;

  constructor(database: DatabaseSync, run: (sql: string) => StatementSync) {
    this.#run = run;
    database.exec(`
      CREATE TABLE IF NOT EXISTS upload (id TEXT PRIMARY KEY, bucket TEXT NOT NULL, meta TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS part (upload TEXT NOT NULL, number INTEGER NOT NULL, meta TEXT NOT NULL, PRIMARY KEY (upload, number)) STRICT, WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS completed (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, meta TEXT NOT NULL) STRICT;
    `);
  }

  start(upload: MultipartUpload): void {
    this.#run("INSERT INTO upload (id, bucket, meta) VALUES (?, ?, ?)").run(
      upload.id,
      upload.bucket,
      JSON.stringify(upload),
    );
  }

  find(id: string): MultipartUpload | undefined {
    // We wrote it.
    return read(this.#run("SELECT meta FROM upload WHERE id = ?").get(id)) as MultipartUpload | undefined;
  }

  /** The open uploads of a bucket, in no particular order. */
  of(bucket: string): readonly MultipartUpload[] {
    return this.#run("SELECT meta FROM upload WHERE bucket = ?")
      .all(bucket)
      .map((row) => read(row) as MultipartUpload); // As above.
  }

  /** The parts of an upload, by number. */
  parts(upload: string): readonly MultipartPart[] {
    return this.#run("SELECT meta FROM part WHERE upload = ? ORDER BY number")
      .all(upload)
      .map((row) => read(row) as MultipartPart); // As above.
  }

  allParts(): readonly MultipartPart[] {
    return this.#run("SELECT meta FROM part")
      .all()
      .map((row) => read(row) as MultipartPart); // As above.
  }

  /** Writes a part; returns the part with the same number that it replaces. */
  putPart(upload: string, part: MultipartPart): MultipartPart | undefined {
    const before = read(
      this.#run("SELECT meta FROM part WHERE upload = ? AND number = ?").get(upload, part.number),
    ) as MultipartPart | undefined; // As above.
    this.#run(
      "INSERT INTO part (upload, number, meta) VALUES (?, ?, ?) ON CONFLICT (upload, number) DO UPDATE " +
        "SET meta = excluded.meta",
    ).run(upload, part.number, JSON.stringify(part));
    return before;
  }

  /** Removes an upload and its parts; the caller removes their bytes. */
  drop(id: string): void {
    this.#run("DELETE FROM part WHERE upload = ?").run(id);
    this.#run("DELETE FROM upload WHERE id = ?").run(id);
  }

  putCompleted(completed: CompletedUpload): void {
    const { lastInsertRowid } = this.#run("INSERT INTO completed (id, meta) VALUES (?, ?)").run(
      completed.id,
      JSON.stringify(completed),
    );
    this.#run("DELETE FROM completed WHERE number <= ?").run(Number(lastInsertRowid) - COMPLETED_MAX);
  }

  /** The result of a completed upload, while it is remembered. */
  findCompleted(id: string): CompletedUpload | undefined {
    // As above.
    return read(this.#run("SELECT meta FROM completed WHERE id = ?").get(id)) as CompletedUpload | undefined;
  }
}
