import type * as sdk from "@aws-sdk/client-ecr";
import { glob } from "@gantry/iam";
import { formatArn } from "@gantry/kernel";
import { ecrRegistryOf, type RegistryScanning, type RepositoryRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import type { EcrDeps } from "./ecr-deps.ts";
import { findRepository, oneImage } from "./lookups.ts";
import { changeRegistry } from "./registry-settings.ts";

const RULES_MAX = 2;
const NO_SCAN: RegistryScanning = { scanType: "BASIC", rules: [] };

/**
 * The settings of vulnerability scans. They are recorded; there is no scanner, and no findings are invented:
 * images are answered like those that AWS's scanner does not support.
 * Source: API_PutRegistryScanningConfiguration and following.
 */
export function scanningOperations(deps: EcrDeps) {
  return {
    PutImageScanningConfiguration: (input, context) => putImageScanningConfiguration(deps, input, context),
    BatchGetRepositoryScanningConfiguration: (input, context) =>
      batchGetRepositoryScanningConfiguration(deps, input, context),
    GetRegistryScanningConfiguration: (_input, context) => getRegistryScanningConfiguration(deps, context),
    PutRegistryScanningConfiguration: (input, context) =>
      putRegistryScanningConfiguration(deps, input, context),
    StartImageScan: (input, context) => startImageScan(deps, input, context),
    DescribeImageScanFindings: (input, context) => describeImageScanFindings(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function putImageScanningConfiguration(
  { store }: EcrDeps,
  input: sdk.PutImageScanningConfigurationRequest,
  context: RequestContext,
): sdk.PutImageScanningConfigurationResponse {
  const scanOnPush = input.imageScanningConfiguration?.scanOnPush ?? false;
  const record = store.transact((tx) => {
    const next = { ...findRepository(tx, context, input.repositoryName), scanOnPush };
    tx.put("repository", next.arn, next);
    return next;
  });
  return {
    registryId: record.account,
    repositoryName: record.name,
    imageScanningConfiguration: { scanOnPush },
  };
}

function batchGetRepositoryScanningConfiguration(
  { store }: EcrDeps,
  input: sdk.BatchGetRepositoryScanningConfigurationRequest,
  context: RequestContext,
): sdk.BatchGetRepositoryScanningConfigurationResponse {
  const known = store.list("repository", formatArn("ecr", context, "repository/"));
  const found = known.filter((record) => input.repositoryNames?.includes(record.name) === true);
  const missing = (input.repositoryNames ?? []).filter(
    (name) => !found.some((record) => record.name === name),
  );
  const { scanning = NO_SCAN } = ecrRegistryOf(store, context);
  return {
    scanningConfigurations: found.map((record) => presentScanning(record, scanning)),
    failures: missing.map((repositoryName) => ({
      repositoryName,
      failureCode: "REPOSITORY_NOT_FOUND",
      failureReason: "The repository does not exist.",
    })),
  };
}

/** The registry's rules come before the repository's own setting. Source: ECR User Guide, "Image scanning". */
function presentScanning(
  record: RepositoryRecord,
  { rules }: RegistryScanning,
): sdk.RepositoryScanningConfiguration {
  const applied = rules.flatMap(({ frequency, filters }) =>
    filters
      .filter((filter) => glob(filter.includes("*") ? filter : `*${filter}*`, record.name))
      .map((filter) => ({ frequency, filter })),
  );
  const frequency =
    applied.find((rule) => rule.frequency === "CONTINUOUS_SCAN")?.frequency ??
    applied[0]?.frequency ??
    (record.scanOnPush ? "SCAN_ON_PUSH" : "MANUAL");
  return {
    repositoryArn: record.arn,
    repositoryName: record.name,
    scanOnPush: frequency !== "MANUAL",
    scanFrequency: frequency,
    appliedScanFilters: applied.map(({ filter }) => ({ filter, filterType: "WILDCARD" })),
  };
}

function getRegistryScanningConfiguration(
  { store }: EcrDeps,
  context: RequestContext,
): sdk.GetRegistryScanningConfigurationResponse {
  const { scanning = NO_SCAN } = ecrRegistryOf(store, context);
  return { registryId: context.account, scanningConfiguration: presentConfiguration(scanning) };
}

function putRegistryScanningConfiguration(
  deps: EcrDeps,
  input: sdk.PutRegistryScanningConfigurationRequest,
  context: RequestContext,
): sdk.PutRegistryScanningConfigurationResponse {
  const scanType = input.scanType ?? ecrRegistryOf(deps.store, context).scanning?.scanType ?? "BASIC";
  const rules = (input.rules ?? []).map(({ scanFrequency = "MANUAL", repositoryFilters = [] }) => ({
    frequency: scanFrequency,
    filters: repositoryFilters.map(({ filter = "" }) => filter),
  }));
  const invalid = (message: string): ApiError =>
    new ApiError(
      "InvalidParameterException",
      `Invalid parameter at 'PutRegistryScanningConfiguration' failed to satisfy constraint: '${message}'`,
    );
  if (rules.length > RULES_MAX) throw invalid(`Member must have length less than or equal to ${RULES_MAX}`);
  if (
    !rules.every(({ filters }) =>
      filters.every((filter) => /^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$/.test(filter)),
    )
  )
    throw invalid("Filters must be repository names with wildcards");
  if (scanType === "BASIC" && rules.some(({ frequency }) => frequency === "CONTINUOUS_SCAN"))
    throw invalid("Continuous scan is supported with scan type ENHANCED only");
  const scanning = { scanType, rules };
  changeRegistry(deps, context, (registry) => ({ ...registry, scanning }));
  return { registryScanningConfiguration: presentConfiguration(scanning) };
}

function presentConfiguration({ scanType, rules }: RegistryScanning): sdk.RegistryScanningConfiguration {
  return {
    scanType,
    rules: rules.map(({ frequency, filters }) => ({
      scanFrequency: frequency,
      repositoryFilters: filters.map((filter) => ({ filter, filterType: "WILDCARD" })),
    })),
  };
}

/** Errors: UnsupportedImageTypeException, as for an image that the scanner does not know. */
function startImageScan(
  { store }: EcrDeps,
  input: sdk.StartImageScanRequest,
  context: RequestContext,
): sdk.StartImageScanResponse {
  const repository = findRepository(store, context, input.repositoryName);
  const image = oneImage(store, repository, input.imageId);
  throw new ApiError(
    "UnsupportedImageTypeException",
    `The image '${image.digest}' cannot be scanned: Gantry has no vulnerability scanner.`,
  );
}

/** Errors: ScanNotFoundException: nothing was scanned. */
function describeImageScanFindings(
  { store }: EcrDeps,
  input: sdk.DescribeImageScanFindingsRequest,
  context: RequestContext,
): sdk.DescribeImageScanFindingsResponse {
  const repository = findRepository(store, context, input.repositoryName);
  const image = oneImage(store, repository, input.imageId);
  throw new ApiError(
    "ScanNotFoundException",
    `Image scan does not exist for the image with '{imageDigest:'${image.digest}', ` +
      `imageTag:'${input.imageId?.imageTag ?? "null"}'}' in the repository with name ` +
      `'${repository.name}' in the registry with id '${repository.account}'`,
  );
}
