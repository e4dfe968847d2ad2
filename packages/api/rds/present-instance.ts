import type * as sdk from "@aws-sdk/client-rds";
import { formatArn } from "@gantry/kernel";
import type { DatabaseInstanceRecord, Reader } from "@gantry/state";
import { licenseOf } from "./engines.ts";
import { optionGroupNameOf, parameterGroupFamily, parameterGroupNameOf } from "./engine-versions.ts";
import { parameterGroupArnOf } from "./lookups.ts";
import { presentMasterSecret } from "./master-secret.ts";
import { presentZones } from "./multi-az.ts";
import { presentReplication } from "./replication.ts";
import { shownStatus } from "./storage-key.ts";
import { presentMonitoring } from "./monitoring.ts";
import { presentSubnetGroup } from "./subnet-groups.ts";
import { instanceTags } from "./system-tags.ts";

/** An instance as RDS describes it. Source: API_DBInstance. */
export function presentInstance(record: DatabaseInstanceRecord, reader: Reader): sdk.DBInstance {
  const group = reader.get(
    "databaseSubnetGroup",
    formatArn("rds", record, `subgrp:${record.subnetGroupName}`),
  );
  return {
    DBInstanceIdentifier: record.identifier,
    DBInstanceArn: record.arn,
    DbiResourceId: record.resourceId,
    DBInstanceClass: record.instanceClass,
    DBInstanceStatus: shownStatus(record, reader),
    Engine: record.engine,
    EngineVersion: record.engineVersion,
    MasterUsername: record.masterUsername,
    DBName: record.databaseName,
    Endpoint:
      record.status === "creating"
        ? undefined
        : { Address: record.endpointName, Port: record.port, HostedZoneId: "Z2R2ITUGPM61AM" },
    AllocatedStorage: record.allocatedStorageGiB,
    InstanceCreateTime: new Date(record.createdAt),
    BackupRetentionPeriod: 0,
    VpcSecurityGroups: record.securityGroups.map((VpcSecurityGroupId) => ({
      VpcSecurityGroupId,
      Status: "active",
    })),
    DBSecurityGroups: [],
    DBParameterGroups: [
      {
        DBParameterGroupName: parameterGroupNameOf(record),
        ParameterApplyStatus: applyStatus(record, reader),
      },
    ],
    OptionGroupMemberships: [{ OptionGroupName: optionGroupNameOf(record), Status: "in-sync" }],
    DBSubnetGroup: group === undefined ? undefined : presentSubnetGroup(group, reader),
    ...presentZones(record, reader),
    PubliclyAccessible: record.publiclyAccessible,
    StorageType: "gp2",
    StorageEncrypted: record.storageEncrypted,
    KmsKeyId: record.kmsKeyArn,
    MasterUserSecret: presentMasterSecret(record, reader),
    DeletionProtection: record.deletionProtection,
    CACertificateIdentifier: "rds-ca-rsa2048-g1",
    PreferredBackupWindow: backupWindowOf(record),
    PreferredMaintenanceWindow: "mon:04:00-mon:04:30",
    AutoMinorVersionUpgrade: true,
    CopyTagsToSnapshot: false,
    EnabledCloudwatchLogsExports: record.logExports === undefined ? undefined : [...record.logExports],
    ...presentMonitoring(record),
    IAMDatabaseAuthenticationEnabled: record.iamAuthentication === true,
    PerformanceInsightsEnabled: false,
    LicenseModel: licenseOf(record.engine),
    NetworkType: "IPV4",
    TagList: instanceTags(record),
    ...presentReplication(record, reader),
    LatestRestorableTime: record.restorableAt === undefined ? undefined : new Date(record.restorableAt),
    ...record.settings,
  };
}

/** When automated snapshots are taken, in UTC. */
export function backupWindowOf({ settings }: Pick<DatabaseInstanceRecord, "settings">): string {
  return String(settings?.["PreferredBackupWindow"] ?? "03:00-03:30");
}

/** Whether the server runs with its parameter group as that is now. */
function applyStatus(record: DatabaseInstanceRecord, reader: Reader): "in-sync" | "pending-reboot" {
  const name = parameterGroupNameOf(record);
  const running = record.parameters ?? {
    groupName: `default.${parameterGroupFamily(record.engine, record.engineVersion)}`,
    values: {},
  };
  if (running.groupName !== name) return "pending-reboot";
  const wanted = reader.get("databaseParameterGroup", parameterGroupArnOf(record, name))?.parameters ?? {};
  const names = new Set([...Object.keys(wanted), ...Object.keys(running.values)]);
  const differs = [...names].some((each) => (wanted[each]?.value ?? null) !== (running.values[each] ?? null));
  return differs ? "pending-reboot" : "in-sync";
}
