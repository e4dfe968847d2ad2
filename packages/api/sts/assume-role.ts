import type * as sts from "@aws-sdk/client-sts";
import type { Principal } from "@gantry/iam";
import type { SessionAttributes } from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { toTags } from "../common/tags.ts";
import { useMfaCode } from "../iam/mfa-devices.ts";
import { ApiError } from "./api-error.ts";
import { startRoleSession, sessionSeconds } from "./role-sessions.ts";
import { sessionPoliciesOf } from "./session-policies.ts";

const TAGS_MAX = 50;

/**
 * Source: API_AssumeRole. The role's trust policy and the caller's own policies: api/iam/decide.ts.
 * Errors: AccessDenied.
 */
export function assumeRole(
  deps: ApiDeps,
  input: sts.AssumeRoleRequest,
  context: RequestContext,
): sts.AssumeRoleResponse {
  const { principal } = context;
  const role = deps.store.get("role", input.RoleArn);
  if (role === undefined)
    throw denied(
      `User: ${principal.arn} is not authorized to perform: sts:AssumeRole on resource: ${input.RoleArn}`,
    );
  const mfaAt = input.TokenCode === undefined ? undefined : checkMfa(deps, input, principal);
  const mfa =
    mfaAt === undefined ? undefined : { "aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": "0" };
  context.authorize("sts:AssumeRole", role.arn, mfa);
  const tags = toTags(input.Tags);
  if (Object.keys(tags).length > 0 || (input.TransitiveTagKeys ?? []).length > 0)
    context.authorize("sts:TagSession", role.arn, mfa);
  if (input.SourceIdentity !== undefined) context.authorize("sts:SetSourceIdentity", role.arn, mfa);
  const inherited = inheritedTags(principal, tags);
  const sourceIdentity = sourceIdentityOf(input.SourceIdentity, principal);
  const seconds = sessionSeconds(input.DurationSeconds, role, principal);
  const session = startRoleSession(deps, {
    role,
    sessionName: input.RoleSessionName ?? "",
    seconds,
    sessionPolicies: sessionPoliciesOf(deps, input),
    attributes: attributesOf({
      tags: { ...tags, ...inherited },
      transitiveTagKeys: transitiveKeys(input.TransitiveTagKeys ?? [], tags, inherited),
      sourceIdentity,
      mfaAt,
    }),
  });
  return { ...session, SourceIdentity: sourceIdentity };
}

/** A session's attributes without those that are empty. Errors: ValidationError for too many tags. */
export function attributesOf(attributes: {
  tags: Readonly<Record<string, string>>;
  transitiveTagKeys: readonly string[];
  sourceIdentity: string | undefined;
  mfaAt?: number | undefined;
  provider?: string;
}): SessionAttributes {
  const { tags, transitiveTagKeys, sourceIdentity, mfaAt, provider } = attributes;
  if (Object.keys(tags).length > TAGS_MAX) throw invalid(`A session has at most ${TAGS_MAX} tags.`);
  return {
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
    ...(transitiveTagKeys.length === 0 ? {} : { transitiveTagKeys }),
    ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
    ...(mfaAt === undefined ? {} : { mfaAt }),
    ...(provider === undefined ? {} : { provider }),
  };
}

/** The transitive tags of the calling session, which the new one has too. Errors: one that the call sets anew. */
function inheritedTags(
  { sessionTags = {}, transitiveTagKeys = [] }: Principal,
  tags: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const given = new Set(Object.keys(tags).map((key) => key.toLowerCase()));
  if (transitiveTagKeys.some((key) => given.has(key.toLowerCase())))
    throw new ApiError(
      "InvalidParameterValue",
      "One of the specified transitive tag keys can't be set because it conflicts with a transitive " +
        "tag key from the calling session.",
      { status: 400 },
    );
  return Object.fromEntries(Object.entries(sessionTags).filter(([key]) => transitiveTagKeys.includes(key)));
}

/** Errors: a key of which no tag is given. */
export function transitiveKeys(
  asked: readonly string[],
  tags: Readonly<Record<string, string>>,
  inherited: Readonly<Record<string, string>>,
): readonly string[] {
  if (asked.some((key) => !Object.hasOwn(tags, key)))
    throw new ApiError(
      "InvalidParameterValue",
      "The specified transitive tag key must be included in the requested tags.",
      { status: 400 },
    );
  return [...new Set([...asked, ...Object.keys(inherited)])];
}

/** A source identity stays for every session that is chained to the first. Source: API_AssumeRole, SourceIdentity. */
function sourceIdentityOf(asked: string | undefined, { sourceIdentity }: Principal): string | undefined {
  if (sourceIdentity !== undefined && asked !== undefined && asked !== sourceIdentity)
    throw denied("The source identity of the calling session cannot be changed.");
  return sourceIdentity ?? asked;
}

/** When the code was given. Errors: AccessDenied. */
export function checkMfa(
  { store, vault, clock }: ApiDeps,
  {
    SerialNumber: serialNumber,
    TokenCode: code,
  }: { SerialNumber?: string | undefined; TokenCode?: string | undefined },
  principal: Principal,
): number {
  const now = clock.now();
  store.transact((tx) => {
    const user = principal.type === "user" ? tx.get("user", principal.arn) : undefined;
    useMfaCode(tx, { vault, now }, { user, serialNumber, code });
  });
  return now;
}

function denied(message: string): ApiError {
  return new ApiError("AccessDenied", message, { status: 403 });
}

function invalid(message: string): ApiError {
  return new ApiError("ValidationError", message, { status: 400 });
}
