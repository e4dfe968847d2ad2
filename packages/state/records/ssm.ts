import type { Placed, Tags } from "./common.ts";

/** The kinds of records of Systems Manager. */
export interface SsmRecords {
  readonly parameter: ParameterRecord;
  readonly parameterVersion: ParameterVersionRecord;
  readonly ssmDocument: SsmDocumentRecord;
  readonly ssmDocumentVersion: SsmDocumentVersionRecord;
  readonly ssmServiceSetting: SsmServiceSettingRecord;
}

/** A parameter of Parameter Store. Its versions are separate records. */
export interface ParameterRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  /** The newest version. */
  readonly version: number;
  readonly tags: Tags;
  readonly policies?: readonly ParameterPolicy[];
}

/** A policy of a parameter. Times in ms since the epoch. */
export interface ParameterPolicy {
  /** As the caller gave it. */
  readonly text: string;
  readonly type: "Expiration" | "ExpirationNotification" | "NoChangeNotification";
  readonly dueAt: number;
  readonly isFinished: boolean;
}

/** One version of a parameter. The key is `ARN:VERSION`. */
export interface ParameterVersionRecord {
  readonly parameterArn: string;
  readonly version: number;
  readonly type: "String" | "StringList" | "SecureString";
  /** The value of a String or a StringList. */
  readonly value: string | undefined;
  /** The value of a SecureString. */
  readonly sealedValue: string | undefined;
  /** The KMS key of a SecureString as the caller named it; `alias/aws/ssm` by default. */
  readonly keyId: string | undefined;
  /** The customer's KMS key that the value is encrypted with, besides the vault. */
  readonly kmsKeyArn: string | undefined;
  readonly description: string | undefined;
  readonly allowedPattern: string | undefined;
  readonly tier: "Standard" | "Advanced";
  readonly dataType: string;
  readonly labels: readonly string[];
  /** Ms since the epoch. */
  readonly modifiedAt: number;
  /** The ARN of the caller. */
  readonly modifiedBy: string;
}

/** A document. Its versions are separate records; the document is kept and is not run. Key: its ARN. */
export interface SsmDocumentRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly type: "Command" | "Automation" | "Session" | "Policy";
  readonly targetType: string | undefined;
  readonly defaultVersion: number;
  /** The version that was created last; numbers are not used again. */
  readonly latestVersion: number;
  /** Ms since the epoch. */
  readonly createdAt: number;
  readonly tags: Tags;
}

/** One version of a document. Key: `ARN:VERSION`. */
export interface SsmDocumentVersionRecord {
  readonly documentArn: string;
  readonly version: number;
  readonly versionName: string | undefined;
  readonly displayName: string | undefined;
  readonly format: "JSON" | "YAML" | "TEXT";
  readonly content: string;
  /** SHA-256 of the content in hexadecimal. */
  readonly hash: string;
  /** Ms since the epoch. */
  readonly createdAt: number;
}

/** A service setting that was changed from its default. Key: its ARN. */
export interface SsmServiceSettingRecord extends Placed {
  readonly arn: string;
  readonly value: string;
  /** Ms since the epoch. */
  readonly modifiedAt: number;
  /** The ARN of the caller. */
  readonly modifiedBy: string;
}
