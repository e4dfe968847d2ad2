import type { ObjectMeta } from "./object-meta.ts";

export function metaOf(row: unknown): ObjectMeta | undefined {
  return read(row) as ObjectMeta | undefined; // We wrote it.
}

export function metasOf(rows: readonly unknown[]): readonly ObjectMeta[] {
  return rows.map((row) => read(row) as ObjectMeta); // As above.
}

/** The content of a row; undefined if there is no row. */
export function read(row: unknown): unknown {
  return row === undefined ? undefined : JSON.parse((row as { meta: string }).meta); // Every query selects it.
}

/** The first key after all keys with the prefix. */
export function endOfPrefix(prefix: Buffer): Buffer | undefined {
  const end = Buffer.from(prefix);
  for (let index = end.length - 1; index >= 0; index -= 1) {
    if ((end[index] ?? 255) < 255) {
      end[index] = (end[index] ?? 0) + 1;
      return end.subarray(0, index + 1);
    }
  }
  return undefined;
}
