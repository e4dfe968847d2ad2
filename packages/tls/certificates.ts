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

/** A certificate authority that signs certificates of servers. */
export interface Authority {
  readonly caPem: string;
  /** The certificates that servers send after their own. */
  readonly chainPem: string;
  /** Issues a server's certificate for these names and IP addresses, with a new key. `now` is in ms since the epoch. */
  issue(names: readonly string[], now: number, addresses?: readonly string[]): Promise<IssuedCertificate>;
  /** Issues a certificate with a new RSA key for a name: some clients verify RSA signatures alone. */
  issueSigner(name: string, now: number): Promise<IssuedCertificate>;
}
