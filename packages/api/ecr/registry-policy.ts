import type * as sdk from "@aws-sdk/client-ecr";
import { checkPolicyDocument, MalformedPolicyError, type PolicyDocument } from "@gantry/iam";
import { ecrRegistryOf } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { warnOfUnknownKeys } from "../iam/documents.ts";
import { presentBound, resolvePrincipals } from "../iam/policy-principals.ts";
import { ApiError } from "./api-error.ts";
import type { EcrDeps } from "./ecr-deps.ts";
import { changeRegistry } from "./registry-settings.ts";

/**
 * What a registry's policy lets other accounts, replication and pull-through caches do.
 * Source: API_PutRegistryPolicy and following.
 */
export function registryPolicyOperations(deps: EcrDeps) {
  return {
    GetRegistryPolicy: (_input, context) => getRegistryPolicy(deps, context),
    PutRegistryPolicy: (input, context) => putRegistryPolicy(deps, input, context),
    DeleteRegistryPolicy: (_input, context) => deleteRegistryPolicy(deps, context),
  } satisfies Implementation<typeof sdk>;
}

function getRegistryPolicy({ store }: EcrDeps, context: RequestContext): sdk.GetRegistryPolicyResponse {
  const { policy, policyPrincipals } = ecrRegistryOf(store, context);
  if (policy === undefined) throw noPolicy(context);
  return { registryId: context.account, policyText: presentBound(store, policy, policyPrincipals) };
}

function putRegistryPolicy(
  deps: EcrDeps,
  input: sdk.PutRegistryPolicyRequest,
  context: RequestContext,
): sdk.PutRegistryPolicyResponse {
  const policy = input.policyText ?? "";
  const document = checkRegistryPolicy(policy, context);
  const { ids: policyPrincipals, missing } = resolvePrincipals(deps.store, document);
  if (missing !== undefined) throw invalidPolicy();
  warnOfUnknownKeys(document, "repository", deps.log);
  changeRegistry(deps, context, (registry) => ({ ...registry, policy, policyPrincipals }));
  return { registryId: context.account, policyText: policy };
}

function deleteRegistryPolicy(deps: EcrDeps, context: RequestContext): sdk.DeleteRegistryPolicyResponse {
  let policyText: string | undefined;
  changeRegistry(deps, context, (registry) => {
    if (registry.policy === undefined) throw noPolicy(context);
    policyText = registry.policy;
    const { policy: _policy, policyPrincipals: _principals, ...rest } = registry;
    return rest;
  });
  return { registryId: context.account, policyText };
}

/** A registry's policy names repositories of the registry, and actions of ECR alone. */
function checkRegistryPolicy(text: string, { account, region }: RequestContext): PolicyDocument {
  let document: PolicyDocument;
  try {
    document = checkPolicyDocument(text, "bucket");
  } catch (thrown) {
    throw thrown instanceof MalformedPolicyError ? invalidPolicy() : thrown;
  }
  const own = `arn:aws:ecr:${region}:${account}:repository/`;
  const isOwn = document.statements.every(
    ({ actions, notActions, resources, notResources }) =>
      [...actions, ...notActions].every(
        (action) => action === "*" || action.toLowerCase().startsWith("ecr:"),
      ) && [...resources, ...notResources].every((resource) => resource === "*" || resource.startsWith(own)),
  );
  if (!isOwn) throw invalidPolicy();
  return document;
}

function noPolicy({ account }: RequestContext): ApiError {
  return new ApiError(
    "RegistryPolicyNotFoundException",
    `Registry policy does not exist in the registry with id '${account}'`,
  );
}

function invalidPolicy(): ApiError {
  return new ApiError(
    "InvalidParameterException",
    "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid registry policy provided'",
  );
}
