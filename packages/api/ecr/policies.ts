import type * as sdk from "@aws-sdk/client-ecr";
import { checkPolicyDocument, MalformedPolicyError, type PolicyDocument } from "@gantry/iam";
import { InvalidLifecyclePolicyError, parseLifecyclePolicy, planExpiry } from "@gantry/registry";
import type { Reader, RepositoryRecord } from "@gantry/state";
import { ApiError, type Implementation, type RequestContext, type ErrorCode } from "@gantry/wire";
import { page } from "../common/paging.ts";
import { warnOfUnknownKeys } from "../iam/documents.ts";
import { presentBound, resolvePrincipals } from "../iam/policy-principals.ts";
import type { EcrDeps } from "./ecr-deps.ts";
import { findImage, findRepository, invalidToken } from "./lookups.ts";

/** Who may push and pull, and which images expire. Source: API_SetRepositoryPolicy, API_PutLifecyclePolicy and following. */
export function policyOperations({ store, clock, log }: EcrDeps) {
  const change = (
    context: RequestContext,
    name: string | undefined,
    apply: (record: RepositoryRecord) => RepositoryRecord,
  ): RepositoryRecord =>
    store.transact((tx) => {
      const next = apply(findRepository(tx, context, name));
      tx.put("repository", next.arn, next);
      return next;
    });
  const named = (record: RepositoryRecord) => ({ registryId: record.account, repositoryName: record.name });
  const missing = (code: ErrorCode, what: string, record: RepositoryRecord): ApiError =>
    new ApiError(
      code,
      `${what} does not exist for the repository with name '${record.name}' in the registry with id '${record.account}'`,
    );
  const previewOf = (record: RepositoryRecord, reader: Reader) => {
    if (record.lifecyclePreview === undefined)
      throw missing("LifecyclePolicyPreviewNotFoundException", "Lifecycle policy preview", record);
    const { text } = record.lifecyclePreview;
    return {
      text,
      expiring: planExpiry(
        parseLifecyclePolicy(text),
        reader.listBy("image", "repository", record.arn),
        clock.now(),
      ),
    };
  };
  return {
    GetRepositoryPolicy(input, context) {
      const record = findRepository(store, context, input.repositoryName);
      if (record.policy === undefined)
        throw missing("RepositoryPolicyNotFoundException", "Repository policy", record);
      return {
        ...named(record),
        policyText: presentBound(store, record.policy, record.policyPrincipals),
      };
    },
    SetRepositoryPolicy(input, context) {
      const policy = input.policyText ?? "";
      const document = checkPolicy(policy);
      const { ids: policyPrincipals, missing: absent } = resolvePrincipals(store, document);
      if (absent !== undefined) throw invalidPolicy();
      warnOfUnknownKeys(document, "repository", log);
      return {
        ...named(
          change(context, input.repositoryName, (record) => ({ ...record, policy, policyPrincipals })),
        ),
        policyText: policy,
      };
    },
    DeleteRepositoryPolicy(input, context) {
      let before = "";
      const record = change(context, input.repositoryName, ({ policy, ...rest }) => {
        if (policy === undefined)
          throw missing("RepositoryPolicyNotFoundException", "Repository policy", rest);
        before = policy;
        return rest;
      });
      return { ...named(record), policyText: before };
    },
    GetLifecyclePolicy(input, context) {
      const record = findRepository(store, context, input.repositoryName);
      if (record.lifecyclePolicy === undefined)
        throw missing("LifecyclePolicyNotFoundException", "Lifecycle policy", record);
      const { text, evaluatedAt } = record.lifecyclePolicy;
      return {
        ...named(record),
        lifecyclePolicyText: text,
        lastEvaluatedAt: evaluatedAt === undefined ? undefined : new Date(evaluatedAt),
      };
    },
    PutLifecyclePolicy(input, context) {
      const text = input.lifecyclePolicyText ?? "";
      readLifecycle(text);
      const record = change(context, input.repositoryName, (each) => ({
        ...each,
        lifecyclePolicy: { text, evaluatedAt: undefined },
      }));
      return { ...named(record), lifecyclePolicyText: text };
    },
    DeleteLifecyclePolicy(input, context) {
      let before: RepositoryRecord["lifecyclePolicy"];
      const record = change(context, input.repositoryName, ({ lifecyclePolicy, ...rest }) => {
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
    },
    StartLifecyclePolicyPreview(input, context) {
      const record = change(context, input.repositoryName, (each) => {
        const text = input.lifecyclePolicyText ?? each.lifecyclePolicy?.text;
        if (text === undefined) throw missing("LifecyclePolicyNotFoundException", "Lifecycle policy", each);
        readLifecycle(text);
        return { ...each, lifecyclePreview: { text, startedAt: clock.now() } };
      });
      return { ...named(record), lifecyclePolicyText: record.lifecyclePreview?.text, status: "IN_PROGRESS" };
    },
    GetLifecyclePolicyPreview(input, context) {
      const record = findRepository(store, context, input.repositoryName);
      const { text, expiring } = previewOf(record, store);
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
    },
  } satisfies Implementation<typeof sdk>;
}

function readLifecycle(text: string): void {
  try {
    parseLifecyclePolicy(text);
  } catch (thrown) {
    if (!(thrown instanceof InvalidLifecyclePolicyError)) throw thrown;
    throw new ApiError(
      "InvalidParameterException",
      `Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: ${thrown.message}'`,
    );
  }
}

/** Checks a repository's policy, which is about the repository itself: it names no resource. */
function checkPolicy(text: string): PolicyDocument {
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
