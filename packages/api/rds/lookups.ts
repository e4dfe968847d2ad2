import { formatArn } from "@gantry/kernel";
import type { DatabaseInstanceRecord, DatabaseSubnetGroupRecord, Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";

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

/** A resource that can be tagged, by its ARN. */
export function taggedOf(reader: Reader, place: Place, arn: string | undefined) {
  if (arn === undefined) return undefined;
  const instance = within(reader.get("databaseInstance", arn), place);
  if (instance !== undefined) return { kind: "databaseInstance" as const, record: instance };
  const group = within(reader.get("databaseSubnetGroup", arn), place);
  return group && { kind: "databaseSubnetGroup" as const, record: group };
}

/** RDS keeps identifiers in lower case, however they are given. Source: API_CreateDBInstance, DBInstanceIdentifier. */
function arnOf(place: Place, type: "db" | "subgrp", given = ""): string {
  const prefix = formatArn("rds", place, `${type}:`);
  const name = given.startsWith(prefix) ? given.slice(prefix.length) : given;
  return `${prefix}${name.toLowerCase()}`;
}
