import type * as sdk from "@aws-sdk/client-rds";
import type {
  DatabaseInstanceRecord,
  DatabaseStandbyRecord,
  DatabaseSubnetGroupRecord,
  Reader,
} from "@gantry/state";
import { canTakeOver, needsStandby, standbyOf, standbySubnet } from "@gantry/state/transactions/standbys";
import { ApiError } from "./api-error.ts";

/** What an instance records of its availability zones. */
type Zones = Pick<DatabaseInstanceRecord, "multiAz" | "conversion">;

/** Whether a new instance is Multi-AZ. Its standby is created once it is available. */
export function firstZones(
  { engine, isReplica }: { readonly engine: DatabaseInstanceRecord["engine"]; readonly isReplica: boolean },
  { MultiAZ: multiAz = false }: { MultiAZ?: boolean | undefined },
): Zones {
  return {
    multiAz,
    ...(multiAz && engine === "postgres" && !isReplica ? { conversion: "pending" } : {}),
  };
}

/** Errors: InvalidParameterCombination, DBSubnetGroupDoesNotCoverEnoughAZs. */
export function checkZones(
  reader: Reader,
  { group, zone }: { readonly group: DatabaseSubnetGroupRecord; readonly zone: string },
  input: { MultiAZ?: boolean | undefined; AvailabilityZone?: string | undefined },
): void {
  if (input.MultiAZ !== true) return;
  if (input.AvailabilityZone !== undefined)
    throw new ApiError(
      "InvalidParameterCombination",
      "Requesting a specific availability zone is not valid for Multi-AZ instances.",
    );
  if (!group.subnetIds.some((id) => (reader.get("subnet", id)?.availabilityZone ?? zone) !== zone))
    throw notEnoughZones();
}

function notEnoughZones(): ApiError {
  return new ApiError(
    "DBSubnetGroupDoesNotCoverEnoughAZs",
    "DB Subnet Group doesn't meet availability zone coverage requirement. Please add subnets to cover at least 2 " +
      "availability zones. Current coverage: 1",
  );
}

/**
 * What a conversion to Multi-AZ or Single-AZ changes. The standby is made and removed afterwards.
 * Errors: DBSubnetGroupDoesNotCoverEnoughAZs.
 */
export function changedZones(
  reader: Reader,
  found: DatabaseInstanceRecord,
  { MultiAZ: multiAz = found.multiAz }: { MultiAZ?: boolean | undefined },
): Zones {
  const { conversion } = found;
  if (multiAz === found.multiAz) return { multiAz, ...(conversion === undefined ? {} : { conversion }) };
  if (!multiAz) return { multiAz, conversion: undefined };
  if (standbySubnet(reader, found) === undefined) throw notEnoughZones();
  return { multiAz, ...(needsStandby({ ...found, multiAz }) ? { conversion: "pending" } : {}) };
}

/**
 * The standby that a forced failover makes the primary.
 * Errors: InvalidParameterCombination, InvalidDBInstanceState where it does not have all that the primary has.
 */
export function failoverTarget(reader: Reader, found: DatabaseInstanceRecord): DatabaseStandbyRecord {
  if (!found.multiAz)
    throw new ApiError(
      "InvalidParameterCombination",
      "You can't enable force failover if the instance isn't configured for Multi-AZ.",
    );
  if (!needsStandby(found))
    throw new ApiError(
      "InvalidParameterCombination",
      `Gantry runs no standby of ${found.replicaOf === undefined ? found.engine : "a read replica"}: ` +
        "ForceFailover can't be used.",
    );
  const standby = standbyOf(reader, found);
  if (!canTakeOver(standby))
    throw new ApiError(
      "InvalidDBInstanceState",
      `The standby of the DB instance ${found.identifier} is not synchronized with its primary yet.`,
    );
  return standby;
}

/** What an instance shows of its availability zones. Source: API_DBInstance. */
export function presentZones(
  record: DatabaseInstanceRecord,
  reader: Reader,
): Pick<sdk.DBInstance, "AvailabilityZone" | "MultiAZ" | "SecondaryAvailabilityZone"> {
  const standby = standbyOf(reader, record);
  return {
    AvailabilityZone: record.availabilityZone,
    MultiAZ: record.multiAz,
    ...(standby?.state === "synchronous" ? { SecondaryAvailabilityZone: standby.availabilityZone } : {}),
  };
}
