import { formatArn } from "@gantry/kernel";
import type {
  DatabaseInstanceRecord,
  DatabaseOptionGroupRecord,
  DatabaseParameterGroupRecord,
  DatabaseSnapshotRecord,
  DatabaseSubnetGroupRecord,
  DatabaseSubscriptionRecord,
  Reader,
} from "@gantry/state";
import { isParameterFamily } from "@gantry/state/database-parameters/catalog";
import { snapshotKeyOf } from "@gantry/state/transactions/automated-snapshots";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import { majorVersions } from "./engine-versions.ts";

/** The ARN that an instance's identifier, in any case, or its ARN stands for. */
export function instanceArnOf(place: Place, given: string | undefined): string {
  return arnOf(place, "db", given);
}

/** Errors: DBInstanceNotFound. */
export function findInstance(
  reader: Reader,
  place: Place,
  given: string | undefined,
): DatabaseInstanceRecord {
  const record = within(reader.get("databaseInstance", instanceArnOf(place, given)), place);
  if (record === undefined) throw new ApiError("DBInstanceNotFound", `DBInstance ${given} not found.`);
  return record;
}

/** The ARN that a subnet group's name, in any case, or its ARN stands for. */
export function subnetGroupArnOf(place: Place, given: string | undefined): string {
  return arnOf(place, "subgrp", given);
}

/** Errors: DBSubnetGroupNotFoundFault. */
export function findSubnetGroup(
  reader: Reader,
  place: Place,
  given: string | undefined,
): DatabaseSubnetGroupRecord {
  const record = within(reader.get("databaseSubnetGroup", subnetGroupArnOf(place, given)), place);
  if (record === undefined)
    throw new ApiError("DBSubnetGroupNotFoundFault", `DB subnet group '${given}' does not exist.`);
  return record;
}

/** The ARN that a parameter group's name, in any case, or its ARN stands for. */
export function parameterGroupArnOf(place: Place, given: string | undefined): string {
  return arnOf(place, "pg", given);
}

/** A group of the caller's, or a default one. Errors: DBParameterGroupNotFound. */
export function findParameterGroup(
  reader: Reader,
  place: Place,
  given: string | undefined,
): DatabaseParameterGroupRecord {
  const arn = parameterGroupArnOf(place, given);
  const record = within(reader.get("databaseParameterGroup", arn), place);
  if (record !== undefined) return record;
  const name = arn.slice(arn.lastIndexOf(":") + 1);
  const family = name.startsWith("default.") ? name.slice("default.".length) : undefined;
  if (isParameterFamily(family))
    return {
      ...{ account: place.account, region: place.region, arn, name, family },
      description: `Default parameter group for ${family}`,
      ...{ parameters: {}, tags: {} },
    };
  throw new ApiError("DBParameterGroupNotFound", `DBParameterGroup not found: ${given}`);
}

/** The ARN that an option group's name, in any case, or its ARN stands for. */
export function optionGroupArnOf(place: Place, given: string | undefined): string {
  return arnOf(place, "og", given);
}

/** A group of the caller's, or a default one. Errors: OptionGroupNotFoundFault. */
export function findOptionGroup(
  reader: Reader,
  place: Place,
  given: string | undefined,
): DatabaseOptionGroupRecord {
  const arn = optionGroupArnOf(place, given);
  const record = within(reader.get("databaseOptionGroup", arn), place);
  if (record !== undefined) return record;
  const [, name = "", engine = "", version = ""] = /:og:(default:([a-z]+)-(.*))$/.exec(arn) ?? [];
  const majorVersion = version.replace("-", ".");
  if (majorVersions(engine).includes(majorVersion))
    return {
      ...{ account: place.account, region: place.region, arn, name, engine, majorVersion },
      description: `Default option group for ${engine} ${majorVersion}`,
      ...{ options: {}, tags: {} },
    };
  throw new ApiError("OptionGroupNotFoundFault", `Specified OptionGroupName: ${given} not found.`);
}

/** The ARN of a snapshot that is given by its name, whose case does not matter, or by its ARN. */
export function snapshotArnOf(place: Place, given: string | undefined): string {
  return arnOf(place, "snapshot", given);
}

/** A snapshot of the caller's. Errors: DBSnapshotNotFound. */
export function findSnapshot(
  reader: Reader,
  place: Place,
  given: string | undefined,
): DatabaseSnapshotRecord {
  const [record] = reader.listBy("databaseSnapshot", "arn", snapshotArnOf(place, given));
  if (record === undefined || within(record, place) === undefined) throw noSnapshot(given);
  return record;
}

export function noSnapshot(given: string | undefined): ApiError {
  return new ApiError("DBSnapshotNotFound", `DBSnapshot not found: ${given}`);
}

/** The ARN that an event subscription's name, in any case, or its ARN stands for. */
export function subscriptionArnOf(place: Place, given: string | undefined): string {
  return arnOf(place, "es", given);
}

/** Errors: SubscriptionNotFound. */
export function findSubscription(
  reader: Reader,
  place: Place,
  given: string | undefined,
): DatabaseSubscriptionRecord {
  const record = within(reader.get("databaseSubscription", subscriptionArnOf(place, given)), place);
  if (record === undefined) throw new ApiError("SubscriptionNotFound", `Subscription ${given} not found.`);
  return record;
}

/** A resource that can be tagged, by its ARN. */
export function taggedOf(reader: Reader, place: Place, arn: string | undefined) {
  if (arn === undefined) return undefined;
  const instance = within(reader.get("databaseInstance", arn), place);
  if (instance !== undefined) return { kind: "databaseInstance" as const, record: instance, key: arn };
  const snapshot = within(reader.listBy("databaseSnapshot", "arn", arn)[0], place);
  if (snapshot !== undefined && snapshot.type !== "replica")
    return { kind: "databaseSnapshot" as const, record: snapshot, key: snapshotKeyOf(snapshot) };
  const parameters = within(reader.get("databaseParameterGroup", arn), place);
  if (parameters !== undefined)
    return { kind: "databaseParameterGroup" as const, record: parameters, key: arn };
  const options = within(reader.get("databaseOptionGroup", arn), place);
  if (options !== undefined) return { kind: "databaseOptionGroup" as const, record: options, key: arn };
  const subscription = within(reader.get("databaseSubscription", arn), place);
  if (subscription !== undefined)
    return { kind: "databaseSubscription" as const, record: subscription, key: arn };
  const group = within(reader.get("databaseSubnetGroup", arn), place);
  return group && { kind: "databaseSubnetGroup" as const, record: group, key: arn };
}

/** RDS keeps identifiers in lower case, however they are given. Source: API_CreateDBInstance, DBInstanceIdentifier. */
function arnOf(place: Place, type: "db" | "subgrp" | "pg" | "og" | "snapshot" | "es", given = ""): string {
  const prefix = formatArn("rds", place, `${type}:`);
  const name = given.startsWith(prefix) ? given.slice(prefix.length) : given;
  return `${prefix}${name.toLowerCase()}`;
}
