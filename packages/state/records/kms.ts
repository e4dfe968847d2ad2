import type { Placed, Tags } from "./common.ts";

/** A KMS key. Times in ms since the epoch. */
export interface KmsKeyRecord extends Placed {
  readonly arn: string;
  readonly id: string;
  readonly description: string;
  readonly usage: "ENCRYPT_DECRYPT" | "SIGN_VERIFY" | "GENERATE_VERIFY_MAC";
  /** The key spec, such as `SYMMETRIC_DEFAULT`, `RSA_2048`, `ECC_NIST_P256`, `HMAC_256`. */
  readonly spec: string;
  /** `AWS`: created by the platform for one of its services, with an alias `alias/aws/…`. */
  readonly manager: "CUSTOMER" | "AWS";
  readonly enabled: boolean;
  /** When a key that is pending deletion is removed. */
  readonly removeAt?: number;
  readonly policy: string;
  readonly policyPrincipals: Readonly<Record<string, string>>;
  readonly tags: Tags;
  readonly createdAt: number;
  readonly rotation?: { readonly periodDays: number; readonly since: number };
  /** `EXTERNAL`: the customer imports the material. Absent: it is made here. */
  readonly origin?: "EXTERNAL";
  /** The material that was imported first: no other can be imported afterwards. */
  readonly imported?: {
    readonly materialId: string;
    /** SHA-256 of the material, in hexadecimal. */
    readonly digest: string;
    /** When it is deleted; undefined: it stays. */
    readonly expiresAt: number | undefined;
  };
  /** Oldest first. The last one encrypts; each decrypts what it encrypted. Empty: it is yet to be imported. */
  readonly materials: readonly KmsMaterial[];
}

export interface KmsMaterial {
  /** 32 hexadecimal digits; it is part of each ciphertext. */
  readonly id: string;
  /** Base64 of a secret key, or of a private key in PKCS #8. */
  readonly sealedMaterial: string;
  readonly createdAt: number;
  readonly origin: "INITIAL" | "AUTOMATIC" | "ON_DEMAND";
}

/** A name of a key. The key of the record is the alias's ARN. */
export interface KmsAliasRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly keyArn: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The permissions that a key's grant gives a principal. The key is `KEY_ARN#GRANT_ID`. */
export interface KmsGrantRecord extends Placed {
  readonly keyArn: string;
  readonly id: string;
  readonly name: string | undefined;
  /** As the caller named them, and their unique ids at that time. */
  readonly grantee: string;
  readonly granteeId: string;
  readonly retiring: string | undefined;
  readonly retiringId: string | undefined;
  readonly operations: readonly string[];
  readonly constraints:
    | {
        readonly equals: Readonly<Record<string, string>> | undefined;
        readonly subset: Readonly<Record<string, string>> | undefined;
      }
    | undefined;
  readonly issuer: string;
  readonly token: string;
  readonly createdAt: number;
}
