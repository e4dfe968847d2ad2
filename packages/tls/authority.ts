import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Authority, AuthorityFiles } from "./certificates.ts";

/** A new authority's certificate and key. */
export async function newAuthority(now: number): Promise<AuthorityFiles> {
  return (await signing()).newAuthority(now, "Gantry local authority");
}

/** A new authority in place of one: it is trusted by itself, and through the one before by whoever still trusts that. */
export async function replaceAuthority(before: AuthorityFiles, now: number): Promise<AuthorityFiles> {
  return (await signing()).replaceAuthority(before, now);
}

/**
 * A new authority for the link between the control plane and the nodes. It is not the platform's: whoever is given a
 * certificate by ACM has none that this one signed.
 */
export async function newLinkAuthority(now: number): Promise<AuthorityFiles> {
  return (await signing()).newAuthority(now, "Gantry link authority");
}

/** A certificate and key for one end of the link: `identity` is its one URI name, `from` and `to` in ms since the epoch. */
export async function issueLinkCertificate(
  authority: AuthorityFiles,
  end: { identity: string; usage: "server" | "client"; from: number; to: number },
): Promise<AuthorityFiles> {
  return (await signing()).issueLinkCertificate(authority, end);
}

/** The authority that a certificate and key make. Errors: where the two do not belong together, or are none. */
export function openAuthority(files: AuthorityFiles): Authority {
  if (!new X509Certificate(files.certificatePem).checkPrivateKey(createPrivateKey(files.keyPem)))
    throw new Error("The authority's certificate and key do not belong together.");
  let opened: Promise<Authority["issue"]> | undefined;
  return {
    caPem: files.certificatePem,
    chainPem: files.crossPem ?? files.certificatePem,
    async issue(names, now, addresses) {
      opened ??= signing().then(({ newIssuer }) => newIssuer(files));
      return (await opened)(names, now, addresses);
    },
  };
}

/** The X.509 library is loaded with the first signature: it costs a quarter of the control plane's start, and most starts sign nothing. */
function signing(): Promise<typeof import("./signing.ts")> {
  return import("./signing.ts");
}
