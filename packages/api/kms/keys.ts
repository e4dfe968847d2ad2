import type * as sdk from "@aws-sdk/client-kms";
import { formatArn } from "@gantry/kernel";
import { isPendingImport, type KmsKeyRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { withoutTags } from "../common/tags.ts";
import { presentBound } from "../iam/policy-principals.ts";
import { ApiError } from "./api-error.ts";
import { newSecret, sealedMaterial } from "./key-material.ts";
import { defaultPolicy, toKeyPolicy } from "./key-policy.ts";
import { findChangeable, findKey, invalid, invalidMarker, invalidState } from "./lookups.ts";
import { presentKey } from "./present-key.ts";
import { specOf } from "./specs.ts";

const DAY_MS = 24 * 60 * 60_000;
/** Source: API_ScheduleKeyDeletion, PendingWindowInDays. */
const WINDOW_DAYS = 30;
const LIST_PAGE = 100;
const POLICY_NAME = "default";

/**
 * Keys: made, described, enabled, disabled, deleted, tagged, and their policies.
 * Source: API_CreateKey and following.
 */
export function keyOperations(deps: ApiDeps) {
  return {
    CreateKey: (input, context) => createKey(deps, input, context),
    DescribeKey: (input, context) => ({ KeyMetadata: presentKey(findKey(deps.store, context, input.KeyId)) }),
    ListKeys: (input, context) => listKeys(deps, input, context),
    EnableKey: (input, context) => change(deps, input, context, (key) => switched(key, true)),
    DisableKey: (input, context) => change(deps, input, context, (key) => switched(key, false)),
    UpdateKeyDescription: (input, context) =>
      change(deps, input, context, (key) => ({ ...key, description: input.Description ?? "" })),
    ScheduleKeyDeletion: (input, context) => scheduleKeyDeletion(deps, input, context),
    CancelKeyDeletion: (input, context) => cancelKeyDeletion(deps, input, context),
    GetKeyPolicy: (input, context) => getKeyPolicy(deps, input, context),
    PutKeyPolicy: (input, context) => putKeyPolicy(deps, input, context),
    ListKeyPolicies: (input, context) => listKeyPolicies(deps, input, context),
    TagResource: (input, context) =>
      change(deps, input, context, (key) => ({ ...key, tags: { ...key.tags, ...tagsOf(input.Tags) } })),
    UntagResource: (input, context) =>
      change(deps, input, context, (key) => ({ ...key, tags: withoutTags(key.tags, input.TagKeys ?? []) })),
    ListResourceTags: (input, context) => listResourceTags(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: KMSInvalidStateException for a key without material. */
function switched(key: KmsKeyRecord, enabled: boolean): KmsKeyRecord {
  if (isPendingImport(key)) throw invalidState(`${key.arn} is pending import.`);
  return { ...key, enabled };
}

/** Replaces the record of a key. Errors: as findChangeable. */
export function change(
  { store }: ApiDeps,
  input: { readonly KeyId: string | undefined },
  context: RequestContext,
  apply: (key: KmsKeyRecord) => KmsKeyRecord,
): object {
  store.transact((tx) => {
    const key = findChangeable(tx, context, input.KeyId);
    tx.put("kmsKey", key.arn, apply(key));
  });
  return {};
}

async function createKey(
  deps: ApiDeps,
  input: sdk.CreateKeyRequest,
  context: RequestContext,
): Promise<sdk.CreateKeyResponse> {
  const { store, clock, ids, vault } = deps;
  const { account, region, principal } = context;
  const spec = input.KeySpec ?? input.CustomerMasterKeySpec ?? "SYMMETRIC_DEFAULT";
  const usage = usageOf(spec, input.KeyUsage);
  const isImported = input.Origin === "EXTERNAL";
  checkOrigin(input.Origin, spec);
  const policy = toKeyPolicy(store, input.Policy ?? defaultPolicy(account), {
    principal,
    bypass: input.BypassPolicyLockoutSafetyCheck,
  });
  const id = ids.uuid();
  const now = clock.now();
  const key: KmsKeyRecord = {
    arn: formatArn("kms", context, `key/${id}`),
    id,
    account,
    region,
    description: input.Description ?? "",
    usage,
    spec,
    manager: "CUSTOMER",
    enabled: true,
    ...policy,
    tags: tagsOf(input.Tags),
    createdAt: now,
    ...(isImported ? { origin: "EXTERNAL" as const } : {}),
    materials: isImported ? [] : [sealedMaterial(vault, await newSecret(spec), { now, origin: "INITIAL" })],
  };
  store.transact((tx) => tx.put("kmsKey", key.arn, key));
  return { KeyMetadata: presentKey(key) };
}

/** Errors: UnsupportedOperationException for material that is neither made here nor imported as a secret key. */
function checkOrigin(origin: sdk.OriginType | undefined, spec: string): void {
  if (origin === undefined || origin === "AWS_KMS") return;
  if (origin !== "EXTERNAL")
    throw new ApiError(
      "UnsupportedOperationException",
      `Gantry has no key stores of its customers: the origin ${origin} is not supported.`,
    );
  if (specOf(spec)?.bytes === undefined)
    throw new ApiError(
      "UnsupportedOperationException",
      `Gantry imports secret keys alone: the key spec ${spec} is not supported with the origin EXTERNAL.`,
    );
}

/** Errors: ValidationException, UnsupportedOperationException. */
function usageOf(spec: string, asked: sdk.KeyUsageType | undefined): KmsKeyRecord["usage"] {
  const usages = specOf(spec)?.usages;
  if (usages === undefined)
    throw new ApiError("UnsupportedOperationException", `Gantry does not support the key spec ${spec}.`);
  const [only] = usages;
  if (asked === undefined && spec === "SYMMETRIC_DEFAULT" && only !== undefined) return only;
  if (asked === undefined)
    throw invalid("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.");
  const usage = usages.find((each) => each === asked);
  if (usage === undefined) throw invalid(`KeyUsage ${asked} is not compatible with KeySpec ${spec}`);
  return usage;
}

function listKeys(
  { store }: ApiDeps,
  input: sdk.ListKeysRequest,
  context: RequestContext,
): sdk.ListKeysResponse {
  const { items, nextToken } = page(
    store.list("kmsKey", formatArn("kms", context, "key/")),
    (key) => key.arn,
    {
      token: input.Marker,
      size: input.Limit ?? LIST_PAGE,
      invalidToken: invalidMarker,
    },
  );
  return {
    Keys: items.map((key) => ({ KeyId: key.id, KeyArn: key.arn })),
    NextMarker: nextToken,
    Truncated: nextToken !== undefined,
  };
}

function scheduleKeyDeletion(
  { store, clock }: ApiDeps,
  input: sdk.ScheduleKeyDeletionRequest,
  context: RequestContext,
): sdk.ScheduleKeyDeletionResponse {
  const days = input.PendingWindowInDays ?? WINDOW_DAYS;
  return store.transact((tx) => {
    const key = findChangeable(tx, context, input.KeyId);
    const removeAt = clock.now() + days * DAY_MS;
    tx.put("kmsKey", key.arn, { ...key, enabled: false, removeAt });
    return {
      KeyId: key.arn,
      DeletionDate: new Date(removeAt),
      KeyState: "PendingDeletion",
      PendingWindowInDays: days,
    };
  });
}

function cancelKeyDeletion(
  { store }: ApiDeps,
  input: sdk.CancelKeyDeletionRequest,
  context: RequestContext,
): sdk.CancelKeyDeletionResponse {
  return store.transact((tx) => {
    const { removeAt, ...key } = findKey(tx, context, input.KeyId);
    if (removeAt === undefined) throw invalidState(`${key.arn} is not pending deletion.`);
    tx.put("kmsKey", key.arn, key);
    return { KeyId: key.arn };
  });
}

function getKeyPolicy(
  { store }: ApiDeps,
  input: sdk.GetKeyPolicyRequest,
  context: RequestContext,
): sdk.GetKeyPolicyResponse {
  const key = findKey(store, context, input.KeyId);
  checkPolicyName(input.PolicyName);
  return { Policy: presentBound(store, key.policy, key.policyPrincipals), PolicyName: POLICY_NAME };
}

function putKeyPolicy(deps: ApiDeps, input: sdk.PutKeyPolicyRequest, context: RequestContext): object {
  checkPolicyName(input.PolicyName);
  return change(deps, input, context, (key) => ({
    ...key,
    ...toKeyPolicy(deps.store, input.Policy ?? "", {
      principal: context.principal,
      bypass: input.BypassPolicyLockoutSafetyCheck,
    }),
  }));
}

/** Errors: NotFoundException. */
function checkPolicyName(name: string | undefined): void {
  if (name !== undefined && name !== POLICY_NAME)
    throw new ApiError("NotFoundException", `No such policy exists: ${name}`);
}

function listKeyPolicies(
  { store }: ApiDeps,
  input: sdk.ListKeyPoliciesRequest,
  context: RequestContext,
): sdk.ListKeyPoliciesResponse {
  findKey(store, context, input.KeyId);
  return { PolicyNames: [POLICY_NAME], Truncated: false };
}

function listResourceTags(
  { store }: ApiDeps,
  input: sdk.ListResourceTagsRequest,
  context: RequestContext,
): sdk.ListResourceTagsResponse {
  const tags = Object.entries(findKey(store, context, input.KeyId).tags).toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const { items, nextToken } = page(tags, ([key]) => key, {
    token: input.Marker,
    size: input.Limit ?? LIST_PAGE,
    invalidToken: invalidMarker,
  });
  return {
    Tags: items.map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
    NextMarker: nextToken,
    Truncated: nextToken !== undefined,
  };
}

function tagsOf(tags: readonly sdk.Tag[] | undefined): KmsKeyRecord["tags"] {
  return Object.fromEntries((tags ?? []).map(({ TagKey = "", TagValue = "" }) => [TagKey, TagValue]));
}
