import type { Kind } from "./records.ts";

/** A record as it is stored, of any version. */
export interface Row {
  readonly kind: Kind;
  readonly key: string;
  readonly record: object;
}
