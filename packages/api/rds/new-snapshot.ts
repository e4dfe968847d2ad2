import type {
  DatabaseInstanceRecord,
  DatabaseSnapshotRecord,
  Reader,
  Tags,
  Transaction,
} from "@gantry/state";
import { contentOf, snapshotKeyOf } from "@gantry/state/transactions/automated-snapshots";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { snapshotArnOf } from "./lookups.ts";

/** Source: Amazon RDS User Guide, "Quotas in Amazon RDS": manual snapshots. */
const MANUAL_MAX = 100;

/** The identifier of a snapshot, in lower case. Errors: InvalidParameterValue. */
export function toSnapshotIdentifier(member: string, given = ""): string {
  const identifier = given.toLowerCase();
  if (/^[a-z](?:[a-z0-9]|-(?!-)){0,254}$/.test(identifier) && !identifier.endsWith("-")) return identifier;
  throw new ApiError(
    "InvalidParameterValue",
    `The parameter ${member} is not a valid identifier. Identifiers must begin with a letter; must contain only ` +
      "ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.",
  );
}

/**
 * The name of a new manual snapshot: its identifier and its ARN.
 * Errors: InvalidParameterValue, DBSnapshotAlreadyExists, SnapshotQuotaExceeded.
 */
export function newSnapshotName(
  reader: Reader,
  place: Place,
  member: string,
  given: string | undefined,
): { readonly identifier: string; readonly arn: string } {
  const identifier = toSnapshotIdentifier(member, given);
  const arn = snapshotArnOf(place, identifier);
  if (reader.countBy("databaseSnapshot", "arn", arn) > 0)
    throw new ApiError(
      "DBSnapshotAlreadyExists",
      `Cannot create the snapshot because a snapshot with the identifier ${identifier} already exists.`,
    );
  const { account, region } = place;
  const own = reader
    .list("databaseSnapshot")
    .filter((each) => each.type === "manual" && each.account === account && each.region === region);
  if (own.length >= MANUAL_MAX)
    throw new ApiError("SnapshotQuotaExceeded", "Cannot create more than 100 manual snapshots.");
  return { identifier, arn };
}

/**
 * Records that a snapshot of an instance is wanted; the node of the instance copies the files. It has the tags
 * that are given, or else those of the instance where that copies them.
 * Source: Amazon RDS User Guide, "Copying tags to DB instance snapshots".
 * Errors: as newSnapshotName, and InvalidDBInstanceState where the instance has no files yet.
 */
export function putSnapshot(
  tx: Transaction,
  deps: ApiDeps,
  instance: DatabaseInstanceRecord,
  request: { readonly member: string; readonly identifier: string | undefined; readonly tags: Tags },
): DatabaseSnapshotRecord {
  const name = newSnapshotName(tx, instance, request.member, request.identifier);
  if (instance.status === "creating" || instance.deleting)
    throw new ApiError(
      "InvalidDBInstanceState",
      `Cannot create a snapshot because the database instance ${instance.identifier} is not in available state.`,
    );
  const now = deps.clock.now();
  const { account, region, nodeId, storageEncrypted, kmsKeyArn } = instance;
  const inherited = instance.settings?.["CopyTagsToSnapshot"] === true ? instance.tags : {};
  const tags = Object.keys(request.tags).length > 0 ? request.tags : inherited;
  const snapshot: DatabaseSnapshotRecord = {
    ...{ ...name, account, region, nodeId, storageEncrypted, kmsKeyArn, ...contentOf(instance) },
    ...{ id: `snapshot-${deps.ids.hex(17)}`, type: "manual", source: instance.resourceId },
    instance: {
      ...{ arn: instance.arn, identifier: instance.identifier },
      ...{ resourceId: instance.resourceId, createdAt: instance.createdAt },
    },
    ...{ sharedWith: [], startedAt: now, originalAt: now, tags },
  };
  tx.put("databaseSnapshot", snapshotKeyOf(snapshot), snapshot);
  return snapshot;
}

/**
 * Records that the files of an instance are wanted which a read replica begins with. It has no name, and is removed
 * once the replica is available.
 */
export function putSeed(
  tx: Transaction,
  deps: ApiDeps,
  instance: DatabaseInstanceRecord,
): DatabaseSnapshotRecord {
  const { account, region, nodeId, storageEncrypted, kmsKeyArn, arn, identifier, resourceId } = instance;
  const id = `snapshot-${deps.ids.hex(17)}`;
  const now = deps.clock.now();
  const seed: DatabaseSnapshotRecord = {
    ...{ id, arn: id, identifier: id, account, region, nodeId, storageEncrypted, kmsKeyArn },
    ...{ ...contentOf(instance), type: "replica", source: resourceId },
    instance: { arn, identifier, resourceId, createdAt: instance.createdAt },
    ...{ sharedWith: [], startedAt: now, originalAt: now, tags: {} },
  };
  tx.put("databaseSnapshot", snapshotKeyOf(seed), seed);
  return seed;
}
