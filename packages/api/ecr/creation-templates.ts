import type * as sdk from "@aws-sdk/client-ecr";
import { ecrRegistryKey, ROOT_PREFIX, type Reader, type RepositoryTemplateRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { page } from "../common/paging.ts";
import { presentTags, toTags } from "../common/tags.ts";
import { presentBound, resolvePrincipals } from "../iam/policy-principals.ts";
import type { EcrDeps } from "./ecr-deps.ts";
import { presentEncryption, toEncryption } from "./encryption.ts";
import { invalidToken, presentExclusions } from "./lookups.ts";
import { checkPolicy, readLifecycle } from "./policies.ts";
import { mutabilityOf } from "./repositories.ts";

const TEMPLATES_MAX = 50;

/**
 * The settings of repositories that pull-through, replication and pushes create.
 * Source: API_CreateRepositoryCreationTemplate and following.
 */
export function creationTemplateOperations(deps: EcrDeps) {
  return {
    CreateRepositoryCreationTemplate: (input, context) => createTemplate(deps, input, context),
    DescribeRepositoryCreationTemplates: (input, context) => describeTemplates(deps, input, context),
    UpdateRepositoryCreationTemplate: (input, context) => updateTemplate(deps, input, context),
    DeleteRepositoryCreationTemplate: (input, context) => deleteTemplate(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function createTemplate(
  deps: EcrDeps,
  input: sdk.CreateRepositoryCreationTemplateRequest,
  context: RequestContext,
): sdk.CreateRepositoryCreationTemplateResponse {
  const { prefix = "" } = input;
  if (prefix !== ROOT_PREFIX && !/^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/?)+$/.test(prefix.slice(0, 256)))
    throw new ApiError(
      "InvalidParameterException",
      "Invalid parameter at 'prefix' failed to satisfy constraint: 'must be a prefix of repository names, or ROOT'",
    );
  const now = deps.clock.now();
  const { account, region } = context;
  const record = deps.store.transact((tx) => {
    const key = keyOf(context, prefix);
    if (tx.get("repositoryTemplate", key) !== undefined)
      throw new ApiError(
        "TemplateAlreadyExistsException",
        `The repository creation template with prefix '${prefix}' already exists in the registry with id '${account}'`,
      );
    if (tx.list("repositoryTemplate", `${ecrRegistryKey(context)}/`).length >= TEMPLATES_MAX)
      throw new ApiError("LimitExceededException", `A registry has at most ${TEMPLATES_MAX} templates.`);
    const template = withSettings(
      tx,
      context,
      {
        account,
        region,
        prefix,
        description: undefined,
        appliedFor: [],
        kmsKeyArn: undefined,
        encryptionType: undefined,
        tags: {},
        tagMutability: "MUTABLE",
        repositoryPolicy: undefined,
        lifecyclePolicy: undefined,
        customRoleArn: undefined,
        createdAt: now,
        updatedAt: now,
      },
      input,
    );
    tx.put("repositoryTemplate", key, template);
    return template;
  });
  return { registryId: account, repositoryCreationTemplate: presentTemplate(deps.store, record) };
}

/** A template with the settings that the input gives; those that it does not give stay. */
function withSettings(
  reader: Reader,
  context: RequestContext,
  template: RepositoryTemplateRecord,
  input: Omit<sdk.UpdateRepositoryCreationTemplateRequest, "prefix">,
): RepositoryTemplateRecord {
  const { repositoryPolicy, lifecyclePolicy, customRoleArn, encryptionConfiguration } = input;
  if (lifecyclePolicy !== undefined && lifecyclePolicy !== "") readLifecycle(lifecyclePolicy);
  const document =
    repositoryPolicy === undefined || repositoryPolicy === "" ? undefined : checkPolicy(repositoryPolicy);
  if (customRoleArn !== undefined) {
    context.authorize("iam:PassRole", customRoleArn);
    if (reader.get("role", customRoleArn)?.account !== context.account)
      throw new ApiError(
        "InvalidParameterException",
        "Invalid parameter at 'customRoleArn' failed to satisfy constraint: 'The role does not exist " +
          "in the registry's account'",
      );
  }
  const encryption =
    encryptionConfiguration === undefined
      ? {}
      : {
          kmsKeyArn: undefined,
          ...toEncryption(reader, context, encryptionConfiguration),
          encryptionType: encryptionConfiguration.encryptionType,
        };
  const { excludedTags: _, ...kept } = template;
  return {
    ...(input.imageTagMutability === undefined ? template : { ...kept, ...mutabilityOf(input) }),
    ...encryption,
    ...(input.description === undefined ? {} : { description: input.description }),
    ...(input.appliedFor === undefined ? {} : { appliedFor: input.appliedFor }),
    ...(input.resourceTags === undefined ? {} : { tags: toTags(input.resourceTags) }),
    ...(lifecyclePolicy === undefined
      ? {}
      : { lifecyclePolicy: lifecyclePolicy === "" ? undefined : lifecyclePolicy }),
    ...(repositoryPolicy === undefined
      ? {}
      : {
          repositoryPolicy: document && repositoryPolicy,
          policyPrincipals: document === undefined ? {} : resolvePrincipals(reader, document).ids,
        }),
    ...(customRoleArn === undefined ? {} : { customRoleArn }),
  };
}

function describeTemplates(
  { store }: EcrDeps,
  input: sdk.DescribeRepositoryCreationTemplatesRequest,
  context: RequestContext,
): sdk.DescribeRepositoryCreationTemplatesResponse {
  const chosen = store
    .list("repositoryTemplate", `${ecrRegistryKey(context)}/`)
    .filter(({ prefix }) => input.prefixes === undefined || input.prefixes.includes(prefix));
  const { items, nextToken } = page(chosen, ({ prefix }) => prefix, {
    token: input.nextToken,
    size: input.maxResults ?? 100,
    invalidToken,
  });
  return {
    registryId: context.account,
    repositoryCreationTemplates: items.map((each) => presentTemplate(store, each)),
    nextToken,
  };
}

function updateTemplate(
  { store, clock }: EcrDeps,
  input: sdk.UpdateRepositoryCreationTemplateRequest,
  context: RequestContext,
): sdk.UpdateRepositoryCreationTemplateResponse {
  const record = store.transact((tx) => {
    const found = findTemplate(tx, context, input.prefix);
    const next = { ...withSettings(tx, context, found, input), updatedAt: clock.now() };
    tx.put("repositoryTemplate", keyOf(context, found.prefix), next);
    return next;
  });
  return { registryId: context.account, repositoryCreationTemplate: presentTemplate(store, record) };
}

function deleteTemplate(
  { store }: EcrDeps,
  input: sdk.DeleteRepositoryCreationTemplateRequest,
  context: RequestContext,
): sdk.DeleteRepositoryCreationTemplateResponse {
  const record = store.transact((tx) => {
    const found = findTemplate(tx, context, input.prefix);
    tx.delete("repositoryTemplate", keyOf(context, found.prefix));
    return found;
  });
  return { registryId: context.account, repositoryCreationTemplate: presentTemplate(store, record) };
}

function findTemplate(
  reader: Reader,
  context: RequestContext,
  prefix: string | undefined,
): RepositoryTemplateRecord {
  const found = reader.get("repositoryTemplate", keyOf(context, prefix ?? ""));
  if (found !== undefined) return found;
  throw new ApiError(
    "TemplateNotFoundException",
    `The repository creation template with prefix '${prefix}' does not exist in the registry with id ` +
      `'${context.account}'`,
  );
}

function keyOf(context: RequestContext, prefix: string): string {
  return `${ecrRegistryKey(context)}/${prefix}`;
}

function presentTemplate(reader: Reader, record: RepositoryTemplateRecord): sdk.RepositoryCreationTemplate {
  const { encryptionType, kmsKeyArn, repositoryPolicy } = record;
  return {
    prefix: record.prefix,
    description: record.description,
    appliedFor: [...record.appliedFor],
    encryptionConfiguration: presentEncryption({
      ...(encryptionType === undefined || encryptionType === "AES256" ? {} : { encryptionType }),
      ...(kmsKeyArn === undefined ? {} : { kmsKeyArn }),
    }),
    imageTagMutability: record.tagMutability,
    imageTagMutabilityExclusionFilters: presentExclusions(record),
    resourceTags: presentTags(record.tags),
    repositoryPolicy:
      repositoryPolicy === undefined
        ? undefined
        : presentBound(reader, repositoryPolicy, record.policyPrincipals),
    lifecyclePolicy: record.lifecyclePolicy,
    customRoleArn: record.customRoleArn,
    createdAt: new Date(record.createdAt),
    updatedAt: new Date(record.updatedAt),
  };
}
