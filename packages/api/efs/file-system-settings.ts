import type * as sdk from "@aws-sdk/client-efs";
import { checkPolicyDocument, MalformedPolicyError } from "@gantry/iam";
import type { FileSystemRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { presentBound, resolvePrincipals } from "../iam/policy-principals.ts";
import { ApiError } from "./api-error.ts";
import { presentFileSystem } from "./file-systems.ts";
import { findFileSystem } from "./lookups.ts";
import { throughputOf } from "./throughput.ts";

const POLICY_MAX = 20_000;

/**
 * What may change of a file system: throughput, protection, lifecycle, backup, and its policy.
 * Source: API_UpdateFileSystem and following.
 */
export function fileSystemSettingOperations(deps: ApiDeps) {
  return {
    UpdateFileSystem: (input, context) => updateFileSystem(deps, input, context),
    UpdateFileSystemProtection: (input, context) => updateProtection(deps, input, context),
    DescribeLifecycleConfiguration: (input, context) => ({
      LifecyclePolicies: policiesOf(findFileSystem(deps.store, context, input.FileSystemId)),
    }),
    PutLifecycleConfiguration: (input, context) => putLifecycle(deps, input, context),
    DescribeReplicationConfigurations: (input, context) => describeReplications(deps, input, context),
    DescribeBackupPolicy: (input, context) => describeBackup(deps, input, context),
    PutBackupPolicy: (input, context) => putBackup(deps, input, context),
    DescribeFileSystemPolicy: (input, context) => describePolicy(deps, input, context),
    PutFileSystemPolicy: (input, context) => putPolicy(deps, input, context),
    DeleteFileSystemPolicy: (input, context) => deletePolicy(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: FileSystemNotFound, and those of `apply`. */
function change(
  { store }: ApiDeps,
  context: RequestContext,
  id: string | undefined,
  apply: (record: FileSystemRecord) => FileSystemRecord,
): FileSystemRecord {
  return store.transact((tx) => {
    const record = apply(findFileSystem(tx, context, id));
    tx.put("fileSystem", record.id, record);
    return record;
  });
}

function updateFileSystem(
  deps: ApiDeps,
  input: sdk.UpdateFileSystemRequest,
  context: RequestContext,
): sdk.FileSystemDescription {
  const record = change(deps, context, input.FileSystemId, (each) => {
    const mode = input.ThroughputMode ?? each.throughputMode;
    const kept = mode === "provisioned" ? each.provisionedMibps : undefined;
    return { ...each, ...throughputOf(mode, input.ProvisionedThroughputInMibps ?? kept) };
  });
  return presentFileSystem(record, deps.store);
}

function updateProtection(
  deps: ApiDeps,
  input: sdk.UpdateFileSystemProtectionRequest,
  context: RequestContext,
): sdk.FileSystemProtectionDescription {
  const status = input.ReplicationOverwriteProtection ?? "ENABLED";
  if (status !== "ENABLED" && status !== "DISABLED")
    throw new ApiError("BadRequest", "ReplicationOverwriteProtection is ENABLED or DISABLED.");
  change(deps, context, input.FileSystemId, (each) => ({ ...each, overwriteProtection: status }));
  return { ReplicationOverwriteProtection: status };
}

function policiesOf({ lifecycle }: FileSystemRecord): sdk.LifecyclePolicy[] {
  return lifecycle === undefined ? [] : (JSON.parse(lifecycle) as sdk.LifecyclePolicy[]); // Written by putLifecycle.
}

/** Errors: BadRequest for a policy that has no transition, or several. */
function putLifecycle(
  deps: ApiDeps,
  input: sdk.PutLifecycleConfigurationRequest,
  context: RequestContext,
): sdk.LifecycleConfigurationDescription {
  const policies = (input.LifecyclePolicies ?? []).map(
    ({ TransitionToIA, TransitionToPrimaryStorageClass, TransitionToArchive }) => ({
      TransitionToIA,
      TransitionToPrimaryStorageClass,
      TransitionToArchive,
    }),
  );
  for (const policy of policies)
    if (Object.values(policy).filter((each) => each !== undefined).length !== 1)
      throw new ApiError("BadRequest", "One or more LifecyclePolicy objects specified are malformed.");
  const record = change(deps, context, input.FileSystemId, (each) => ({
    ...each,
    lifecycle: JSON.stringify(policies),
  }));
  return { LifecyclePolicies: policiesOf(record) };
}

/** Errors: PolicyNotFound where none was ever put. */
/** No file system is replicated. Errors: FileSystemNotFound, ReplicationNotFound. */
function describeReplications(
  { store }: ApiDeps,
  input: sdk.DescribeReplicationConfigurationsRequest,
  context: RequestContext,
): sdk.DescribeReplicationConfigurationsResponse {
  if (input.FileSystemId === undefined) return { Replications: [] };
  const { id } = findFileSystem(store, context, input.FileSystemId);
  throw new ApiError("ReplicationNotFound", `Replication not found for file system ${id}.`, { status: 404 });
}

function describeBackup(
  { store }: ApiDeps,
  input: sdk.DescribeBackupPolicyRequest,
  context: RequestContext,
): sdk.BackupPolicyDescription {
  return {
    BackupPolicy: { Status: findFileSystem(store, context, input.FileSystemId).backup ?? "DISABLED" },
  };
}

function putBackup(
  deps: ApiDeps,
  input: sdk.PutBackupPolicyRequest,
  context: RequestContext,
): sdk.BackupPolicyDescription {
  const status = input.BackupPolicy?.Status;
  if (status !== "ENABLED" && status !== "DISABLED")
    throw new ApiError("BadRequest", "The status of a backup policy is ENABLED or DISABLED.");
  change(deps, context, input.FileSystemId, (each) => ({ ...each, backup: status }));
  return { BackupPolicy: { Status: status } };
}

/** Errors: PolicyNotFound. */
function describePolicy(
  { store }: ApiDeps,
  input: sdk.DescribeFileSystemPolicyRequest,
  context: RequestContext,
): sdk.FileSystemPolicyDescription {
  const { id, policy, policyPrincipals } = findFileSystem(store, context, input.FileSystemId);
  if (policy === undefined) throw new ApiError("PolicyNotFound", `File system policy for ${id} not found.`);
  return { FileSystemId: id, Policy: presentBound(store, policy, policyPrincipals) };
}

/** Errors: InvalidPolicyException. */
function putPolicy(
  deps: ApiDeps,
  input: sdk.PutFileSystemPolicyRequest,
  context: RequestContext,
): sdk.FileSystemPolicyDescription {
  const policy = input.Policy ?? "";
  const invalid = (message: string): ApiError => new ApiError("InvalidPolicyException", message);
  if (policy.length > POLICY_MAX) throw invalid("The policy is longer than 20,000 characters.");
  try {
    const { ids: policyPrincipals, missing } = resolvePrincipals(
      deps.store,
      checkPolicyDocument(policy, "bucket"),
    );
    if (missing !== undefined) throw invalid("Policy contains invalid Principal block.");
    const { id } = change(deps, context, input.FileSystemId, (each) => ({
      ...each,
      policy,
      policyPrincipals,
    }));
    return { FileSystemId: id, Policy: policy };
  } catch (thrown) {
    if (thrown instanceof MalformedPolicyError) throw invalid(thrown.message);
    throw thrown;
  }
}

function deletePolicy(
  deps: ApiDeps,
  input: sdk.DeleteFileSystemPolicyRequest,
  context: RequestContext,
): object {
  change(deps, context, input.FileSystemId, ({ policy: _policy, policyPrincipals: _ids, ...rest }) => rest);
  return {};
}
