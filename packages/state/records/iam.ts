import type { Tags } from "./common.ts";

interface Identity {
  readonly arn: string;
  readonly account: string;
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly inlinePolicies: Readonly<Record<string, string>>;
  readonly attachedPolicies: readonly string[];
  readonly createdAt: number;
}

export interface UserRecord extends Identity {
  readonly type: "user";
  readonly permissionsBoundary: string | undefined;
  /** ARNs of the groups that it is in. */
  readonly groups?: readonly string[];
  readonly tags: Tags;
}

export interface GroupRecord extends Identity {
  readonly type: "group";
}

export interface InstanceProfileRecord {
  readonly arn: string;
  readonly account: string;
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly roleArn: string | undefined;
  readonly createdAt: number;
  readonly tags: Tags;
}

export interface RoleRecord extends Identity {
  readonly type: "role";
  readonly permissionsBoundary: string | undefined;
  readonly tags: Tags;
  readonly description: string | undefined;
  readonly trustPolicy: string;
  /** Unique ids of the principals in the trust policy, by their ARN when it was written. */
  readonly trustPrincipals?: Readonly<Record<string, string>>;
  readonly maxSessionSeconds: number;
}

/** The result of the last deletion of a service-linked role. Its key is the role's ARN. */
export interface RoleDeletionRecord {
  readonly roleArn: string;
  readonly account: string;
  readonly taskId: string;
  /** ARNs of the resources that use the role; if there are none, the role is deleted. */
  readonly usage: readonly string[];
  readonly endedAt: number;
}

export interface AccessKeyRecord {
  readonly accessKeyId: string;
  /** Sealed by the vault: the key is not in this database. */
  readonly sealedSecret: string;
  readonly account: string;
  /** Undefined for the account's root. */
  readonly userArn: string | undefined;
  readonly status: "Active" | "Inactive";
  readonly createdAt: number;
}

/** A customer's managed policy; AWS's own policies are in api/iam/managed-policies.ts. */
export interface PolicyRecord {
  readonly arn: string;
  readonly account: string;
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly description: string | undefined;
  readonly versions: readonly {
    readonly id: string;
    readonly document: string;
    readonly createdAt: number;
  }[];
  readonly defaultVersionId: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly tags: Tags;
}

/** Temporary credentials of an assumed role. Key: the access key id. */
export interface SessionRecord {
  readonly accessKeyId: string;
  readonly sealedSecret: string;
  readonly token: string;
  readonly account: string;
  readonly roleArn: string;
  readonly roleId: string;
  readonly sessionName: string;
  readonly sessionPolicies: readonly string[];
  readonly expiresAt: number;
  /** Undefined in records of older versions. */
  readonly issuedAt?: number;
}
