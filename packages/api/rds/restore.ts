import type * as sdk from "@aws-sdk/client-rds";
import { hostOf, type DatabaseSnapshotRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ensureLinkedRole } from "../common/service-linked-roles.ts";
import { ApiError } from "./api-error.ts";
import { createInstance } from "./instances.ts";
import { optionGroupArnOf } from "./lookups.ts";
import { chosenSecret, createSecretOf } from "./master-secret.ts";
import { presentInstance } from "./present-instance.ts";
import { findSharedSnapshot } from "./snapshot-sharing.ts";
import { checkAvailable } from "./snapshots.ts";
import { checkReadable, storageKey } from "./storage-key.ts";

/** New instances with the files of snapshots. Source: API_RestoreDBInstanceFromDBSnapshot. */
export function restoreOperations(deps: ApiDeps) {
  return {
    RestoreDBInstanceFromDBSnapshot: (input, context) => restore(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/**
 * The new instance is on the node of the snapshot, which copies the files before the server starts.
 * Errors: DBSnapshotNotFound, InvalidDBSnapshotState, KMSKeyNotAccessibleFault, and those of CreateDBInstance.
 */
function restore(
  deps: ApiDeps,
  input: sdk.RestoreDBInstanceFromDBSnapshotMessage,
  context: RequestContext,
): sdk.RestoreDBInstanceFromDBSnapshotResult {
  const { store } = deps;
  ensureLinkedRole(deps, context, "rds.amazonaws.com");
  const snapshot = findSharedSnapshot(store, context, input.DBSnapshotIdentifier);
  checkAvailable(snapshot);
  checkReadable(store, snapshot);
  if (input.Engine !== undefined && input.Engine !== snapshot.engine)
    throw new ApiError(
      "InvalidParameterCombination",
      `The snapshot has the engine ${snapshot.engine} and can't be restored to ${input.Engine.slice(0, 100)}.`,
    );
  const secret = chosenSecret(deps, input, context);
  const { storageEncrypted } = snapshot;
  // The caller may use the key. Storage whose key is not recorded had none.
  const kmsKeyArn = snapshot.kmsKeyArn && storageKey(deps, snapshot.kmsKeyArn, context);
  const record = store.transact((tx) => {
    const created = createInstance(tx, deps, context, {
      ...{
        input: withContent(deps, input, { snapshot, place: context }),
        secret,
        encryption: { storageEncrypted, kmsKeyArn },
      },
      ...{ nodeId: hostOf(tx, snapshot), restoredFrom: snapshot.id },
    });
    createSecretOf(tx, deps, created, secret);
    return created;
  });
  return { DBInstance: presentInstance(record, store) };
}

/** The settings of the new instance: the request's, and the snapshot's where the request has none. */
function withContent(
  { vault, store }: ApiDeps,
  input: sdk.RestoreDBInstanceFromDBSnapshotMessage,
  { snapshot, place }: { readonly snapshot: DatabaseSnapshotRecord; readonly place: Place },
): sdk.CreateDBInstanceMessage {
  const { DBSnapshotIdentifier: _, ...given } = input;
  const { optionGroupName: OptionGroupName } = snapshot;
  const isThere = store.get("databaseOptionGroup", optionGroupArnOf(place, OptionGroupName)) !== undefined;
  const optionGroup = isThere ? { OptionGroupName } : {};
  return {
    ...snapshot.settings,
    DBInstanceClass: snapshot.instanceClass,
    AllocatedStorage: snapshot.allocatedStorageGiB,
    Port: snapshot.port,
    ...optionGroup,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    DBInstanceIdentifier: input.DBInstanceIdentifier,
    Engine: snapshot.engine,
    EngineVersion: snapshot.engineVersion,
    DBName: snapshot.databaseName,
    MasterUsername: snapshot.masterUsername,
    MasterUserPassword: vault.open(snapshot.sealedPassword),
  };
}
