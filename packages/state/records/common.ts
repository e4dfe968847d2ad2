/** Where a record lives. IAM's and bucket names are global; their region is only where they were made. */
export interface Placed {
  readonly account: string;
  readonly region: string;
}

export type Tags = Readonly<Record<string, string>>;
