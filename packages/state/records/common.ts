/**
 * Where a record belongs. IAM's and bucket names are global; their region is only where they were created.
 */
export interface Placed {
  readonly account: string;
  readonly region: string;
}

export type Tags = Readonly<Record<string, string>>;
