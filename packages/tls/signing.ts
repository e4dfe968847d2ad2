import "reflect-metadata";
import { createPrivateKey, KeyObject, randomBytes } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { Authority, AuthorityFiles, IssuedCertificate } from "./certificates.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
/** Of keys whose signatures clients verify with RSA. */
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 2_048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
} as const;
const KEYS = {
  RSA_2048: RSA,
  EC_prime256v1: ALGORITHM,
  EC_secp384r1: { ...ALGORITHM, namedCurve: "P-384" },
} as const;
const DAY_MS = 24 * 60 * 60_000;
const CA_DAYS = 3_650;
const LEAF_DAYS = 395;

/** Creates a new authority's certificate and key, in PEM. `name` is its common name. */
export async function newAuthority(now: number, name: string): Promise<AuthorityFiles> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: `CN=${name}, O=Gantry`,
      notBefore: new Date(now - DAY_MS),
      notAfter: new Date(now + CA_DAYS * DAY_MS),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    crypto,
  );
  return { certificatePem: certificate.toString("pem"), keyPem: exportKey(keys.privateKey) };
}

/**
 * Like `newAuthority`, with an additional certificate of the new key that the previous authority signed. Its
 * name must differ.
 */
export async function replaceAuthority(before: AuthorityFiles, now: number): Promise<AuthorityFiles> {
  const suffix = randomBytes(4).toString("hex");
  const files = await newAuthority(now, `Gantry local authority ${suffix}`);
  const [next, signer] = [new x509.X509Certificate(files.certificatePem), await openSigner(before)];
  const cross = await x509.X509CertificateGenerator.create(
    {
      subject: next.subject,
      issuer: signer.ca.subject,
      notBefore: new Date(now - DAY_MS),
      notAfter: signer.ca.notAfter,
      signingAlgorithm: ALGORITHM,
      publicKey: next.publicKey,
      signingKey: signer.signingKey,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(next.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(signer.ca.publicKey),
      ],
    },
    crypto,
  );
  return { ...files, crossPem: cross.toString("pem") };
}

/** Creates the authority that signs certificates for names with the given key. */
export async function newIssuer(files: AuthorityFiles): Promise<Authority["issue"]> {
  const signer = await openSigner(files);
  return async (names, now, { addresses = [], keyType = "EC_prime256v1" } = {}) => {
    const issued = await signLeaf(signer, {
      commonName: names[0] ?? "localhost",
      names: [
        ...names.map((value) => ({ type: "dns" as const, value })),
        ...addresses.map((value) => ({ type: "ip" as const, value })),
      ],
      usage: x509.ExtendedKeyUsage.serverAuth,
      from: now - DAY_MS,
      to: now + LEAF_DAYS * DAY_MS,
      keyAlgorithm: KEYS[keyType],
    });
    return { ...issued, chainPem: files.crossPem ?? files.certificatePem };
  };
}

/** Issues a certificate for a name with a new RSA key. */
export async function issueSigner(
  files: AuthorityFiles,
  name: string,
  now: number,
): Promise<IssuedCertificate> {
  const issued = await signLeaf(await openSigner(files), {
    commonName: name,
    names: [{ type: "dns", value: name }],
    usage: x509.ExtendedKeyUsage.serverAuth,
    from: now - DAY_MS,
    to: now + LEAF_DAYS * DAY_MS,
    keyAlgorithm: RSA,
  });
  return { ...issued, chainPem: files.crossPem ?? files.certificatePem };
}

/**
 * Issues a certificate and key for one end of the link: one URI name, one usage. Times in ms since the epoch.
 */
export async function issueLinkCertificate(
  files: AuthorityFiles,
  end: { identity: string; usage: "server" | "client"; from: number; to: number },
): Promise<AuthorityFiles> {
  const { certificatePem, keyPem } = await signLeaf(await openSigner(files), {
    commonName: `Gantry link ${end.usage}`,
    names: [{ type: "url", value: end.identity }],
    usage: end.usage === "server" ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth,
    from: end.from,
    to: end.to,
  });
  return { certificatePem, keyPem };
}

interface Signer {
  readonly ca: x509.X509Certificate;
  readonly signingKey: CryptoKey;
}

async function openSigner(files: AuthorityFiles): Promise<Signer> {
  const der = createPrivateKey(files.keyPem).export({ type: "pkcs8", format: "der" });
  return {
    ca: new x509.X509Certificate(files.certificatePem),
    signingKey: await crypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]),
  };
}

async function signLeaf(
  { ca, signingKey }: Signer,
  leaf: {
    commonName: string;
    names: x509.JsonGeneralNames;
    usage: x509.ExtendedKeyUsage;
    from: number;
    to: number;
    keyAlgorithm?: (typeof KEYS)[keyof typeof KEYS];
  },
): Promise<Omit<IssuedCertificate, "chainPem">> {
  const keys = await crypto.subtle.generateKey(leaf.keyAlgorithm ?? ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      subject: `CN=${leaf.commonName.slice(0, 64)}`,
      issuer: ca.subject,
      notBefore: new Date(leaf.from),
      notAfter: new Date(leaf.to),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
          true,
        ),
        new x509.ExtendedKeyUsageExtension([leaf.usage]),
        new x509.SubjectAlternativeNameExtension(leaf.names),
        await x509.AuthorityKeyIdentifierExtension.create(ca.publicKey),
      ],
    },
    crypto,
  );
  return {
    certificatePem: certificate.toString("pem"),
    keyPem: exportKey(keys.privateKey),
    serial: certificate.serialNumber,
    notBefore: certificate.notBefore.getTime(),
    notAfter: certificate.notAfter.getTime(),
  };
}

function exportKey(key: CryptoKey): string {
  return KeyObject.from(key).export({ type: "pkcs8", format: "pem" });
}
