import type * as sdk from "@aws-sdk/client-ecr";
import { checkPolicyDocument, MalformedPolicyError, type PolicyDocument } from "@gantry/iam";
import { InvalidLifecyclePolicyError, parseLifecyclePolicy, planExpiry } from "@gantry/registry";
import type { RepositoryRecord, Store } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { page } from "../common/paging.ts";
import { warnOfUnknownKeys } from "../iam/documents.ts";
import { presentBound, resolvePrincipals } from "../iam/policy-principals.ts";
import { ApiError, type ErrorCode } from "./api-error.ts";
import type { EcrDeps } from "./ecr-deps.ts";
import { findImage, findRepository, invalidToken } from "./lookups.ts";

/**
 * Repository policies (who may push and pull) and lifecycle policies (which images expire).
 * Source: API_SetRepositoryPolicy, API_PutLifecyclePolicy and following.
 */
export function policyOperations(deps: EcrDeps) {
  return {
    GetRepositoryPolicy: (input, context) => getRepositoryPolicy(deps, input, context),
    SetRepositoryPolicy: (input, context) => setRepositoryPolicy(deps, input, context),
    DeleteRepositoryPolicy: (input, context) => deleteRepositoryPolicy(deps, input, context),
    GetLifecyclePolicy: (input, context) => getLifecyclePolicy(deps, input, context),
    PutLifecyclePolicy: (input, context) => putLifecyclePolicy(deps, input, context),
    DeleteLifecyclePolicy: (input, context) => deleteLifecyclePolicy(deps, input, context),
    StartLifecyclePolicyPreview: (input, context) => startLifecyclePolicyPreview(deps, input, context),
    GetLifecyclePolicyPreview: (input, context) => getLifecyclePolicyPreview(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function getRepositoryPolicy(
  { store }: EcrDeps,
  input: sdk.GetRepositoryPolicyRequest,
  context: RequestContext,
): sdk.GetRepositoryPolicyResponse {
  const record = findRepository(store, context, input.repositoryName);
  if (record.policy === undefined)
    throw missing("RepositoryPolicyNotFoundException", "Repository policy", record);
  return {
    ...named(record),
    policyText: presentBound(store, record.policy, record.policyPrincipals),
  };
}

function setRepositoryPolicy(
  { store, log }: EcrDeps,
  input: sdk.SetRepositoryPolicyRequest,
  context: RequestContext,
): sdk.SetRepositoryPolicyResponse {
  const policy = input.policyText ?? "";
  const document = checkPolicy(policy);
  const { ids: policyPrincipals, missing: absent } = resolvePrincipals(store, document);
  if (absent !== undefined) throw invalidPolicy();
  warnOfUnknownKeys(document, "repository", log);
  return {
    ...named(
      change(store, context, input.repositoryName, (record) => ({
        ...record,
        policy,
        policyPrincipals,
      })),
    ),
    policyText: policy,
  };
}

function deleteRepositoryPolicy(
  { store }: EcrDeps,
  input: sdk.DeleteRepositoryPolicyRequest,
  context: RequestContext,
): sdk.DeleteRepositoryPolicyResponse {
  let before = "";
  const record = change(store, context, input.repositoryName, ({ policy, ...rest }) => {
    if (policy === undefined) throw missing("RepositoryPolicyNotFoundException", "Repository policy", rest);
    before = policy;
    return rest;
  });
  return { ...named(record), policyText: before };
}

function getLifecyclePolicy(
  { store }: EcrDeps,
  input: sdk.GetLifecyclePolicyRequest,
  context: RequestContext,
): sdk.GetLifecyclePolicyResponse {
  const record = findRepository(store, context, input.repositoryName);
  if (record.lifecyclePolicy === undefined)
    throw missing("LifecyclePolicyNotFoundException", "Lifecycle policy", record);
  const { text, evaluatedAt } = record.lifecyclePolicy;
  return {
    ...named(record),
    lifecyclePolicyText: text,
    lastEvaluatedAt: evaluatedAt === undefined ? undefined : new Date(evaluatedAt),
  };
}

function putLifecyclePolicy(
  { store }: EcrDeps,
  input: sdk.PutLifecyclePolicyRequest,
  context: RequestContext,
): sdk.PutLifecyclePolicyResponse {
  const text = input.lifecyclePolicyText ?? "";
  readLifecycle(text);
  const record = change(store, context, input.repositoryName, (each) => ({
    ...each,
    lifecyclePolicy: { text, evaluatedAt: undefined },
  }));
  return { ...named(record), lifecyclePolicyText: text };
}

function deleteLifecyclePolicy(
  { store }: EcrDeps,
  input: sdk.DeleteLifecyclePolicyRequest,
  context: RequestContext,
): sdk.DeleteLifecyclePolicyResponse {
  let before: RepositoryRecord["lifecyclePolicy"];
  const record = change(store, context, input.repositoryName, ({ lifecyclePolicy, ...rest }) => {
    if (lifecyclePolicy === undefined)
      throw missing("LifecyclePolicyNotFoundException", "Lifecycle policy", rest);
    before = lifecyclePolicy;
    return rest;
  });
  return {
    ...named(record),
    lifecyclePolicyText: before?.text,
    lastEvaluatedAt: before?.evaluatedAt === undefined ? undefined : new Date(before.evaluatedAt),
  };
}

function startLifecyclePolicyPreview(
  { store, clock }: EcrDeps,
  input: sdk.StartLifecyclePolicyPreviewRequest,
  context: RequestContext,
): sdk.StartLifecyclePolicyPreviewResponse {
  const record = change(store, context, input.repositoryName, (each) => {
    const text = input.lifecyclePolicyText ?? each.lifecyclePolicy?.text;
    if (text === undefined) throw missing("LifecyclePolicyNotFoundException", "Lifecycle policy", each);
    readLifecycle(text);
    return { ...each, lifecyclePreview: { text, startedAt: clock.now() } };
  });
  return { ...named(record), lifecyclePolicyText: record.lifecyclePreview?.text, status: "IN_PROGRESS" };
}

function getLifecyclePolicyPreview(
  { store, clock }: EcrDeps,
  input: sdk.GetLifecyclePolicyPreviewRequest,
  context: RequestContext,
): sdk.GetLifecyclePolicyPreviewResponse {
  const record = findRepository(store, context, input.repositoryName);
  const { text, expiring } = previewOf(record, { store, clock });
  const chosen = expiring.filter(
    ({ image }) =>
      input.imageIds === undefined || input.imageIds.some((id) => findImage([image], id) !== undefined),
  );
  const status = input.filter?.tagStatus;
  const fitting = chosen.filter(
    ({ image }) =>
      status === undefined || status === "ANY" || (status === "TAGGED") === image.imageTags.length > 0,
  );
  const { items, nextToken } = page(fitting, ({ image }) => image.digest, {
    token: input.nextToken,
    size: input.maxResults ?? 100,
    invalidToken,
  });
  return {
    ...named(record),
    lifecyclePolicyText: text,
    status: "COMPLETE",
    nextToken,
    previewResults: items.map(({ image, rule }) => ({
      imageDigest: image.digest,
      imageTags: [...image.imageTags],
      imagePushedAt: new Date(image.pushedAt),
      action: { type: "EXPIRE" },
      appliedRulePriority: rule,
    })),
    summary: { expiringImageTotalCount: expiring.length },
  };
}

function change(
  store: Store,
  context: RequestContext,
  name: string | undefined,
  apply: (record: RepositoryRecord) => RepositoryRecord,
): RepositoryRecord {
  return store.transact((tx) => {
    const next = apply(findRepository(tx, context, name));
    tx.put("repository", next.arn, next);
    return next;
  });
}

function named(record: RepositoryRecord): { registryId: string; repositoryName: string } {
  return { registryId: record.account, repositoryName: record.name };
}

function missing(code: ErrorCode, what: string, record: RepositoryRecord): ApiError {
  return new ApiError(
    code,
    `${what} does not exist for the repository with name '${record.name}' in the registry with id '${record.account}'`,
  );
}

/** The images that the policy of a repository's preview would expire now. */
function previewOf(record: RepositoryRecord, { store, clock }: Pick<EcrDeps, "store" | "clock">) {
  if (record.lifecyclePreview === undefined)
    throw missing("LifecyclePolicyPreviewNotFoundException", "Lifecycle policy preview", record);
  const { text } = record.lifecyclePreview;
  const images = store.listBy("image", "repository", record.arn);
  return { text, expiring: planExpiry(parseLifecyclePolicy(text), images, clock.now()) };
}

/** Errors: InvalidParameterException. */
export function readLifecycle(text: string): void {
  try {
    parseLifecyclePolicy(text);
  } catch (thrown) {
    if (!(thrown instanceof InvalidLifecyclePolicyError)) throw thrown;
    throw new ApiError(
      "InvalidParameterException",
      "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy " +
        `validation failure: ${thrown.message}'`,
    );
  }
}

/** Checks a repository's policy, which is about the repository itself: it names no resource. */
export function checkPolicy(text: string): PolicyDocument {
  let document: PolicyDocument;
  try {
    document = checkPolicyDocument(text, "repository");
  } catch (thrown) {
    throw thrown instanceof MalformedPolicyError ? invalidPolicy() : thrown;
  }
  const isOwn = (action: string) => action === "*" || action.toLowerCase().startsWith("ecr:");
  const actions = document.statements.flatMap((statement) => [...statement.actions, ...statement.notActions]);
  if (!actions.every(isOwn)) throw invalidPolicy();
  return document;
}

function invalidPolicy(): ApiError {
  return new ApiError(
    "InvalidParameterException",
    "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'",
  );
}
