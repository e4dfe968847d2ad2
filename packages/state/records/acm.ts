import type { Placed, Tags } from "./common.ts";

export interface CertificateRecord extends Placed {
  readonly arn: string;
  readonly domainName: string;
  readonly subjectAlternativeNames: readonly string[];
  readonly validationMethod: "DNS" | "EMAIL";
  readonly type: "AMAZON_ISSUED" | "IMPORTED";
  readonly certificatePem: string;
  readonly chainPem: string;
  readonly sealedKey: string;
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly createdAt: number;
  /** Names whose records in public zones are not found yet: the certificate is not issued. Undefined: it is. */
  readonly unvalidated?: readonly string[] | undefined;
  /** When the last name was validated, in ms; undefined: when it was created. */
  readonly issuedAt?: number | undefined;
  /** The last renewal, or the one that waits for records of names; undefined before the first. */
  readonly renewal?: CertificateRenewal | undefined;
  readonly tags: Tags;
}

/** A renewal of a certificate; `updatedAt` in ms since the epoch. */
export interface CertificateRenewal {
  readonly status: "PENDING_VALIDATION" | "SUCCESS";
  /** Names whose records in public zones are not found. */
  readonly unvalidated: readonly string[];
  readonly updatedAt: number;
}
