import type * as sdk from "@aws-sdk/client-rds";
import { formatArn } from "@gantry/kernel";
import type { DatabaseInstanceRecord, DatabaseSnapshotRecord, Reader } from "@gantry/state";
import { automatedSnapshotsOf, retentionDaysOf } from "@gantry/state/transactions/automated-snapshots";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import { optionGroupNameOf } from "./engine-versions.ts";
import { licenseOf } from "./engines.ts";
import { pageOfRecords } from "./page-of-records.ts";
import { backupWindowOf } from "./present-instance.ts";

/** Automated backups of instances. Source: API_DescribeDBInstanceAutomatedBackups. */
export function automatedBackupOperations(deps: ApiDeps) {
  return {
    DescribeDBInstanceAutomatedBackups: (input, context) => describeBackups(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** The automated backups of one instance: what it is or was, and the snapshots. */
interface Backups {
  readonly arn: string;
  readonly of: DatabaseInstanceRecord | DatabaseSnapshotRecord;
  readonly instance: DatabaseSnapshotRecord["instance"];
  readonly status: "creating" | "active" | "retained";
  readonly restorableAt: number | undefined;
}

/** Errors: DBInstanceAutomatedBackupNotFound, InvalidParameterValue. */
function describeBackups(
  { store }: ApiDeps,
  input: sdk.DescribeDBInstanceAutomatedBackupsMessage,
  context: RequestContext,
): sdk.DBInstanceAutomatedBackupMessage {
  const { DbiResourceId: resource, DBInstanceIdentifier: name, DBInstanceAutomatedBackupsArn: arn } = input;
  for (const { Name: filter } of input.Filters ?? [])
    if (filter === undefined || !Object.hasOwn(FILTERS, filter))
      throw new ApiError("InvalidParameterValue", `Unrecognized filter name: ${filter?.slice(0, 100)}`);
  const fitting = backupsIn(store, context)
    .filter((each) => resource === undefined || each.instance.resourceId === resource)
    .filter((each) => name === undefined || fits(each, "db-instance-id", [name]))
    .filter((each) => arn === undefined || each.arn === arn)
    .filter((each) =>
      (input.Filters ?? []).every(({ Name, Values }) => fits(each, Name ?? "", Values ?? [])),
    );
  const asked = resource ?? arn;
  if (asked !== undefined && fitting.length === 0)
    throw new ApiError(
      "DBInstanceAutomatedBackupNotFound",
      `DBInstanceAutomatedBackup ${asked.slice(0, 255)} not found.`,
    );
  const { items, Marker } = pageOfRecords(fitting, (each) => each.arn, input);
  return { DBInstanceAutomatedBackups: items.map(present), Marker };
}

/** Source: API_DescribeDBInstanceAutomatedBackups, Filters. */
const FILTERS: Readonly<Record<string, (backups: Backups) => readonly string[]>> = {
  status: ({ status }) => [status],
  "db-instance-id": ({ instance }) => [instance.identifier, instance.arn],
  "dbi-resource-id": ({ instance }) => [instance.resourceId],
};

function fits(backups: Backups, name: string, values: readonly string[]): boolean {
  const held = FILTERS[name]?.(backups) ?? [];
  return values.some((value) => held.includes(value) || held.includes(value.toLowerCase()));
}

function backupsIn(reader: Reader, place: Place): readonly Backups[] {
  const instances = reader.list("databaseInstance").filter((each) => isIn(each, place));
  const live = instances.filter((each) => retentionDaysOf(each) > 0 && !each.deleting);
  const known = new Set(live.map(({ resourceId }) => resourceId));
  const left = new Set(
    reader
      .list("databaseSnapshot")
      .filter(
        (each) => each.type === "automated" && isIn(each, place) && !known.has(each.instance.resourceId),
      )
      .map(({ instance }) => instance.resourceId),
  );
  return [
    ...live.map((each) => ofInstance(reader, each)),
    ...[...left].flatMap((resourceId) => {
      const of = automatedSnapshotsOf(reader, resourceId).at(-1);
      const arn = of && arnOf(of, resourceId);
      return of === undefined || arn === undefined
        ? []
        : [{ arn, of, instance: of.instance, status: "retained" as const, restorableAt: undefined }];
    }),
  ].toSorted((one, other) => (one.arn < other.arn ? -1 : 1));
}

function ofInstance(reader: Reader, of: DatabaseInstanceRecord): Backups {
  const { arn, identifier, resourceId, createdAt } = of;
  const isThere = automatedSnapshotsOf(reader, resourceId).some((each) => each.completedAt !== undefined);
  return {
    ...{ arn: arnOf(of, resourceId), of, instance: { arn, identifier, resourceId, createdAt } },
    ...{ status: isThere ? "active" : "creating", restorableAt: of.restorableAt },
  };
}

/** An instance's automated backups have one id, derived from its resource id. */
function arnOf(place: Place, resourceId: string): string {
  return formatArn("rds", place, `auto-backup:ab-${resourceId.slice("db-".length).toLowerCase()}`);
}

/** Source: API_DBInstanceAutomatedBackup. */
function present({ arn, of, instance, status, restorableAt }: Backups): sdk.DBInstanceAutomatedBackup {
  const latest = restorableAt === undefined ? undefined : new Date(restorableAt);
  const number = (name: string) => (typeof of.settings?.[name] === "number" ? of.settings[name] : undefined);
  return {
    ...{ DBInstanceArn: instance.arn, DbiResourceId: instance.resourceId, Region: of.region },
    ...{ DBInstanceIdentifier: instance.identifier, InstanceCreateTime: new Date(instance.createdAt) },
    // Restores are to the latest restorable time alone.
    RestoreWindow: latest && { EarliestTime: latest, LatestTime: latest },
    ...{ DBInstanceAutomatedBackupsArn: arn, Status: status, BackupTarget: "region" },
    ...{ AllocatedStorage: of.allocatedStorageGiB, Port: of.port, AvailabilityZone: of.availabilityZone },
    ...{
      VpcId: of.vpcId,
      MasterUsername: of.masterUsername,
      Engine: of.engine,
      EngineVersion: of.engineVersion,
    },
    ...{ LicenseModel: licenseOf(of.engine), OptionGroupName: optionGroupNameOf(of) },
    ...{ Encrypted: of.storageEncrypted, KmsKeyId: of.kmsKeyArn, Iops: number("Iops") },
    ...{
      StorageType: String(of.settings?.["StorageType"] ?? "gp2"),
      StorageThroughput: number("StorageThroughput"),
    },
    ...{ BackupRetentionPeriod: retentionDaysOf(of), PreferredBackupWindow: backupWindowOf(of) },
    ...{ IAMDatabaseAuthenticationEnabled: false, MultiTenant: false, DedicatedLogVolume: false },
    DBInstanceAutomatedBackupsReplications: [],
  };
}
