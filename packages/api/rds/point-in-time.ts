import type * as sdk from "@aws-sdk/client-rds";
import { hostOf, type DatabaseInstanceRecord, type Reader } from "@gantry/state";
import { retentionDaysOf } from "@gantry/state/transactions/automated-snapshots";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ensureLinkedRole } from "../common/service-linked-roles.ts";
import { ApiError } from "./api-error.ts";
import { createInstance } from "./instances.ts";
import { findInstance } from "./lookups.ts";
import { chosenSecret, createSecretOf } from "./master-secret.ts";
import { putSeed } from "./new-snapshot.ts";
import { presentInstance } from "./present-instance.ts";
import { checkReadable, storageKey } from "./storage-key.ts";

/** New instances with what another one holds. Source: API_RestoreDBInstanceToPointInTime. */
export function pointInTimeOperations(deps: ApiDeps) {
  return {
    RestoreDBInstanceToPointInTime: (input, context) => restore(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/**
 * Restores to the latest restorable time, which is that of the call: the node copies the files of the source then.
 * Errors: DBInstanceNotFound, InvalidParameterCombination, PointInTimeRestoreNotEnabled, InvalidDBInstanceState,
 * KMSKeyNotAccessibleFault, and those of CreateDBInstance.
 */
function restore(
  deps: ApiDeps,
  input: sdk.RestoreDBInstanceToPointInTimeMessage,
  context: RequestContext,
): sdk.RestoreDBInstanceToPointInTimeResult {
  const { store } = deps;
  if (input.UseLatestRestorableTime !== true)
    throw new ApiError(
      "InvalidParameterCombination",
      "UseLatestRestorableTime must be true: Gantry restores to the latest restorable time alone.",
    );
  ensureLinkedRole(deps, context, "rds.amazonaws.com");
  const named = findSource(store, context, input);
  checkReadable(store, named);
  if (input.Engine !== undefined && input.Engine !== named.engine)
    throw new ApiError(
      "InvalidParameterCombination",
      `The instance has the engine ${named.engine} and can't be restored to ${input.Engine.slice(0, 100)}.`,
    );
  const secret = chosenSecret(deps, input, context);
  // The caller may use the key.
  const kmsKeyArn = named.kmsKeyArn && storageKey(deps, named.kmsKeyArn, context);
  const record = store.transact((tx) => {
    const source = findSource(tx, context, input);
    if (retentionDaysOf(source) === 0)
      throw new ApiError(
        "PointInTimeRestoreNotEnabled",
        `Automated backups are not enabled for the DB instance ${source.identifier}.`,
      );
    if (source.status !== "available" && source.status !== "stopped")
      throw new ApiError(
        "InvalidDBInstanceState",
        `Instance ${source.identifier} is not in available state.`,
      );
    const { storageEncrypted } = source;
    const created = createInstance(tx, deps, context, {
      ...{ input: withSource(deps, input, source), secret, encryption: { storageEncrypted, kmsKeyArn } },
      ...{ nodeId: hostOf(tx, source), restoredFrom: putSeed(tx, deps, source).id },
    });
    createSecretOf(tx, deps, created, secret);
    return created;
  });
  return { DBInstance: presentInstance(record, store) };
}

/** The instance that is named, by its identifier or its resource id. Errors: as restore. */
function findSource(
  reader: Reader,
  place: Place,
  input: sdk.RestoreDBInstanceToPointInTimeMessage,
): DatabaseInstanceRecord {
  const { SourceDBInstanceIdentifier: name, SourceDbiResourceId: resourceId } = input;
  if ((name === undefined) === (resourceId === undefined))
    throw new ApiError(
      "InvalidParameterCombination",
      "Either SourceDBInstanceIdentifier or SourceDbiResourceId must be specified.",
    );
  if (name !== undefined) return findInstance(reader, place, name);
  const found = reader
    .list("databaseInstance")
    .find((each) => each.resourceId === resourceId && each.account === place.account);
  if (found === undefined || found.region !== place.region)
    throw new ApiError("DBInstanceNotFound", `DBInstance ${resourceId?.slice(0, 100)} not found.`);
  return found;
}

/** The settings of the new instance: the request's, and the source's where the request has none. */
function withSource(
  { vault }: ApiDeps,
  input: sdk.RestoreDBInstanceToPointInTimeMessage,
  source: DatabaseInstanceRecord,
): sdk.CreateDBInstanceMessage {
  const {
    SourceDBInstanceIdentifier: _,
    SourceDbiResourceId: __,
    UseLatestRestorableTime: ___,
    ...given
  } = input;
  const { optionGroupName: OptionGroupName } = source;
  return {
    ...{ ...source.settings, DBInstanceClass: source.instanceClass, Port: source.port },
    ...{ AllocatedStorage: source.allocatedStorageGiB, DBSubnetGroupName: source.subnetGroupName },
    ...(OptionGroupName === undefined ? {} : { OptionGroupName }),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    ...{ DBInstanceIdentifier: input.TargetDBInstanceIdentifier, Engine: source.engine },
    ...{ EngineVersion: source.engineVersion, DBName: source.databaseName },
    ...{ MasterUsername: source.masterUsername, MasterUserPassword: vault.open(source.sealedPassword) },
  };
}
