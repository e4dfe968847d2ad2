/** A certificate, its chain and its key, in PEM; times in ms since the epoch. */
export interface IssuedCertificate {
  readonly certificatePem: string;
  readonly chainPem: string;
  readonly keyPem: string;
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A certificate and its key, in PEM. */
export interface AuthorityFiles {
  readonly certificatePem: string;
  readonly keyPem: string;
  /**
   * The certificate signed by the previous authority, where this authority replaced one. Clients that trust only the
   * previous authority verify through it.
   */
  readonly crossPem?: string;
}

/** The key types of certificates that are issued, by the names that ACM has for them. */
export type KeyType = "RSA_2048" | "EC_prime256v1" | "EC_secp384r1";

/** What a server's certificate has beside names. */
export interface IssueOptions {
  /** IP addresses. */
  readonly addresses?: readonly string[];
  /** `EC_prime256v1` where it is left out. */
  readonly keyType?: KeyType;
}

/** A certificate authority that signs certificates of servers. */
export interface Authority {
  readonly caPem: string;
  /** The certificates that servers send after their own. */
  readonly chainPem: string;
  /** Issues a server's certificate for these names, with a new key. `now` is in ms since the epoch. */
  issue(names: readonly string[], now: number, options?: IssueOptions): Promise<IssuedCertificate>;
  /** Issues a certificate with a new RSA key for a name: some clients verify RSA signatures alone. */
  issueSigner(name: string, now: number): Promise<IssuedCertificate>;
}
