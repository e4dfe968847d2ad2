import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  jwtVerify,
  type JWTPayload,
} from "jose";
import { ApiError } from "../api-error.ts";
import { IssuerError, type IssuerKeys, type TrustedIssuer } from "./issuer-keys.ts";

/**
 * The algorithms that AWS accepts. None uses a shared secret: a public key must not be taken for one.
 * Source: IAM User Guide, "Create an OpenID Connect identity provider".
 */
const ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"];
/** How far a token's times may be off. */
const TOLERANCE_S = 5;
const TAGS_CLAIM = "https://aws.amazon.com/tags";
const SOURCE_CLAIM = "https://aws.amazon.com/source_identity";

/** A token that was verified, as far as STS reads it. */
export interface VerifiedToken {
  readonly subject: string;
  /** `azp` where the token has it, else `aud`: what conditions call `aud`. */
  readonly audience: readonly string[];
  readonly methods: readonly string[];
  /** The claims whose value is a text, a number or a switch. */
  readonly claims: Readonly<Record<string, string>>;
  readonly sourceIdentity: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly transitiveTagKeys: readonly string[];
}

/** The issuer that a token names, which is not verified. Errors: InvalidIdentityToken. */
export function issuerOf(token: string): string {
  try {
    const { iss } = decodeJwt(token);
    if (typeof iss === "string") return iss;
  } catch {
    // No token at all, which is answered in the same way.
  }
  throw invalid(
    "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
  );
}

/**
 * Verifies a token by the issuer's keys: signature, issuer, audience among the provider's client ids, and times.
 * Errors: InvalidIdentityToken, ExpiredToken, in STS's words.
 */
export async function verifyToken(
  token: string,
  {
    issuer,
    clientIds,
    keys,
    now,
  }: { issuer: TrustedIssuer; clientIds: readonly string[]; keys: IssuerKeys; now: number },
): Promise<VerifiedToken> {
  const payload = await verifiedPayload(token, { issuer, keys, now });
  const audience = listOf(payload["azp"] ?? payload.aud);
  if (audience.length === 0 || !audience.some((each) => clientIds.includes(each)))
    throw invalid("Incorrect token audience");
  if (typeof payload.sub !== "string" || payload.sub === "") throw invalid("Missing a required claim: sub");
  const given = payload[TAGS_CLAIM] as
    | { principal_tags?: unknown; transitive_tag_keys?: unknown }
    | undefined; // Read with care below.
  const tags = typeof given?.principal_tags === "object" ? Object.entries(given.principal_tags ?? {}) : [];
  const source = payload[SOURCE_CLAIM];
  return {
    subject: payload.sub,
    audience,
    methods: listOf(payload["amr"]),
    claims: Object.fromEntries(
      Object.entries(payload).flatMap(([name, value]) =>
        ["string", "number", "boolean"].includes(typeof value) ? [[name, String(value)]] : [],
      ),
    ),
    sourceIdentity: typeof source === "string" ? source : undefined,
    tags: Object.fromEntries(tags.map(([key, values]) => [key, listOf(values)[0] ?? ""])),
    transitiveTagKeys: listOf(given?.transitive_tag_keys),
  };
}

async function verifiedPayload(
  token: string,
  { issuer, keys, now }: { issuer: TrustedIssuer; keys: IssuerKeys; now: number },
): Promise<JWTPayload> {
  try {
    const { kid } = decodeProtectedHeader(token);
    const set = await keys.of(
      issuer,
      ({ keys: list }) => kid === undefined || list.some((key) => key.kid === kid),
    );
    const { payload } = await jwtVerify(token, createLocalJWKSet(set), {
      issuer: issuer.url,
      algorithms: ALGORITHMS,
      currentDate: new Date(now),
      clockTolerance: TOLERANCE_S,
      requiredClaims: ["iss", "sub", "exp", "iat"],
    });
    return payload;
  } catch (thrown) {
    if (thrown instanceof errors.JWTExpired)
      throw new ApiError(
        "ExpiredTokenException",
        `Token expired: current date/time ${Math.floor(now / 1000)} must be before the expiration ` +
          `date/time ${String(thrown.payload.exp)}`,
        { status: 400 },
      );
    if (thrown instanceof errors.JWTClaimValidationFailed)
      throw invalid(`Token claim is missing or is not valid: ${thrown.claim}`);
    if (thrown instanceof errors.JOSEError || thrown instanceof IssuerError)
      throw invalid(
        "Couldn't retrieve verification key from your identity provider, please reference " +
          "AssumeRoleWithWebIdentity documentation for requirements",
      );
    throw thrown;
  }
}

function listOf(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : [value]).filter((each): each is string => typeof each === "string");
}

function invalid(message: string): ApiError {
  return new ApiError("InvalidIdentityToken", message, { status: 400 });
}
