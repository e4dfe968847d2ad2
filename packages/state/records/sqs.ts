import type { Placed, Tags } from "./common.ts";

/** A queue of SQS. Its messages are in the queue store, under `id`. The key is the ARN. */
export interface QueueRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  /** Distinguishes the queue from an earlier one of the same name, whose messages it does not have. */
  readonly id: string;
  /** The attributes that can be set, as the API writes them, with their defaults; without the policy. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly policy: string | undefined;
  /** The unique ids of those whom the policy names. */
  readonly policyPrincipals: Readonly<Record<string, string>> | undefined;
  /** Encrypts the messages of a queue that has no KMS key of the customer's. */
  readonly sealedDataKey: string;
  readonly tags: Tags;
  /** Ms since the epoch. */
  readonly createdAt: number;
  readonly modifiedAt: number;
}
