import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Authority, AuthorityFiles, KeyType } from "./certificates.ts";

/** Creates a new authority's certificate and key. */
export async function newAuthority(now: number): Promise<AuthorityFiles> {
  return (await signing()).newAuthority(now, "Gantry local authority");
}

/**
 * Creates an authority that replaces another one: clients trust it directly, or through the previous one
 * where they still trust only that.
 */
export async function replaceAuthority(before: AuthorityFiles, now: number): Promise<AuthorityFiles> {
  return (await signing()).replaceAuthority(before, now);
}

/**
 * Creates an authority for the link between the control plane and the nodes. It is separate from the
 * platform's: no certificate that ACM issues is signed by it.
 */
export async function newLinkAuthority(now: number): Promise<AuthorityFiles> {
  return (await signing()).newAuthority(now, "Gantry link authority");
}

/**
 * Issues a certificate and key for one end of the link: `identity` is its one URI name, `from` and `to` in ms
 * since the epoch.
 */
export async function issueLinkCertificate(
  authority: AuthorityFiles,
  end: { identity: string; usage: "server" | "client"; from: number; to: number },
): Promise<AuthorityFiles> {
  return (await signing()).issueLinkCertificate(authority, end);
}

/**
 * Opens the authority of a certificate and key. Errors: where they do not belong together, or are invalid.
 */
export function openAuthority(files: AuthorityFiles): Authority {
  if (!new X509Certificate(files.certificatePem).checkPrivateKey(createPrivateKey(files.keyPem)))
    throw new Error("The authority's certificate and key do not belong together.");
  let opened: Promise<Authority["issue"]> | undefined;
  return {
    caPem: files.certificatePem,
    chainPem: files.crossPem ?? files.certificatePem,
    async issue(names, now, options) {
      opened ??= signing().then(({ newIssuer }) => newIssuer(files));
      return (await opened)(names, now, options);
    },
    issueSigner: async (name, now) => (await signing()).issueSigner(files, name, now),
  };
}

/** The key type of a certificate that an authority issued, in PEM. */
export function keyTypeOf(certificatePem: string): KeyType {
  const { asymmetricKeyType, asymmetricKeyDetails } = new X509Certificate(certificatePem).publicKey;
  if (asymmetricKeyType === "rsa") return "RSA_2048";
  return asymmetricKeyDetails?.namedCurve === "secp384r1" ? "EC_secp384r1" : "EC_prime256v1";
}

/**
 * The X.509 library is loaded with the first signature: it takes a quarter of the control plane's start time,
 * and most starts sign nothing.
 */
function signing(): Promise<typeof import("./signing.ts")> {
  return import("./signing.ts");
}
