import type * as sdk from "@aws-sdk/client-rds";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

/** Settings that an instance returns as they were given and that have no effect. */
export const RECORDED_SETTINGS = [
  "StorageType",
  "Iops",
  "StorageThroughput",
  "MaxAllocatedStorage",
  "BackupRetentionPeriod",
  "PreferredBackupWindow",
  "PreferredMaintenanceWindow",
  "AutoMinorVersionUpgrade",
  "CopyTagsToSnapshot",
  "CACertificateIdentifier",
  "PromotionTier",
  "EngineLifecycleSupport",
] as const;

const STORAGE = "storage is that of the node";
const MAINTENANCE = "the version changes with the image";
const TIER = "there are no clusters";
const ZONE = "acts on PostgreSQL; one server of MySQL, MariaDB and of a read replica runs in one zone";
const SETTINGS = {
  DBInstanceClass: "the server takes the resources of the node",
  AllocatedStorage: STORAGE,
  StorageType: STORAGE,
  Iops: STORAGE,
  StorageThroughput: STORAGE,
  MaxAllocatedStorage: STORAGE,
  PreferredMaintenanceWindow: MAINTENANCE,
  AutoMinorVersionUpgrade: MAINTENANCE,
  EngineLifecycleSupport: MAINTENANCE,
  CACertificateIdentifier: "certificates are of the platform's authority",
  PromotionTier: TIER,
  MultiAZ: ZONE,
  PubliclyAccessible: "the server has an address of its subnet alone",
  LicenseModel: "each engine has one licence",
  NetworkType: "addresses are IPv4",
};

const { PreferredMaintenanceWindow: _, PromotionTier: __, MaxAllocatedStorage: ___, ...RESTORED } = SETTINGS;

const {
  EngineLifecycleSupport: ____,
  LicenseModel: _____,
  PreferredMaintenanceWindow: ______,
  PromotionTier: _______,
  ...REPLICA_SETTINGS
} = SETTINGS;
const DESCRIBED = "describes the parameter, as DescribeDBParameters does";
const PARAMETER = {
  "Parameters.Description": DESCRIBED,
  "Parameters.Source": DESCRIBED,
  "Parameters.ApplyType": DESCRIBED,
  "Parameters.DataType": DESCRIBED,
  "Parameters.AllowedValues": DESCRIBED,
  "Parameters.IsModifiable": DESCRIBED,
  "Parameters.MinimumEngineVersion": DESCRIBED,
  "Parameters.SupportedEngineModes": DESCRIBED,
};

const SETTING = "describes the setting, as DescribeOptionGroups does";
const NO_CLUSTERS = "there are no clusters";

export const RECORDED: RecordedMembers<typeof sdk> = {
  CreateDBInstance: { ...SETTINGS, StorageEncrypted: STORAGE },
  ModifyDBInstance: {
    ...SETTINGS,
    ApplyImmediately: "every change is applied at once",
    AllowMajorVersionUpgrade: MAINTENANCE,
    CertificateRotationRestart: "certificates are renewed while the server runs",
  },
  RestoreDBInstanceFromDBSnapshot: RESTORED,
  CreateDBInstanceReadReplica: { ...REPLICA_SETTINGS, UpgradeStorageConfig: STORAGE },
  RestoreDBInstanceToPointInTime: { ...RESTORED, MaxAllocatedStorage: STORAGE },
  CopyDBSnapshot: { CopyOptionGroup: "the options have no effect" },
  ModifyDBParameterGroup: PARAMETER,
  ModifyOptionGroup: {
    "OptionsToInclude.OptionSettings.DefaultValue": SETTING,
    "OptionsToInclude.OptionSettings.Description": SETTING,
    "OptionsToInclude.OptionSettings.ApplyType": SETTING,
    "OptionsToInclude.OptionSettings.DataType": SETTING,
    "OptionsToInclude.OptionSettings.AllowedValues": SETTING,
    "OptionsToInclude.OptionSettings.IsModifiable": SETTING,
    "OptionsToInclude.OptionSettings.IsCollection": SETTING,
    ApplyImmediately: "every change is recorded at once",
  },
  DescribeDBClusters: {
    Filters: NO_CLUSTERS,
    MaxRecords: NO_CLUSTERS,
    Marker: NO_CLUSTERS,
    IncludeShared: NO_CLUSTERS,
  },
  ResetDBParameterGroup: { ...PARAMETER, "Parameters.ParameterValue": "the parameter gets its default" },
  DescribeDBEngineVersions: {
    ListSupportedCharacterSets: "character sets are not listed",
    ListSupportedTimezones: "time zones are not listed",
    IncludeAll: "there are no unavailable versions",
  },
};

/** Of everything that makes an instance, or modifies one. */
const REFUSED_OF_ALL = [
  "AdditionalStorageVolumes",
  "DBCapacityReservationIdentifier",
  "DedicatedLogVolume",
  "Domain",
  "DomainAuthSecretArn",
  "DomainDnsIps",
  "DomainFqdn",
  "DomainIAMRoleName",
  "DomainOu",
  "EnableCustomerOwnedIp",
  "ProcessorFeatures",
  "TagSpecifications",
] as const;

const REFUSED_OF_BOTH = [
  ...REFUSED_OF_ALL,
  "DBSecurityGroups",
  ["DatabaseInsightsMode", "standard"],
  "EnablePerformanceInsights",
  ["MasterUserAuthenticationType", "password"],
  "MultiTenant",
  "PerformanceInsightsKMSKeyId",
  "PerformanceInsightsRetentionPeriod",
  "TdeCredentialArn",
  "TdeCredentialPassword",
] as const;

/** Of what makes an instance of another one or of a snapshot. */
const REFUSED_OF_COPIES = [
  ...REFUSED_OF_ALL,
  ["BackupTarget", "region"],
  "CustomIamInstanceProfile",
  "UseDefaultProcessorFeatures",
] as const;

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateDBInstance: [
    ...REFUSED_OF_BOTH,
    ["BackupTarget", "region"],
    "CharacterSetName",
    "CustomIamInstanceProfile",
    "DBClusterIdentifier",
    "DBSystemId",
    "NcharCharacterSetName",
    "Timezone",
  ],
  CreateDBInstanceReadReplica: [
    ...REFUSED_OF_COPIES,
    ["DatabaseInsightsMode", "standard"],
    "EnableCloudwatchLogsExports",
    "EnablePerformanceInsights",
    "MonitoringInterval",
    "MonitoringRoleArn",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
    "PreSignedUrl",
    "ReplicaMode",
    "SourceDBClusterIdentifier",
  ],
  PromoteReadReplica: ["TagSpecifications"],
  ModifyDBInstance: [
    ...REFUSED_OF_BOTH,
    ["AutomationMode", "full"],
    "AwsBackupRecoveryPointArn",
    "DBPortNumber",
    "DBSubnetGroupName",
    "DisableDomain",
    "Engine",
    "NewDBInstanceIdentifier",
    "ReplicaMode",
    "ResumeFullAutomationModeMinutes",
    "UseDefaultProcessorFeatures",
  ],
  StartDBInstance: ["DBCapacityReservationIdentifier"],
  StopDBInstance: ["DetachFromDBCapacityReservation"],
  CopyDBSnapshot: [
    "PreSignedUrl",
    "SnapshotAvailabilityZone",
    ["SnapshotTarget", "region"],
    "TagSpecifications",
    "TargetCustomAvailabilityZone",
  ],
  RestoreDBInstanceFromDBSnapshot: [
    ...REFUSED_OF_COPIES,
    "DBClusterSnapshotIdentifier",
    "DBName",
    "TdeCredentialArn",
    "TdeCredentialPassword",
  ],
  RestoreDBInstanceToPointInTime: [
    ...REFUSED_OF_COPIES,
    "DBName",
    "EnableCloudwatchLogsExports",
    "RestoreTime",
    "SourceDBInstanceAutomatedBackupsArn",
    "TdeCredentialArn",
    "TdeCredentialPassword",
  ],
  ModifyOptionGroup: [
    "OptionsToInclude.Port",
    "OptionsToInclude.OptionVersion",
    "OptionsToInclude.DBSecurityGroupMemberships",
    "OptionsToInclude.VpcSecurityGroupMemberships",
  ],
  DescribeOptionGroups: ["Filters"],
  DescribeOptionGroupOptions: ["Filters"],
  DescribeOrderableDBInstanceOptions: ["Filters", "AvailabilityZoneGroup"],
  DescribeCertificates: ["Filters"],
  DescribeEventCategories: ["Filters"],
  DescribeEvents: ["Filters"],
  DescribeEventSubscriptions: ["Filters"],
  DescribeDBLogFiles: ["Filters"],
  DescribeDBParameterGroups: ["Filters"],
  DescribeDBParameters: ["Filters"],
  DescribeEngineDefaultParameters: ["Filters"],
  DescribeDBSubnetGroups: ["Filters"],
  ListTagsForResource: ["Filters"],
};
