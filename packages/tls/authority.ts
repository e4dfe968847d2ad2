import { createPrivateKey, X509Certificate } from "node:crypto";

/** A certificate with what belongs to it, in PEM; times in ms since the epoch. */
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
}

export interface Authority {
  readonly caPem: string;
  /** A certificate for these names, with a key of its own. */
  issue(names: readonly string[], now: number): Promise<IssuedCertificate>;
}

/** A new authority's certificate and key. */
export async function newAuthority(now: number): Promise<AuthorityFiles> {
  return (await signing()).newAuthority(now);
}

/** The authority that a certificate and key make. Errors: where the two do not belong together, or are none. */
export function openAuthority(files: AuthorityFiles): Authority {
  if (!new X509Certificate(files.certificatePem).checkPrivateKey(createPrivateKey(files.keyPem)))
    throw new Error("The authority's certificate and key do not belong together.");
  let opened: Promise<Authority["issue"]> | undefined;
  return {
    caPem: files.certificatePem,
    async issue(names, now) {
      opened ??= signing().then(({ newIssuer }) => newIssuer(files));
      return (await opened)(names, now);
    },
  };
}

/** What knows X.509 is loaded with the first signature: a quarter of the control plane's start, and most starts sign nothing. */
function signing(): Promise<typeof import("./signing.ts")> {
  return import("./signing.ts");
}
