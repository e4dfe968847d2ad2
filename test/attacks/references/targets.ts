import type { ServiceName } from "../loaded-services.ts";
import type { ReferenceKind } from "./rules.ts";

const ACCOUNT_ID = "000000000000";
const REGION = "eu-south-1";
/** The ARN of what a service has in the world's account and region. */
export const regional = (service: string, path: string) =>
  `arn:aws:${service}:${REGION}:${ACCOUNT_ID}:${path}`;
export const global = (path: string) => `arn:aws:iam::${ACCOUNT_ID}:${path}`;

/** A resource, and the references of one kind that name it. */
export interface Target {
  readonly kind: ReferenceKind;
  /** Its ARN, as a policy names it; a log group's and a bucket's with what lies in them. */
  readonly arns: readonly string[];
  /** What matches the ARNs of all resources of its type, and no other. */
  readonly family: string;
  /** Every spelling that names it. */
  readonly spellings: readonly string[];
  /** Members that say where the name is looked up, where an operation has them. */
  readonly within?: Readonly<Record<string, unknown>>;
}

export type Send = (
  service: ServiceName,
  operation: string,
  input: object,
) => Promise<Record<string, unknown>>;

/** Members that other operations and members need, by MEMBER or OPERATION.MEMBER. The latter are always given. */
export type Defaults = Readonly<Record<string, unknown>>;
