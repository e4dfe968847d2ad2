import type { Placed, Tags } from "./common.ts";

/** Streams and events lie with the log content, not here. Key: the ARN without `:*`. */
export interface LogGroupRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly retentionDays: number | undefined;
  readonly createdAt: number;
  readonly tags: Tags;
}
