import type * as sdk from "@aws-sdk/client-ecr";
import { ecrRegistryKey, ecrRegistryOf, type EcrRegistryRecord, type Placed } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import type { EcrDeps } from "./ecr-deps.ts";
import { findRepository, oneImage } from "./lookups.ts";

const RULES_MAX = 10;
const DESTINATIONS_MAX = 25;
const FILTERS_MAX = 100;

/** The values of each account setting, the default first. Source: API_PutAccountSetting. */
const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  BASIC_SCAN_TYPE_VERSION: ["AWS_NATIVE", "CLAIR"],
  REGISTRY_POLICY_SCOPE: ["V2", "V1"],
  BLOB_MOUNTING: ["ENABLED", "DISABLED"],
};

/**
 * The replication rules and the account settings of a registry.
 * Source: API_PutReplicationConfiguration, API_PutAccountSetting.
 */
export function registrySettingOperations(deps: EcrDeps) {
  return {
    DescribeRegistry: (_input, context) => describeRegistry(deps, context),
    PutReplicationConfiguration: (input, context) => putReplicationConfiguration(deps, input, context),
    DescribeImageReplicationStatus: (input, context) => describeImageReplicationStatus(deps, input, context),
    GetAccountSetting: (input, context) => getAccountSetting(deps, input, context),
    PutAccountSetting: (input, context) => putAccountSetting(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Changes the settings of the caller's registry. */
export function changeRegistry(
  { store }: Pick<EcrDeps, "store">,
  place: Placed,
  apply: (registry: EcrRegistryRecord) => EcrRegistryRecord,
): void {
  store.transact((tx) => {
    tx.put("ecrRegistry", ecrRegistryKey(place), apply(ecrRegistryOf(tx, place)));
  });
}

function describeRegistry({ store }: EcrDeps, context: RequestContext): sdk.DescribeRegistryResponse {
  const { replication = [] } = ecrRegistryOf(store, context);
  return {
    registryId: context.account,
    replicationConfiguration: {
      rules: replication.map(({ destinations, prefixes }) => ({
        destinations: destinations.map(({ account, region }) => ({ region, registryId: account })),
        repositoryFilters: prefixes.map((filter) => ({ filter, filterType: "PREFIX_MATCH" })),
      })),
    },
  };
}

function putReplicationConfiguration(
  deps: EcrDeps,
  input: sdk.PutReplicationConfigurationRequest,
  context: RequestContext,
): sdk.PutReplicationConfigurationResponse {
  const replication = (input.replicationConfiguration?.rules ?? []).map((rule) => ({
    destinations: (rule.destinations ?? []).map(({ region = "", registryId = "" }) => ({
      account: registryId,
      region,
    })),
    prefixes: (rule.repositoryFilters ?? []).map(({ filter = "" }) => filter),
  }));
  checkReplication(replication, context);
  changeRegistry(deps, context, (registry) => ({ ...registry, replication }));
  const { replicationConfiguration } = describeRegistry(deps, context);
  return { replicationConfiguration };
}

function checkReplication(
  rules: NonNullable<EcrRegistryRecord["replication"]>,
  { account, region }: RequestContext,
): void {
  const invalid = (message: string): ApiError =>
    new ApiError(
      "InvalidParameterException",
      `Invalid parameter at 'replicationConfiguration' failed to satisfy constraint: '${message}'`,
    );
  if (rules.length > RULES_MAX) throw invalid(`Member must have length less than or equal to ${RULES_MAX}`);
  const all = rules.flatMap(({ destinations }) => destinations);
  if (new Set(all.map(ecrRegistryKey)).size > DESTINATIONS_MAX)
    throw invalid(`A replication configuration has at most ${DESTINATIONS_MAX} unique destinations`);
  for (const { destinations, prefixes } of rules) {
    if (destinations.length === 0) throw invalid("Member must have length greater than or equal to 1");
    if (prefixes.length > FILTERS_MAX)
      throw invalid(`Member must have length less than or equal to ${FILTERS_MAX}`);
    if (
      !prefixes.every((prefix) =>
        /^(?:[a-z0-9]+(?:[._-][a-z0-9]*)*\/)*[a-z0-9]*(?:[._-][a-z0-9]*)*$/.test(prefix),
      )
    )
      throw invalid("Repository filters must be prefixes of repository names");
    if (new Set(destinations.map(ecrRegistryKey)).size < destinations.length)
      throw invalid("Duplicate destinations within a rule are not allowed");
  }
  for (const destination of all) {
    if (!/^[a-z]{2}(?:-[a-z]+)+-\d$/.test(destination.region))
      throw invalid(`Invalid destination region '${destination.region}'`);
    if (destination.account === account && destination.region === region)
      throw invalid("Replication destination cannot be the same as the source registry");
  }
}

function describeImageReplicationStatus(
  { store }: EcrDeps,
  input: sdk.DescribeImageReplicationStatusRequest,
  context: RequestContext,
): sdk.DescribeImageReplicationStatusResponse {
  const repository = findRepository(store, context, input.repositoryName);
  const image = oneImage(store, repository, input.imageId);
  return {
    repositoryName: repository.name,
    imageId: { imageDigest: image.digest, imageTag: input.imageId?.imageTag },
    replicationStatuses: store
      .list("imageReplication", `${repository.arn}@${image.digest}#`)
      .map(({ destination, status, failureCode }) => ({
        region: destination.region,
        registryId: destination.account,
        status,
        failureCode,
      })),
  };
}

function getAccountSetting(
  { store }: EcrDeps,
  input: sdk.GetAccountSettingRequest,
  context: RequestContext,
): sdk.GetAccountSettingResponse {
  const name = input.name ?? "";
  const [byDefault] = valuesOf(name);
  return { name, value: ecrRegistryOf(store, context).settings?.[name] ?? byDefault };
}

function putAccountSetting(
  deps: EcrDeps,
  input: sdk.PutAccountSettingRequest,
  context: RequestContext,
): sdk.PutAccountSettingResponse {
  const { name = "", value = "" } = input;
  if (!valuesOf(name).includes(value))
    throw new ApiError(
      "InvalidParameterException",
      "Invalid parameter at 'value' failed to satisfy constraint: 'Member must satisfy enum value set: " +
        `[${valuesOf(name).join(", ")}]'`,
    );
  changeRegistry(deps, context, (registry) => ({
    ...registry,
    settings: { ...registry.settings, [name]: value },
  }));
  return { name, value };
}

function valuesOf(name: string): readonly string[] {
  const values = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined;
  if (values === undefined)
    throw new ApiError(
      "InvalidParameterException",
      "Invalid parameter at 'name' failed to satisfy constraint: 'Member must satisfy enum value set: " +
        `[${Object.keys(SETTINGS).join(", ")}]'`,
    );
  return values;
}
