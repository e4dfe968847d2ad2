import type * as sts from "@aws-sdk/client-sts";
import { claimsOf, namesProvider, trustsFederated, type ConditionContext } from "@gantry/iam";
import type { RoleRecord } from "@gantry/state";
import type { ApiDeps } from "../../common/api-deps.ts";
import { oidcProviderArn } from "../../iam/oidc-providers.ts";
import { attributesOf, transitiveKeys } from "../assume-role.ts";
import { startRoleSession, sessionSeconds } from "../role-sessions.ts";
import { sessionPoliciesOf } from "../session-policies.ts";
import { ApiError } from "../api-error.ts";
import type { IssuerKeys } from "./issuer-keys.ts";
import { issuerOf, verifyToken, type VerifiedToken } from "./verify-token.ts";

const ACTION = "sts:AssumeRoleWithWebIdentity";

/**
 * A role for whoever holds a token of an issuer that the role's account has as a provider, and that its trust
 * policy names. The call is not signed: nothing is asked of an issuer that the role does not trust.
 * Source: API_AssumeRoleWithWebIdentity. Errors: AccessDenied, InvalidIdentityToken, ExpiredToken.
 */
export async function assumeRoleWithWebIdentity(
  deps: ApiDeps,
  keys: IssuerKeys,
  input: sts.AssumeRoleWithWebIdentityRequest,
): Promise<sts.AssumeRoleWithWebIdentityResponse> {
  const { store, clock } = deps;
  const token = input.WebIdentityToken ?? "";
  const url = issuerOf(token);
  const role = store.get("role", input.RoleArn);
  const provider = role && store.get("oidcProvider", oidcProviderArn(role.account, url));
  if (role === undefined || provider?.url !== url || !namesProvider(role, provider.arn)) throw denied();
  const verified = await verifyToken(token, {
    issuer: { url: provider.url, thumbprints: provider.thumbprints },
    clientIds: provider.clientIds,
    keys,
    now: clock.now(),
  });
  const now = store.get("role", role.arn);
  const stillTrusted = store.get("oidcProvider", provider.arn);
  if (now?.id !== role.id || stillTrusted === undefined) throw denied(); // Deleted while the issuer was asked.
  checkTrust(now, provider.arn, { url, verified, input, at: clock.now() });
  const session = startRoleSession(deps, {
    role: now,
    sessionName: input.RoleSessionName ?? "",
    seconds: sessionSeconds(input.DurationSeconds, now),
    sessionPolicies: sessionPoliciesOf(deps, input),
    attributes: attributesOf({
      tags: verified.tags,
      transitiveTagKeys: transitiveKeys(verified.transitiveTagKeys, verified.tags, {}),
      sourceIdentity: verified.sourceIdentity,
      provider: provider.arn,
    }),
  });
  return {
    ...session,
    SubjectFromWebIdentityToken: verified.subject,
    Provider: url,
    Audience: verified.audience[0],
    SourceIdentity: verified.sourceIdentity,
  };
}

/** Errors: AccessDenied. */
function checkTrust(
  role: RoleRecord,
  provider: string,
  {
    url,
    verified,
    input,
    at,
  }: { url: string; verified: VerifiedToken; input: sts.AssumeRoleWithWebIdentityRequest; at: number },
): void {
  const tagKeys = Object.keys(verified.tags);
  const actions = [
    ACTION,
    ...(tagKeys.length === 0 ? [] : ["sts:TagSession"]),
    ...(verified.sourceIdentity === undefined ? [] : ["sts:SetSourceIdentity"]),
  ];
  const issuer = url.replace(/^https:\/\//, "").replace(/\/$/, "");
  const given = (key: string, value: string | readonly string[] | undefined): ConditionContext =>
    value === undefined || value.length === 0 ? {} : { [key]: value };
  const claims = claimsOf(issuer).flatMap((name) => {
    const value = verified.claims[name];
    return value === undefined ? [] : [[`${issuer}:${name}`, value] as const];
  });
  const conditions: ConditionContext = {
    ...Object.fromEntries(claims),
    [`${issuer}:sub`]: verified.subject,
    [`${issuer}:aud`]: verified.audience,
    ...given(`${issuer}:amr`, verified.methods),
    ...Object.fromEntries(
      Object.entries(role.tags).flatMap(([key, value]) =>
        ["aws", "iam"].map((prefix) => [`${prefix}:ResourceTag/${key}`, value]),
      ),
    ),
    "aws:FederatedProvider": provider,
    "aws:CurrentTime": new Date(at).toISOString(),
    "aws:EpochTime": String(Math.floor(at / 1000)),
    ...given("sts:RoleSessionName", input.RoleSessionName),
    ...given("sts:SourceIdentity", verified.sourceIdentity),
    ...given("sts:TransitiveTagKeys", verified.transitiveTagKeys),
    ...given("aws:TagKeys", tagKeys),
    ...Object.fromEntries(tagKeys.map((key) => [`aws:RequestTag/${key}`, verified.tags[key] ?? ""])),
  };
  if (!trustsFederated(role, { provider, actions, conditions })) throw denied();
}

/** A role that does not exist gets the same error as one that refuses: the error does not tell which roles exist. */
function denied(): ApiError {
  return new ApiError("AccessDenied", `Not authorized to perform ${ACTION}`, { status: 403 });
}
