import type { Placed, Tags } from "./common.ts";

/** A launch template of EC2. Key: the id. Its data are in the records of its versions. */
export interface LaunchTemplateRecord extends Placed {
  readonly id: string;
  readonly name: string;
  /** ARN of the caller. */
  readonly createdBy: string;
  readonly createdAt: number;
  readonly defaultVersion: number;
  /** The highest number that was given, also where that version was deleted: numbers are not reused. */
  readonly latestVersion: number;
  /** The client token of CreateLaunchTemplate, and a digest of its request. */
  readonly clientToken: string | undefined;
  readonly requestDigest: string;
  readonly tags: Tags;
}

/** Key: `TEMPLATE-ID/NUMBER`, the number with leading zeros. */
export interface LaunchTemplateVersionRecord extends Placed {
  readonly templateId: string;
  readonly number: number;
  readonly description: string | undefined;
  readonly createdBy: string;
  readonly createdAt: number;
  /** The members of LaunchTemplateData, as they were given. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly clientToken: string | undefined;
  readonly requestDigest: string;
}
