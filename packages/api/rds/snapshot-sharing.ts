import type * as sdk from "@aws-sdk/client-rds";
import type { DatabaseSnapshotRecord, Reader } from "@gantry/state";
import { snapshotKeyOf } from "@gantry/state/transactions/automated-snapshots";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import { findSnapshot, noSnapshot, snapshotArnOf } from "./lookups.ts";

/** Source: Amazon RDS User Guide, "Sharing a DB snapshot". */
const ACCOUNTS_MAX = 20;

/** The accounts that may restore and copy a snapshot. Source: API_ModifyDBSnapshotAttribute. */
export function snapshotSharingOperations(deps: ApiDeps) {
  return {
    ModifyDBSnapshotAttribute: (input, context) => modifyDBSnapshotAttribute(deps, input, context),
    DescribeDBSnapshotAttributes: (input, context) => ({
      DBSnapshotAttributesResult: presentAttributes(
        findSnapshot(deps.store, context, input.DBSnapshotIdentifier),
      ),
    }),
  } satisfies Implementation<typeof sdk>;
}

/** Whether an account that is not the owner may restore and copy a snapshot. */
export function isSharedWith({ sharedWith }: DatabaseSnapshotRecord, account: string): boolean {
  return sharedWith.includes(account) || sharedWith.includes("all");
}

/**
 * A snapshot of the caller's, or by its ARN one that another account of the region shares with the caller.
 * Errors: DBSnapshotNotFound, whether or not another account has it.
 */
export function findSharedSnapshot(
  reader: Reader,
  place: Place,
  given: string | undefined,
): DatabaseSnapshotRecord {
  const own = snapshotArnOf(place, given);
  const [record] = [own, given ?? ""].flatMap((arn) => reader.listBy("databaseSnapshot", "arn", arn));
  if (record === undefined || record.type === "replica" || record.region !== place.region)
    throw noSnapshot(given);
  if (!isIn(record, place) && !isSharedWith(record, place.account)) throw noSnapshot(given);
  return record;
}

function modifyDBSnapshotAttribute(
  { store }: ApiDeps,
  input: sdk.ModifyDBSnapshotAttributeMessage,
  context: RequestContext,
): sdk.ModifyDBSnapshotAttributeResult {
  const { AttributeName: name, ValuesToAdd: added = [], ValuesToRemove: removed = [] } = input;
  if (name !== "restore")
    throw new ApiError("InvalidParameterValue", `Invalid attribute name: ${name?.slice(0, 100)}`);
  for (const value of [...added, ...removed])
    if (value !== "all" && !/^\d{12}$/.test(value))
      throw new ApiError("InvalidParameterValue", `Invalid account: ${value.slice(0, 100)}`);
  const record = store.transact((tx) => {
    const snapshot = findSnapshot(tx, context, input.DBSnapshotIdentifier);
    const sharedWith = [...new Set([...snapshot.sharedWith, ...added])].filter(
      (each) => !removed.includes(each),
    );
    checkSharing(tx, snapshot, sharedWith);
    const next = { ...snapshot, sharedWith };
    tx.put("databaseSnapshot", snapshotKeyOf(next), next);
    return next;
  });
  return { DBSnapshotAttributesResult: presentAttributes(record) };
}

/** Errors: InvalidDBSnapshotState, SharedSnapshotQuotaExceeded. */
function checkSharing(reader: Reader, snapshot: DatabaseSnapshotRecord, sharedWith: readonly string[]): void {
  if (sharedWith.length === 0) return;
  const invalid = (message: string) => new ApiError("InvalidDBSnapshotState", message);
  if (snapshot.type === "automated") throw invalid("Only manual snapshots may be shared.");
  if (snapshot.storageEncrypted && reader.get("kmsKey", snapshot.kmsKeyArn)?.manager !== "CUSTOMER")
    throw invalid("A snapshot that is encrypted with the default key of RDS can't be shared.");
  if (snapshot.storageEncrypted && sharedWith.includes("all"))
    throw invalid("An encrypted snapshot can't be shared with everyone.");
  if (sharedWith.length > ACCOUNTS_MAX)
    throw new ApiError(
      "SharedSnapshotQuotaExceeded",
      "A snapshot can't be shared with more than 20 accounts.",
    );
}

function presentAttributes({
  identifier,
  sharedWith,
}: DatabaseSnapshotRecord): sdk.DBSnapshotAttributesResult {
  return {
    DBSnapshotIdentifier: identifier,
    DBSnapshotAttributes: [{ AttributeName: "restore", AttributeValues: [...sharedWith] }],
  };
}
