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
  /** A password for AWS's console, which is not here: the password itself is not kept. */
  readonly loginProfile?: { readonly createdAt: number; readonly mustReset: boolean };
  readonly sshPublicKeys?: readonly UploadedKey[];
  readonly signingCertificates?: readonly UploadedKey[];
}

/** An SSH public key (`APKA…`) or a signing certificate of a user. */
export interface UploadedKey {
  readonly id: string;
  /** As it was uploaded. */
  readonly body: string;
  readonly status: "Active" | "Inactive";
  readonly uploadedAt: number;
}

/** A virtual MFA device. Key: its serial number, which is an ARN. */
export interface MfaDeviceRecord {
  readonly serialNumber: string;
  readonly account: string;
  readonly name: string;
  /** The shared secret of its codes. Sealed by the vault. */
  readonly sealedSeed: string;
  /** The unique id of the user it was enabled for; undefined where it is not enabled. */
  readonly userId: string | undefined;
  readonly enabledAt: number | undefined;
  /** The last time step of which a code was used, so that none is used twice. */
  readonly usedStep: number;
  readonly tags: Tags;
}

/** What an account says of itself. Key: the account. */
export interface IamAccountRecord {
  readonly account: string;
  readonly alias?: string | undefined;
  readonly passwordPolicy?: PasswordPolicy | undefined;
  /** Which session tokens the global endpoint of STS hands out; 1 unless it was set. */
  readonly globalEndpointTokenVersion?: 1 | 2;
  /** When the credential report was generated last, and its text. */
  readonly credentialReport?: { readonly generatedAt: number; readonly content: string };
}

export interface PasswordPolicy {
  readonly minimumLength: number;
  readonly requireSymbols: boolean;
  readonly requireNumbers: boolean;
  readonly requireUppercase: boolean;
  readonly requireLowercase: boolean;
  readonly allowUsersToChange: boolean;
  /** Days; 0: passwords do not expire. */
  readonly maximumAgeDays: number;
  /** How many former passwords are not accepted; 0: none. */
  readonly reusePrevention: number;
  readonly hardExpiry: boolean;
}

/** An OpenID Connect issuer whose tokens an account's roles may trust. Key: its ARN. */
export interface OidcProviderRecord {
  readonly arn: string;
  readonly account: string;
  /** With its scheme, as it was created; tokens name it as `iss`. */
  readonly url: string;
  readonly clientIds: readonly string[];
  readonly thumbprints: readonly string[];
  readonly createdAt: number;
  readonly tags: Tags;
}

/** A SAML 2.0 identity provider of an account. Key: its ARN. */
export interface SamlProviderRecord {
  readonly arn: string;
  readonly account: string;
  readonly name: string;
  readonly id: string;
  readonly metadata: string;
  readonly createdAt: number;
  readonly validUntil: number;
  readonly tags: Tags;
}

/** A server certificate of an account. Key: its ARN, which changes with its name and path. Times in ms. */
export interface ServerCertificateRecord {
  readonly arn: string;
  readonly account: string;
  readonly name: string;
  readonly path: string;
  readonly id: string;
  /** The domain names that it is for. */
  readonly names: readonly string[];
  readonly certificatePem: string;
  readonly chainPem: string;
  readonly sealedKey: string;
  readonly notAfter: number;
  readonly createdAt: number;
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

/** The last use of something in a region, ms since the epoch. */
export interface LastUse {
  readonly at: number;
  readonly region: string;
}

/**
 * When an access key or an identity was used last. Key: the access key's id, or the unique id of the user or the role.
 */
export interface IdentityUseRecord {
  readonly id: string;
  readonly account: string;
  /** The IAM prefix of the service that was called. */
  readonly lastUsed: LastUse & { readonly service: string };
  /** By the IAM prefix of the service. Empty for an access key. */
  readonly services: Readonly<Record<string, LastUse & { readonly principalArn: string }>>;
  /** By the action, with its prefix. Empty for an access key. */
  readonly actions: Readonly<Record<string, LastUse & { readonly principalArn: string }>>;
}

/** A report of the services that an identity may use and has used. Key: its id. */
export interface AccessReportRecord {
  readonly jobId: string;
  readonly account: string;
  readonly granularity: "SERVICE_LEVEL" | "ACTION_LEVEL";
  readonly createdAt: number;
  readonly services: readonly ReportedService[];
}

/** A service in an access report, with the identities that used it, the latest first. */
export interface ReportedService {
  readonly namespace: string;
  readonly entities: readonly (LastUse & { readonly arn: string })[];
  /** The last use of each action, where the report was asked for actions. */
  readonly actions: readonly (LastUse & { readonly name: string; readonly arn: string })[];
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
  readonly attributes?: SessionAttributes;
}

/** What a session says of itself besides whose it is. */
export interface SessionAttributes {
  readonly tags?: Tags;
  /** Keys of the tags that a session which is chained to this one has too. */
  readonly transitiveTagKeys?: readonly string[];
  readonly sourceIdentity?: string;
  /** When a code of an MFA device was given, ms since the epoch. */
  readonly mfaAt?: number;
  /** The ARN of the identity provider whose token was exchanged. */
  readonly provider?: string;
}

/**
 * Temporary credentials of a user or of the account's root, by GetSessionToken or GetFederationToken. Key:
 * the access key id.
 */
export interface UserSessionRecord {
  readonly accessKeyId: string;
  readonly sealedSecret: string;
  readonly token: string;
  readonly account: string;
  /** The unique id of the user; undefined for root. */
  readonly userId: string | undefined;
  /** The name of a federated user; undefined for the user's own session. */
  readonly federatedName: string | undefined;
  readonly sessionPolicies: readonly string[];
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly attributes: SessionAttributes;
}
