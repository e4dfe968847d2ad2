import { createHash } from "node:crypto";
import type * as sts from "@aws-sdk/client-sts";
import { namesProvider, trustsFederated, type ConditionContext } from "@gantry/iam";
import type { RoleRecord, SamlProviderRecord } from "@gantry/state";
import type { ApiDeps } from "../../common/api-deps.ts";
import { ApiError } from "../api-error.ts";
import { attributesOf, transitiveKeys } from "../assume-role.ts";
import { sessionSeconds, startRoleSession } from "../role-sessions.ts";
import { sessionPoliciesOf } from "../session-policies.ts";
import type { VerifiedAssertion } from "./verify-assertion.ts";

const ACTION = "sts:AssumeRoleWithSAML";
const ATTRIBUTE = "https://aws.amazon.com/SAML/Attributes/";

/**
 * A role for whoever holds a SAML response that a provider of the role's account has signed, that names the pair of
 * role and provider, and that the role's trust policy accepts. The call is not signed.
 * Source: API_AssumeRoleWithSAML. Errors: AccessDenied, InvalidIdentityToken, ExpiredToken.
 */
export async function assumeRoleWithSaml(
  deps: ApiDeps,
  input: sts.AssumeRoleWithSAMLRequest,
): Promise<sts.AssumeRoleWithSAMLResponse> {
  const { store, clock } = deps;
  const provider = store.get("samlProvider", input.PrincipalArn);
  const role = store.get("role", input.RoleArn);
  if (role === undefined || provider?.account !== role.account || !namesProvider(role, provider.arn))
    throw denied();
  // The XML library is loaded with the first response.
  const { verifyAssertion } = await import("./verify-assertion.ts");
  const verified = verifyAssertion(input.SAMLAssertion ?? "", provider.metadata, clock.now());
  const claims = claimsIn(verified, role, provider);
  checkTrust(role, provider, { verified, claims, at: clock.now() });
  const session = startRoleSession(deps, {
    role,
    sessionName: claims.sessionName,
    seconds: sessionSeconds(input.DurationSeconds, role),
    sessionPolicies: sessionPoliciesOf(deps, input),
    attributes: attributesOf({
      tags: claims.tags,
      transitiveTagKeys: transitiveKeys(claims.transitiveTagKeys, claims.tags, {}),
      sourceIdentity: claims.sourceIdentity,
      provider: provider.arn,
    }),
  });
  return {
    ...session,
    Subject: verified.subject,
    SubjectType: verified.subjectType,
    Issuer: verified.issuer,
    Audience: verified.audience,
    NameQualifier: nameQualifier(verified, provider),
    SourceIdentity: claims.sourceIdentity,
  };
}

interface Claims {
  readonly sessionName: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly transitiveTagKeys: readonly string[];
  readonly sourceIdentity: string | undefined;
}

/** AWS's attributes of an assertion. Errors: InvalidIdentityToken, AccessDenied. */
function claimsIn({ attributes }: VerifiedAssertion, role: RoleRecord, provider: SamlProviderRecord): Claims {
  const valuesOf = (name: string) => attributes.get(`${ATTRIBUTE}${name}`) ?? [];
  const pairs = valuesOf("Role").map((value) =>
    value
      .split(",")
      .map((arn) => arn.trim())
      .toSorted()
      .join(),
  );
  if (!pairs.includes([role.arn, provider.arn].toSorted().join())) throw denied();
  const [sessionName = ""] = valuesOf("RoleSessionName");
  if (!/^[\w+=,.@-]{2,64}$/.test(sessionName))
    throw new ApiError("InvalidIdentityToken", "RoleSessionName is required in AuthnResponse", {
      status: 400,
    });
  const prefix = `${ATTRIBUTE}PrincipalTag:`;
  const tags = [...attributes].flatMap(([name, [value = ""]]) =>
    name.startsWith(prefix) ? [[name.slice(prefix.length), value] as const] : [],
  );
  return {
    sessionName,
    tags: Object.fromEntries(tags),
    transitiveTagKeys: valuesOf("TransitiveTagKeys"),
    sourceIdentity: valuesOf("SourceIdentity")[0],
  };
}

/** Source: IAM User Guide, "Available keys for SAML-based AWS STS federation". Errors: AccessDenied. */
function checkTrust(
  role: RoleRecord,
  provider: SamlProviderRecord,
  { verified, claims, at }: { verified: VerifiedAssertion; claims: Claims; at: number },
): void {
  const tagKeys = Object.keys(claims.tags);
  const conditions: ConditionContext = {
    "SAML:aud": verified.audience,
    "SAML:iss": verified.issuer,
    "SAML:sub": verified.subject,
    "SAML:sub_type": verified.subjectType,
    "SAML:namequalifier": nameQualifier(verified, provider),
    "SAML:doc": `${provider.account}/${provider.name}`,
    ...Object.fromEntries(
      Object.entries(role.tags).flatMap(([key, value]) =>
        ["aws", "iam"].map((prefix) => [`${prefix}:ResourceTag/${key}`, value]),
      ),
    ),
    ...(claims.transitiveTagKeys.length === 0 ? {} : { "sts:TransitiveTagKeys": claims.transitiveTagKeys }),
    "aws:FederatedProvider": provider.arn,
    "aws:CurrentTime": new Date(at).toISOString(),
    "aws:EpochTime": String(Math.floor(at / 1_000)),
    "sts:RoleSessionName": claims.sessionName,
    ...(claims.sourceIdentity === undefined ? {} : { "sts:SourceIdentity": claims.sourceIdentity }),
    ...(tagKeys.length === 0 ? {} : { "aws:TagKeys": tagKeys }),
    ...Object.fromEntries(tagKeys.map((key) => [`aws:RequestTag/${key}`, claims.tags[key] ?? ""])),
  };
  const actions = [
    ACTION,
    ...(tagKeys.length === 0 ? [] : ["sts:TagSession"]),
    ...(claims.sourceIdentity === undefined ? [] : ["sts:SetSourceIdentity"]),
  ];
  if (!trustsFederated(role, { provider: provider.arn, actions, conditions })) throw denied();
}

/** Source: API_AssumeRoleWithSAML, NameQualifier. */
function nameQualifier({ issuer }: VerifiedAssertion, { account, name }: SamlProviderRecord): string {
  return createHash("sha1").update(`${issuer}${account}/${name}`).digest("base64");
}

/** A role that does not exist gets the same error as one that refuses. */
function denied(): ApiError {
  return new ApiError("AccessDenied", `Not authorized to perform ${ACTION}`, { status: 403 });
}
