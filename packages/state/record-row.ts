import type { Kind } from "./records.ts";

/** A record as it lies in the store, of whatever version. */
export interface Row {
  readonly kind: Kind;
  readonly key: string;
  readonly record: object;
}
