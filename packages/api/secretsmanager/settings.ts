import type * as sdk from "@aws-sdk/client-secrets-manager";
import { checkPolicyDocument, isPublic, MalformedPolicyError, type PolicyDocument } from "@gantry/iam";
import type { SecretRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { toTags, withoutTags } from "../common/tags.ts";
import { warnOfUnknownKeys } from "../iam/documents.ts";
import { presentBound, resolvePrincipals } from "../iam/policy-principals.ts";
import { ApiError } from "./api-error.ts";
import { findLiveSecret, findSecret, invalidParameter } from "./lookups.ts";
import { presentName } from "./present-secret.ts";

/** Source: API_PutResourcePolicy, ResourcePolicy. */
const POLICY_MAX_BYTES = 20_480;
const TAGS_MAX = 50;

/** A secret's resource policy and its tags. Source: API_PutResourcePolicy and following. */
export function settingOperations(deps: ApiDeps) {
  return {
    PutResourcePolicy: (input, context) => putResourcePolicy(deps, input, context),
    GetResourcePolicy: (input, context) => getResourcePolicy(deps, input, context),
    DeleteResourcePolicy: (input, context) => deleteResourcePolicy(deps, input, context),
    ValidateResourcePolicy: (input, context) => validateResourcePolicy(deps, input, context),
    TagResource: (input, context) => tagResource(deps, input, context),
    UntagResource: (input, context) => untagResource(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function change(
  { store }: ApiDeps,
  context: RequestContext,
  id: string | undefined,
  apply: (secret: SecretRecord) => SecretRecord,
): { ARN: string; Name: string } {
  return store.transact((tx) => {
    const secret = findLiveSecret(tx, context, id);
    tx.put("secret", secret.arn, apply(secret));
    return presentName(secret);
  });
}

function putResourcePolicy(
  deps: ApiDeps,
  input: sdk.PutResourcePolicyRequest,
  context: RequestContext,
): sdk.PutResourcePolicyResponse {
  const text = input.ResourcePolicy ?? "";
  const document = readPolicy(text);
  const { ids, missing } = resolvePrincipals(deps.store, document);
  if (missing !== undefined) throw malformed("This resource policy contains an unsupported principal.");
  if (input.BlockPublicPolicy === true && isPublic(document))
    throw new ApiError(
      "PublicPolicyException",
      "You can't attach the resource policy because it grants broad access to the secret.",
    );
  warnOfUnknownKeys(document, "bucket", deps.log);
  return change(deps, context, input.SecretId, (secret) => ({
    ...secret,
    policy: text,
    policyPrincipals: ids,
  }));
}

/** Errors: MalformedPolicyDocumentException. */
function readPolicy(text: string): PolicyDocument {
  if (Buffer.byteLength(text) > POLICY_MAX_BYTES)
    throw malformed("This resource policy exceeds the maximum size.");
  try {
    return checkPolicyDocument(text, "bucket");
  } catch (thrown) {
    if (thrown instanceof MalformedPolicyError) throw malformed(thrown.message);
    throw thrown;
  }
}

function malformed(message: string): ApiError {
  return new ApiError("MalformedPolicyDocumentException", message);
}

function getResourcePolicy(
  { store }: ApiDeps,
  input: sdk.GetResourcePolicyRequest,
  context: RequestContext,
): sdk.GetResourcePolicyResponse {
  const secret = findSecret(store, context, input.SecretId);
  const policy = secret.policy && presentBound(store, secret.policy, secret.policyPrincipals);
  return { ...presentName(secret), ResourcePolicy: policy };
}

function deleteResourcePolicy(
  deps: ApiDeps,
  input: sdk.DeleteResourcePolicyRequest,
  context: RequestContext,
): sdk.DeleteResourcePolicyResponse {
  return change(
    deps,
    context,
    input.SecretId,
    ({ policy: _policy, policyPrincipals: _ids, ...secret }) => secret,
  );
}

function validateResourcePolicy(
  { store }: ApiDeps,
  input: sdk.ValidateResourcePolicyRequest,
  context: RequestContext,
): sdk.ValidateResourcePolicyResponse {
  if (input.SecretId !== undefined) findSecret(store, context, input.SecretId);
  try {
    const document = readPolicy(input.ResourcePolicy ?? "");
    return isPublic(document)
      ? failed("PUBLIC_POLICY", "The resource policy grants broad access to the secret.")
      : { PolicyValidationPassed: true, ValidationErrors: [] };
  } catch (thrown) {
    if (thrown instanceof ApiError) return failed("SYNTAX", thrown.message);
    throw thrown;
  }
}

function failed(CheckName: string, ErrorMessage: string): sdk.ValidateResourcePolicyResponse {
  return { PolicyValidationPassed: false, ValidationErrors: [{ CheckName, ErrorMessage }] };
}

function tagResource(deps: ApiDeps, input: sdk.TagResourceRequest, context: RequestContext): object {
  change(deps, context, input.SecretId, (secret) => {
    const tags = { ...secret.tags, ...toTags(input.Tags) };
    if (Object.keys(tags).length > TAGS_MAX)
      throw invalidParameter(`A secret can have at most ${TAGS_MAX} tags.`);
    return { ...secret, tags };
  });
  return {};
}

function untagResource(deps: ApiDeps, input: sdk.UntagResourceRequest, context: RequestContext): object {
  change(deps, context, input.SecretId, (secret) => ({
    ...secret,
    tags: withoutTags(secret.tags, input.TagKeys ?? []),
  }));
  return {};
}
