import { DOMParser } from "@xmldom/xmldom";
import { SignedXml } from "xml-crypto";
import { ApiError } from "../api-error.ts";

const ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion";
const PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol";
const SIGNATURE = "http://www.w3.org/2000/09/xmldsig#";
const METADATA = "urn:oasis:names:tc:SAML:2.0:metadata";
const SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success";
const BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
/** RSA with SHA-256, SHA-384 or SHA-512: signatures with SHA-1 can be forged. */
const ALGORITHM = /^http:\/\/www\.w3\.org\/2001\/04\/xmldsig-more#rsa-sha(?:256|384|512)$/;
/** Source: IAM User Guide, "Configure SAML assertions for the authentication response". */
const RECIPIENT = "https://signin.aws.amazon.com/saml";
const AUDIENCES: readonly string[] = [RECIPIENT, "urn:amazon:webservices"];
const ROLE_AGE_MS = 300_000;
const SKEW_MS = 300_000;

/** What a verified assertion says. */
export interface VerifiedAssertion {
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
  /** The format of the subject: `persistent`, `transient`, or the URI of another one. */
  readonly subjectType: string;
  /** Values of attributes, by name. */
  readonly attributes: ReadonlyMap<string, readonly string[]>;
}

/**
 * Verifies a SAML response with the keys of a provider's metadata. Only what a signature covers is read, from the
 * bytes that were signed: what else the response contains does not count.
 * Errors: InvalidIdentityToken, ExpiredToken.
 * Source: SAML 2.0 Core, sections 2 and 5.4; IAM User Guide, "Configure SAML assertions".
 */
export function verifyAssertion(encoded: string, metadata: string, now: number): VerifiedAssertion {
  const text = Buffer.from(encoded, "base64").toString();
  const response = parse(text).documentElement;
  if (response?.localName !== "Response" || response.namespaceURI !== PROTOCOL)
    throw invalid("Response not found");
  const status = childOf(childOf(response, PROTOCOL, "Status"), PROTOCOL, "StatusCode")?.getAttribute(
    "Value",
  );
  if (status !== SUCCESS) throw invalid("Response is not a success");
  const provider = keysOf(metadata);
  const assertion = signedAssertion(text, response, provider.certificates);
  const issuer = textOf(childOf(assertion, ASSERTION, "Issuer"));
  if (issuer !== provider.entityId) throw invalid("Issuer not present in specified provider");
  checkTimes(assertion, now);
  const nameId = childOf(childOf(assertion, ASSERTION, "Subject"), ASSERTION, "NameID");
  return {
    issuer,
    audience: checkAudience(assertion),
    subject: textOf(nameId),
    subjectType: (nameId?.getAttribute("Format") ?? "").replace(
      /^urn:oasis:names:tc:SAML:2\.0:nameid-format:/,
      "",
    ),
    attributes: attributesOf(assertion),
  };
}

function invalid(reason: string): ApiError {
  return new ApiError("InvalidIdentityToken", reason, { status: 400 });
}

/** Errors: InvalidIdentityToken. A document type could define entities, and is refused. */
function parse(text: string): Document {
  if (/<!(?:DOCTYPE|ENTITY)/i.test(text)) throw invalid("Could not parse the SAML assertion");
  try {
    const errorHandler = (level: string, message: unknown): void => {
      if (level !== "warning") throw new Error(String(message));
    };
    return new DOMParser({ errorHandler }).parseFromString(text, "text/xml");
  } catch {
    throw invalid("Could not parse the SAML assertion");
  }
}

/** The entity and the signing certificates of a provider's metadata. */
function keysOf(metadata: string): { readonly entityId: string; readonly certificates: readonly string[] } {
  const entity = parse(metadata).documentElement;
  const descriptors = childrenOf(childOf(entity, METADATA, "IDPSSODescriptor"), METADATA, "KeyDescriptor");
  return {
    entityId: entity?.getAttribute("entityID") ?? "",
    certificates: descriptors
      .filter((each) => ["", "signing"].includes(each.getAttribute("use") ?? ""))
      .flatMap((each) => Array.from(each.getElementsByTagNameNS(SIGNATURE, "X509Certificate")))
      .map((each) => {
        const base64 = (each.textContent ?? "").replaceAll(/\s/g, "");
        return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
      }),
  };
}

/** The assertion that a signature of the response or of itself covers, parsed from the signed bytes. */
function signedAssertion(text: string, response: Element, certificates: readonly string[]): Element {
  const holders = [response, ...childrenOf(response, ASSERTION, "Assertion")];
  for (const holder of holders)
    for (const signature of childrenOf(holder, SIGNATURE, "Signature"))
      for (const publicCert of certificates) {
        const signed = signedBytes(text, signature, publicCert);
        const found = signed === undefined ? undefined : assertionIn(parse(signed).documentElement);
        if (found !== undefined) return found;
      }
  throw invalid("Response signature invalid");
}

/** The canonical bytes that a valid signature covers; undefined where it is not valid. */
function signedBytes(text: string, signature: Element, publicCert: string): string | undefined {
  const verifier = new SignedXml({ publicCert, getCertFromKeyInfo: () => null });
  try {
    verifier.loadSignature(signature.toString());
    if (!ALGORITHM.test(verifier.signatureAlgorithm ?? "")) return undefined;
    if (!verifier.checkSignature(text)) return undefined;
    const references = verifier.getSignedReferences();
    return references.length === 1 ? references[0] : undefined;
  } catch {
    return undefined;
  }
}

function assertionIn(root: Element | null): Element | undefined {
  if (root?.namespaceURI === ASSERTION && root.localName === "Assertion") return root;
  if (root?.namespaceURI !== PROTOCOL || root.localName !== "Response") return undefined;
  const assertions = childrenOf(root, ASSERTION, "Assertion");
  return assertions.length === 1 ? assertions[0] : undefined;
}

/** Errors: ExpiredToken, InvalidIdentityToken. */
function checkTimes(assertion: Element, now: number): void {
  const expired = (reason: string) => new ApiError("ExpiredTokenException", reason, { status: 400 });
  const at = (element: Element | undefined, name: string): number | undefined => {
    const value = element?.getAttribute(name) ?? "";
    return value === "" ? undefined : Date.parse(value);
  };
  const issuedAt = at(assertion, "IssueInstant");
  if (issuedAt === undefined || !(Math.abs(now - issuedAt) <= ROLE_AGE_MS))
    throw expired("Token must be redeemed within 5 minutes of issuance");
  const conditions = childOf(assertion, ASSERTION, "Conditions");
  const confirmations = childrenOf(childOf(assertion, ASSERTION, "Subject"), ASSERTION, "SubjectConfirmation")
    .filter((each) => each.getAttribute("Method") === BEARER)
    .map((each) => childOf(each, ASSERTION, "SubjectConfirmationData"));
  if (!((at(conditions, "NotBefore") ?? 0) <= now + SKEW_MS)) throw invalid("The assertion is not valid yet");
  if (!((at(conditions, "NotOnOrAfter") ?? Infinity) > now)) throw expired("The assertion has expired");
  const isConfirmed = confirmations.some(
    (data) => data?.getAttribute("Recipient") === RECIPIENT && (at(data, "NotOnOrAfter") ?? 0) > now,
  );
  if (!isConfirmed) throw invalid("Recipient is not valid, or the confirmation has expired");
}

function checkAudience(assertion: Element): string {
  const conditions = childOf(assertion, ASSERTION, "Conditions");
  const audiences = childrenOf(
    childOf(conditions, ASSERTION, "AudienceRestriction"),
    ASSERTION,
    "Audience",
  ).map(textOf);
  if (!audiences.some((audience) => AUDIENCES.includes(audience))) throw invalid("Incorrect token audience");
  return RECIPIENT;
}

function attributesOf(assertion: Element): ReadonlyMap<string, readonly string[]> {
  const statements = childrenOf(assertion, ASSERTION, "AttributeStatement");
  const attributes = statements.flatMap((each) => childrenOf(each, ASSERTION, "Attribute"));
  return new Map(
    attributes.map((each) => [
      each.getAttribute("Name") ?? "",
      childrenOf(each, ASSERTION, "AttributeValue").map(textOf),
    ]),
  );
}

function childrenOf(parent: Element | undefined | null, namespace: string, name: string): readonly Element[] {
  const elements = Array.from(parent?.childNodes ?? []).filter(
    (node): node is ChildNode & Element => node.nodeType === 1,
  );
  return elements.filter((each) => each.namespaceURI === namespace && each.localName === name);
}

function childOf(parent: Element | undefined | null, namespace: string, name: string): Element | undefined {
  return childrenOf(parent, namespace, name)[0];
}

/** The text of an element without comments, which could cut a name in two. */
function textOf(element: Element | undefined): string {
  return Array.from(element?.childNodes ?? [])
    .filter(({ nodeType }) => nodeType === 3 || nodeType === 4)
    .map(({ nodeValue }) => nodeValue ?? "")
    .join("")
    .trim();
}
