import type { DatabaseSync } from "node:sqlite";
import type { MessageCiphers } from "./message-ciphers.ts";

interface Seal {
  readonly group: string;
  readonly keyId: string;
  /** An empty text, sealed; absent from the key that seals the chunk. */
  readonly text?: string;
}

/**
 * The results of log queries in chunks. A chunk is encrypted where a log group of the query is, and is read only
 * while the keys of all these groups can be used.
 */
export class QueryResults {
  readonly #database: DatabaseSync;
  readonly #ciphers: MessageCiphers | undefined;

  constructor(database: DatabaseSync, ciphers: MessageCiphers | undefined) {
    this.#database = database;
    this.#ciphers = ciphers;
    database.exec(
      "CREATE TABLE IF NOT EXISTS query_result (query TEXT NOT NULL, position INTEGER NOT NULL, chunk TEXT NOT " +
        "NULL, seals TEXT NOT NULL, PRIMARY KEY (query, position)) STRICT",
    );
  }

  /** Adds a chunk; a chunk that is added again replaces the first. */
  put(
    query: string,
    position: number,
    { groups, chunk }: { groups: readonly string[]; chunk: string },
  ): void {
    const sealers = groups.flatMap((group) => {
      const sealer = this.#ciphers?.sealer(group);
      return sealer === undefined ? [] : [{ group, ...sealer }];
    });
    // One key seals the chunk. An empty text is sealed by each of the others, whose opening shows that the key can
    // be used: sealing in layers would make a chunk of many groups thousands of times as long.
    const seals: Seal[] = sealers
      .slice(1)
      .map(({ group, keyId, seal }) => ({ group, keyId, text: seal("") }));
    const [first] = sealers;
    if (first !== undefined) seals.push({ group: first.group, keyId: first.keyId });
    this.#database
      .prepare("INSERT OR REPLACE INTO query_result (query, position, chunk, seals) VALUES (?, ?, ?, ?)")
      .run(query, position, first?.seal(chunk) ?? chunk, JSON.stringify(seals));
  }

  /** Reads a chunk. Throws what the ciphers throw where a key cannot be used. */
  get(query: string, position: number): string | undefined {
    const row = this.#database
      .prepare("SELECT chunk, seals FROM query_result WHERE query = ? AND position = ?")
      .get(query, position) as { chunk: string; seals: string } | undefined; // The schema's own columns.
    if (row === undefined) return undefined;
    let { chunk } = row;
    // As `put` writes them.
    for (const { group, keyId, text } of JSON.parse(row.seals) as readonly Seal[]) {
      const opened = this.#ciphers?.open(group, keyId, text ?? chunk);
      if (text === undefined && opened !== undefined) chunk = opened;
    }
    return chunk;
  }

  remove(query: string): void {
    this.#database.prepare("DELETE FROM query_result WHERE query = ?").run(query);
  }
}
