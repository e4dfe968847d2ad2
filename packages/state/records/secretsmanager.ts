import type { Placed, Tags } from "./common.ts";

/** A secret of Secrets Manager. Its values are separate records. Times in ms since the epoch. */
export interface SecretRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly description: string | undefined;
  /** The KMS key as the caller named it; undefined for the service's own, `aws/secretsmanager`. */
  readonly kmsKeyId: string | undefined;
  readonly tags: Tags;
  /** The AWS service that manages the secret, and the resource that it belongs to. Absent where a caller made it. */
  readonly owner?: { readonly service: "rds" | "events"; readonly resourceArn: string };
  readonly createdAt: number;
  readonly lastChangedAt: number;
  readonly deletedAt?: number;
  /** When a deleted secret is removed. */
  readonly removeAt?: number;
  readonly policy?: string;
  readonly policyPrincipals?: Readonly<Record<string, string>>;
  readonly rotation?: {
    readonly lambdaArn: string | undefined;
    readonly afterDays: number | undefined;
    readonly schedule: string | undefined;
    readonly duration: string | undefined;
    /** When the next rotation begins. */
    readonly nextAt?: number | undefined;
  };
  readonly lastRotatedAt?: number;
  /** A rotation that is under way: the step that is next, and how often it has failed. */
  readonly rotating?: {
    readonly versionId: string;
    readonly step: "createSecret" | "setSecret" | "testSecret" | "finishSecret";
    readonly failures: number;
    readonly startedAt: number;
  };
}

/** One value of a secret, with the stages that point to it. The key is `SECRET_ARN/VERSION_ID`. */
export interface SecretVersionRecord {
  readonly secretArn: string;
  readonly versionId: string;
  readonly stages: readonly string[];
  readonly isBinary: boolean;
  /** The version of a rotation whose function has not put the value yet. */
  readonly isEmpty?: boolean;
  /** The text, or the base64 of the bytes. */
  readonly sealedValue: string;
  /** The customer's KMS key that the value is encrypted with, besides the vault. */
  readonly kmsKeyArn: string | undefined;
  readonly createdAt: number;
}
