import type { Placed, Tags } from "./common.ts";

/** The log store has the streams and events. Key: the ARN without `:*`. */
export interface LogGroupRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly retentionDays: number | undefined;
  readonly createdAt: number;
  /** Undefined: STANDARD. It changes what AWS charges; nothing here depends on it. */
  readonly class?: "INFREQUENT_ACCESS";
  readonly tags: Tags;
}
