import type * as sdk from "@aws-sdk/client-ecr";
import { PullThroughCache } from "@gantry/registry/pull-through";
import { UpstreamError } from "@gantry/registry/upstream-client";
import { ecrRegistryKey, ROOT_PREFIX, secretNamed, type PullThroughRuleRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { page } from "../common/paging.ts";
import type { EcrDeps } from "./ecr-deps.ts";
import { invalidToken } from "./lookups.ts";

const RULES_MAX = 50;
const PREFIX = /^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/;

/**
 * The registries that images are copied from, and whether they ask for a login.
 * Source: API_CreatePullThroughCacheRule.
 */
const UPSTREAMS: readonly {
  readonly name: sdk.UpstreamRegistry;
  readonly host: RegExp;
  readonly needsLogin: boolean;
}[] = [
  { name: "ecr-public", host: /^public\.ecr\.aws$/, needsLogin: false },
  { name: "quay", host: /^quay\.io$/, needsLogin: false },
  { name: "k8s", host: /^registry\.k8s\.io$/, needsLogin: false },
  { name: "docker-hub", host: /^registry-1\.docker\.io$/, needsLogin: true },
  { name: "github-container-registry", host: /^ghcr\.io$/, needsLogin: true },
  { name: "gitlab-container-registry", host: /^registry\.gitlab\.com$/, needsLogin: true },
  { name: "azure-container-registry", host: /^[a-z0-9]{5,50}\.azurecr\.io$/, needsLogin: true },
  { name: "chainguard", host: /^cgr\.dev$/, needsLogin: true },
  { name: "ecr", host: /^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com$/, needsLogin: false },
];

/** Which repositories are copies of those of another registry. Source: API_CreatePullThroughCacheRule and following. */
export function pullThroughOperations(deps: EcrDeps) {
  return {
    CreatePullThroughCacheRule: (input, context) => createRule(deps, input, context),
    DescribePullThroughCacheRules: (input, context) => describeRules(deps, input, context),
    UpdatePullThroughCacheRule: (input, context) => updateRule(deps, input, context),
    DeletePullThroughCacheRule: (input, context) => deleteRule(deps, input, context),
    ValidatePullThroughCacheRule: (input, context) => validateRule(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function createRule(
  deps: EcrDeps,
  input: sdk.CreatePullThroughCacheRuleRequest,
  context: RequestContext,
): sdk.CreatePullThroughCacheRuleResponse {
  const { account, region } = context;
  const { ecrRepositoryPrefix: prefix = "", upstreamRegistryUrl: given = "" } = input;
  const { credentialArn, customRoleArn, upstreamRepositoryPrefix: upstreamPrefix } = input;
  for (const each of [prefix, upstreamPrefix ?? ROOT_PREFIX])
    if (each !== ROOT_PREFIX && (!PREFIX.test(each) || each.length < 2 || each.length > 256))
      throw invalid(
        "ecrRepositoryPrefix",
        "must satisfy regular expression '((?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*/?|ROOT)'",
      );
  const upstreamUrl = given.replace(/^https:\/\//, "").replace(/\/$/, "");
  const upstream = UPSTREAMS.find(({ host }) => host.test(upstreamUrl));
  if (upstream === undefined || (input.upstreamRegistry ?? upstream.name) !== upstream.name)
    throw new ApiError(
      "UnsupportedUpstreamRegistryException",
      `The upstream registry with url '${given}' is not supported`,
    );
  if (upstream.needsLogin && credentialArn === undefined)
    throw invalid(
      "credentialArn",
      `The upstream registry '${upstream.name}' needs the credentialArn of a secret`,
    );
  checkCredential(deps, context, credentialArn);
  checkRole(deps, context, customRoleArn);
  return deps.store.transact((tx) => {
    const key = keyOf(context, prefix);
    if (tx.get("pullThroughRule", key) !== undefined)
      throw new ApiError(
        "PullThroughCacheRuleAlreadyExistsException",
        `A pull through cache rule with prefix '${prefix}' already exists in the registry with id '${account}'`,
      );
    if (tx.list("pullThroughRule", `${ecrRegistryKey(context)}/`).length >= RULES_MAX)
      throw new ApiError(
        "LimitExceededException",
        `A registry has at most ${RULES_MAX} pull through cache rules.`,
      );
    const now = deps.clock.now();
    const rule: PullThroughRuleRecord = {
      account,
      region,
      prefix,
      upstreamUrl,
      upstreamRegistry: upstream.name,
      upstreamPrefix,
      credentialArn,
      customRoleArn,
      createdAt: now,
      updatedAt: now,
    };
    tx.put("pullThroughRule", key, rule);
    const { updatedAt: _, ...shown } = presentRule(rule);
    return shown;
  });
}

function describeRules(
  { store }: EcrDeps,
  input: sdk.DescribePullThroughCacheRulesRequest,
  context: RequestContext,
): sdk.DescribePullThroughCacheRulesResponse {
  const chosen =
    input.ecrRepositoryPrefixes === undefined
      ? store.list("pullThroughRule", `${ecrRegistryKey(context)}/`)
      : input.ecrRepositoryPrefixes.map((prefix) => findRule({ store }, context, prefix));
  const { items, nextToken } = page(chosen, ({ prefix }) => prefix, {
    token: input.nextToken,
    size: input.maxResults ?? 100,
    invalidToken,
  });
  return { pullThroughCacheRules: items.map(presentRule), nextToken };
}

function updateRule(
  deps: EcrDeps,
  input: sdk.UpdatePullThroughCacheRuleRequest,
  context: RequestContext,
): sdk.UpdatePullThroughCacheRuleResponse {
  const { credentialArn, customRoleArn } = input;
  checkCredential(deps, context, credentialArn);
  checkRole(deps, context, customRoleArn);
  const next = deps.store.transact((tx) => {
    const rule = findRule({ store: tx }, context, input.ecrRepositoryPrefix);
    const changed: PullThroughRuleRecord = {
      ...rule,
      credentialArn: credentialArn ?? rule.credentialArn,
      customRoleArn: customRoleArn ?? rule.customRoleArn,
      updatedAt: deps.clock.now(),
    };
    tx.put("pullThroughRule", keyOf(context, rule.prefix), changed);
    return changed;
  });
  const {
    createdAt: _,
    upstreamRegistryUrl: _url,
    upstreamRegistry: _registry,
    ...shown
  } = presentRule(next);
  return shown;
}

function deleteRule(
  { store }: EcrDeps,
  input: sdk.DeletePullThroughCacheRuleRequest,
  context: RequestContext,
): sdk.DeletePullThroughCacheRuleResponse {
  const rule = store.transact((tx) => {
    const found = findRule({ store: tx }, context, input.ecrRepositoryPrefix);
    tx.delete("pullThroughRule", keyOf(context, found.prefix));
    return found;
  });
  const { updatedAt: _, upstreamRegistry: _registry, ...shown } = presentRule(rule);
  return shown;
}

async function validateRule(
  deps: EcrDeps,
  input: sdk.ValidatePullThroughCacheRuleRequest,
  context: RequestContext,
): Promise<sdk.ValidatePullThroughCacheRuleResponse> {
  const rule = findRule(deps, context, input.ecrRepositoryPrefix);
  const { createdAt: _, updatedAt: _updated, upstreamRegistry: _registry, ...shown } = presentRule(rule);
  try {
    await new PullThroughCache(deps).check(rule);
    return { ...shown, isValid: true };
  } catch (thrown) {
    if (!(thrown instanceof UpstreamError)) throw thrown;
    return { ...shown, isValid: false, failure: thrown.message };
  }
}

/**
 * The secret must belong to the caller's account and be readable by the caller, because its content is sent
 * to the upstream registry.
 */
function checkCredential({ store }: EcrDeps, context: RequestContext, arn: string | undefined): void {
  if (arn === undefined) return;
  const secret = secretNamed(store, context, arn);
  const isOwn = secret?.account === context.account && secret.name.startsWith("ecr-pullthroughcache/");
  context.authorize("secretsmanager:GetSecretValue", secret?.arn ?? arn);
  if (!isOwn)
    throw new ApiError(
      "SecretNotFoundException",
      `The secret '${arn}' does not exist: its name must begin with 'ecr-pullthroughcache/', in the ` +
        "registry's account and region",
    );
}

function checkRole({ store }: EcrDeps, context: RequestContext, arn: string | undefined): void {
  if (arn === undefined) return;
  context.authorize("iam:PassRole", arn);
  if (store.get("role", arn)?.account !== context.account)
    throw invalid("customRoleArn", "The role does not exist in the registry's account");
}

function findRule(
  { store }: Pick<EcrDeps, "store"> | { store: Pick<EcrDeps["store"], "get"> },
  context: RequestContext,
  prefix: string | undefined,
): PullThroughRuleRecord {
  const rule = store.get("pullThroughRule", keyOf(context, prefix ?? ""));
  if (rule !== undefined) return rule;
  throw new ApiError(
    "PullThroughCacheRuleNotFoundException",
    `The pull through cache rule with prefix '${prefix}' does not exist in the registry with id '${context.account}'`,
  );
}

function keyOf(context: RequestContext, prefix: string): string {
  return `${ecrRegistryKey(context)}/${prefix}`;
}

function presentRule(rule: PullThroughRuleRecord): sdk.PullThroughCacheRule {
  return {
    ecrRepositoryPrefix: rule.prefix,
    upstreamRegistryUrl: rule.upstreamUrl,
    upstreamRegistry: rule.upstreamRegistry as sdk.UpstreamRegistry | undefined, // One of the table.
    upstreamRepositoryPrefix: rule.upstreamPrefix,
    registryId: rule.account,
    credentialArn: rule.credentialArn,
    customRoleArn: rule.customRoleArn,
    createdAt: new Date(rule.createdAt),
    updatedAt: new Date(rule.updatedAt),
  };
}

function invalid(member: string, message: string): ApiError {
  return new ApiError(
    "InvalidParameterException",
    `Invalid parameter at '${member}' failed to satisfy constraint: '${message}'`,
  );
}
