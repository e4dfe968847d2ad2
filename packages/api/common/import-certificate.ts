import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";

/** What is wrong with a certificate, its key or its chain, in ACM's words. Each service has its own code for it. */
export class CertificateProblem extends Error {
  /** Whether the key is the one of another certificate. */
  readonly isKeyOfAnother: boolean;

  constructor(message: string, isKeyOfAnother = false) {
    super(message);
    this.isKeyOfAnother = isKeyOfAnother;
  }
}

/**
 * A certificate with its chain and key, each parsed and encoded again, so that none of the caller's text is
 * stored.
 */
export interface ImportedCertificate {
  readonly certificatePem: string;
  readonly chainPem: string;
  readonly keyPem: string;
  readonly parsed: X509Certificate;
  readonly domainName: string;
  readonly names: readonly string[];
}

const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
const NAME = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/i;
/** RSA 1024 is not among them: the proxy's TLS library refuses it. */
const RSA_BITS: readonly (number | undefined)[] = [2_048, 3_072, 4_096];
const CURVES: readonly (string | undefined)[] = ["prime256v1", "secp384r1", "secp521r1"];
const CHAIN_MAX = 10;

/**
 * Checks what ImportCertificate of ACM or UploadServerCertificate of IAM is given. `now` is in ms since the epoch.
 * Source: "Prerequisites for importing ACM certificates" and "Certificate import problems". Errors:
 * CertificateProblem.
 */
export function checkImport(
  given: {
    readonly certificate: string;
    readonly key: string;
    readonly chain: string;
    /** Whether a certificate that did not sign itself must have a chain: true unless it is given. */
    readonly needsChain?: boolean;
  },
  now: number,
): ImportedCertificate {
  const parsed = parseOne(given.certificate);
  if (now < parsed.validFromDate.getTime()) throw invalid("The certificate is not valid yet.");
  if (now >= parsed.validToDate.getTime()) throw invalid("The certificate has expired.");
  if (/md5|sha1(?![0-9])/i.test(parsed.signatureAlgorithm ?? ""))
    throw invalid(`The signature algorithm ${parsed.signatureAlgorithm} is not supported.`);
  const key = parseKey(given.key);
  if (!parsed.checkPrivateKey(key))
    throw new CertificateProblem("The private key does not match the certificate.", true);
  const chain = parseChain(given.chain);
  if (chain.length > 0 || given.needsChain !== false) checkChain(parsed, chain);
  const names = [...(parsed.subjectAltName ?? "").matchAll(/DNS:([^,\s]+)/g)]
    .map((match) => match[1] ?? "")
    .filter((name) => NAME.test(name));
  const common = /^CN=(.+)$/m.exec(parsed.subject)?.[1];
  const domainName = common !== undefined && NAME.test(common) ? common : names[0];
  if (domainName === undefined)
    throw invalid("The certificate must contain at least one fully qualified domain name.");
  return {
    certificatePem: parsed.toString(),
    chainPem: chain.map((each) => each.toString()).join(""),
    keyPem: key.export({ type: "pkcs8", format: "pem" }),
    parsed,
    domainName,
    names: names.length === 0 ? [domainName] : names,
  };
}

/** Type and size of a key in ACM's words. */
export function keyAlgorithmOf(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  return key.asymmetricKeyType === "rsa" ? `RSA_${modulusLength}` : `EC_${namedCurve}`;
}

function parseOne(text: string): X509Certificate {
  const blocks = text.match(BLOCK) ?? [];
  if (blocks.length > 1)
    throw invalid(
      "The certificate field contains more than one certificate. You can specify only one certificate in this field.",
    );
  return parsePem(text.trim(), "certificate");
}

function parseChain(text: string): readonly X509Certificate[] {
  if (text.trim() === "") return [];
  const blocks = text.match(BLOCK) ?? [];
  if (text.replaceAll(BLOCK, "").trim() !== "" || blocks.length > CHAIN_MAX)
    throw invalid("Unable to parse certificate chain. Please ensure the certificate chain is in PEM format.");
  return blocks.map((block) => parsePem(block, "certificate chain"));
}

function parsePem(block: string, what: string): X509Certificate {
  const problem = `Unable to parse ${what}. Please ensure the ${what} is in PEM format.`;
  if (block.replace(BLOCK, "") !== "") throw invalid(problem);
  try {
    return new X509Certificate(block);
  } catch {
    throw invalid(problem);
  }
}

function parseKey(text: string): KeyObject {
  if (/ENCRYPTED/.test(text))
    throw invalid("The private key is encrypted. You can import only an unencrypted private key.");
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    throw invalid("Unable to parse private key. Please ensure the private key is in PEM format.");
  }
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "rsa") {
    if (!RSA_BITS.includes(modulusLength))
      throw invalid("The private key length is not supported for key algorithm.");
  } else if (key.asymmetricKeyType !== "ec" || !CURVES.includes(namedCurve))
    throw invalid("The private key is not supported.");
  return key;
}

/** Each certificate of the chain signs the one before it. */
function checkChain(certificate: X509Certificate, chain: readonly X509Certificate[]): void {
  if (chain.length === 0) {
    if (isIssuedBy(certificate, certificate)) return;
    throw invalid(
      "Provided certificate is not a valid self signed. Please provide either a valid self-signed " +
        "certificate or certificate chain.",
    );
  }
  for (const [index, issuer] of chain.entries())
    if (!issuer.ca || !isIssuedBy(chain[index - 1] ?? certificate, issuer))
      throw invalid(
        "Unable to validate certificate chain. The certificate chain must start with the immediate " +
          "signing certificate, followed by any intermediaries in order. The index within the chain of " +
          `the invalid certificate is: ${index}`,
      );
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    // An issuer's name is compared as it stands: checkIssued would refuse a self-signed certificate that is no CA.
    return certificate.issuer === issuer.subject && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

function invalid(message: string): CertificateProblem {
  return new CertificateProblem(message);
}
