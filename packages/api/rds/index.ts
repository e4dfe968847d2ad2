/**
 * RDS: database instances with engine mysql and mariadb, each a real server in a pod of its own with an address in the VPC.
 * The record is what is wanted; the database controller's record of what the server answers is its status. What is refused: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-rds";
import { formatArn } from "@gantry/kernel";
import {
  createInterface,
  type DatabaseInstanceRecord,
  type DatabaseSubnetGroupRecord,
  type Reader,
  type Tags,
  type Transaction,
} from "@gantry/state";
import { ApiError, type Implementation, type ServiceModule } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { refuseMembers } from "../common/refuse.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { defaultSecurityGroup, isIn } from "../ec2/lookups.ts";

const VERSIONS = { mysql: "8.0.40", mariadb: "10.11.11" } as const;
const UNSUPPORTED = [
  "DBParameterGroupName",
  "OptionGroupName",
  "CharacterSetName",
  "Domain",
  "MonitoringRoleArn",
  "EnableIAMDatabaseAuthentication",
  "EnablePerformanceInsights",
  "DBClusterIdentifier",
  "ManageMasterUserPassword",
  "TdeCredentialArn",
  "KmsKeyId",
  "DBSecurityGroups",
];

export function rdsService(deps: ApiDeps): ServiceModule {
  const operations = { ...instanceOperations(deps), ...subnetGroupOperations(deps), ...tagOperations(deps) } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations,
    permissions: (operation, input, place) => {
      const id = input["DBInstanceIdentifier"];
      return [{ action: `rds:${operation}`, resource: typeof id === "string" ? formatArn("rds", place, `db:${id}`) : "*" }];
    },
  };
}

function instanceOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    CreateDBInstance(input, context) {
      refuseMembers(input, UNSUPPORTED, "InvalidParameterValue");
      const record = store.transact((tx) => createInstance(tx, deps, context, input));
      return { DBInstance: presentInstance(record, store) };
    },
    DescribeDBInstances(input, context) {
      const identifier = input.DBInstanceIdentifier?.split(":").at(-1)?.toLowerCase();
      if (identifier !== undefined) return { DBInstances: [presentInstance(findInstance(store, context, identifier), store)] };
      const wanted = input.Filters?.find((filter) => filter.Name === "db-instance-id")?.Values;
      return {
        DBInstances: store
          .list("databaseInstance", formatArn("rds", context, "db:"))
          .filter((each) => wanted === undefined || wanted.includes(each.identifier))
          .map((each) => presentInstance(each, store)),
      };
    },
    ModifyDBInstance(input, context) {
      refuseMembers(
        input,
        [...UNSUPPORTED, "NewDBInstanceIdentifier", "DBPortNumber", "DBSubnetGroupName", "EngineVersion", "MasterUserPassword"],
        "InvalidParameterValue",
      );
      const record = store.transact((tx) => {
        const found = findInstance(tx, context, input.DBInstanceIdentifier);
        const groups = input.VpcSecurityGroupIds ?? found.securityGroups;
        const eni = tx.get("networkInterface", found.networkInterfaceId);
        if (eni !== undefined) tx.put("networkInterface", eni.id, { ...eni, securityGroups: groups });
        const next: DatabaseInstanceRecord = {
          ...found,
          securityGroups: groups,
          instanceClass: input.DBInstanceClass ?? found.instanceClass,
          allocatedStorageGiB: input.AllocatedStorage ?? found.allocatedStorageGiB,
          deletionProtection: input.DeletionProtection ?? found.deletionProtection,
        };
        tx.put("databaseInstance", next.arn, next);
        return next;
      });
      return { DBInstance: presentInstance(record, store) };
    },
    DeleteDBInstance(input, context) {
      if (input.SkipFinalSnapshot !== true)
        throw new ApiError("InvalidParameterCombination", "Gantry does not take final snapshots yet: set SkipFinalSnapshot.");
      const record = store.transact((tx) => {
        const found = findInstance(tx, context, input.DBInstanceIdentifier);
        if (found.deletionProtection)
          throw new ApiError("InvalidParameterCombination", "Cannot delete protected DB Instance, please disable deletion protection and try again.");
        const next: DatabaseInstanceRecord = { ...found, deleting: true, status: "deleting" };
        tx.put("databaseInstance", next.arn, next);
        return next;
      });
      return { DBInstance: presentInstance(record, store) };
    },
    DescribeDBEngineVersions: (input) => ({
      DBEngineVersions: Object.entries(VERSIONS)
        .filter(([engine]) => input.Engine === undefined || input.Engine === engine)
        .map(([Engine, EngineVersion]) => ({
          Engine,
          EngineVersion,
          DBParameterGroupFamily: `${Engine}${EngineVersion.split(".").slice(0, 2).join(".")}`,
          Status: "available",
        })),
    }),
  } satisfies Implementation<typeof sdk>;
}

function subnetGroupOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    CreateDBSubnetGroup(input, context) {
      const record = store.transact((tx) => {
        const name = (input.DBSubnetGroupName ?? "").toLowerCase();
        if (!/^[a-z0-9][a-z0-9 ._-]{0,254}$/.test(name) || name === "default")
          throw new ApiError("InvalidParameterValue", `The parameter DBSubnetGroupName is not a valid identifier: ${name}`);
        const arn = formatArn("rds", context, `subgrp:${name}`);
        if (tx.get("databaseSubnetGroup", arn) !== undefined)
          throw new ApiError("DBSubnetGroupAlreadyExistsFault", `The DB subnet group '${name}' already exists.`);
        const group: DatabaseSubnetGroupRecord = {
          account: context.account,
          region: context.region,
          arn,
          name,
          description: input.DBSubnetGroupDescription ?? "",
          ...toSubnets(tx, context, input.SubnetIds),
          tags: toTags(input.Tags),
        };
        tx.put("databaseSubnetGroup", arn, group);
        return group;
      });
      return { DBSubnetGroup: presentSubnetGroup(record, store) };
    },
    ModifyDBSubnetGroup(input, context) {
      const record = store.transact((tx) => {
        const group = findSubnetGroup(tx, context, input.DBSubnetGroupName);
        const next = { ...group, description: input.DBSubnetGroupDescription ?? group.description, ...toSubnets(tx, context, input.SubnetIds) };
        tx.put("databaseSubnetGroup", group.arn, next);
        return next;
      });
      return { DBSubnetGroup: presentSubnetGroup(record, store) };
    },
    DescribeDBSubnetGroups(input, context) {
      if (input.DBSubnetGroupName !== undefined)
        return { DBSubnetGroups: [presentSubnetGroup(findSubnetGroup(store, context, input.DBSubnetGroupName), store)] };
      return {
        DBSubnetGroups: store.list("databaseSubnetGroup", formatArn("rds", context, "subgrp:")).map((group) => presentSubnetGroup(group, store)),
      };
    },
    DeleteDBSubnetGroup(input, context) {
      store.transact((tx) => {
        const group = findSubnetGroup(tx, context, input.DBSubnetGroupName);
        if (tx.list("databaseInstance").some((each) => each.subnetGroupName === group.name && isIn(each, context)))
          throw new ApiError(
            "InvalidDBSubnetGroupStateFault",
            `Cannot delete the subnet group '${group.name}' because at least one database instance is still using it.`,
          );
        tx.delete("databaseSubnetGroup", group.arn);
      });
      return {};
    },
  } satisfies Implementation<typeof sdk>;
}

function tagOperations(deps: ApiDeps) {
  const { store } = deps;
  const change = (tx: Transaction, arn: string, apply: (tags: Tags) => Tags): void => {
    const kind = arn.includes(":subgrp:") ? "databaseSubnetGroup" : "databaseInstance";
    const record = tx.get(kind, arn);
    if (record === undefined) throw new ApiError("DBInstanceNotFound", `DBInstance ${arn} not found.`);
    tx.put(kind, arn, { ...record, tags: apply(record.tags) }); // The record of the kind just read, with other tags.
  };
  return {
    AddTagsToResource(input) {
      store.transact((tx) => change(tx, input.ResourceName ?? "", (tags) => ({ ...tags, ...toTags(input.Tags) })));
      return {};
    },
    RemoveTagsFromResource(input) {
      store.transact((tx) => change(tx, input.ResourceName ?? "", (tags) => withoutTags(tags, input.TagKeys ?? [])));
      return {};
    },
    ListTagsForResource(input) {
      const arn = input.ResourceName ?? "";
      return {
        TagList: presentTags((arn.includes(":subgrp:") ? store.get("databaseSubnetGroup", arn) : store.get("databaseInstance", arn))?.tags ?? {}),
      };
    },
  } satisfies Implementation<typeof sdk>;
}

function createInstance(tx: Transaction, deps: ApiDeps, place: Place, input: sdk.CreateDBInstanceMessage): DatabaseInstanceRecord {
  const { ids, clock, vault } = deps;
  const identifier = (input.DBInstanceIdentifier ?? "").toLowerCase();
  if (!/^[a-z](?:[a-z0-9]|-(?!-)){0,62}$/.test(identifier) || identifier.endsWith("-"))
    throw new ApiError(
      "InvalidParameterValue",
      "The parameter DBInstanceIdentifier is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.",
    );
  const arn = formatArn("rds", place, `db:${identifier}`);
  if (tx.get("databaseInstance", arn) !== undefined) throw new ApiError("DBInstanceAlreadyExists", "DB instance already exists");
  const { Engine: engine } = input;
  if (engine !== "mysql" && engine !== "mariadb")
    throw new ApiError("InvalidParameterValue", `Gantry supports the engines mysql and mariadb, not ${engine}.`);
  const username = input.MasterUsername ?? "";
  if (!/^[A-Za-z][A-Za-z0-9_]{0,15}$/.test(username))
    throw new ApiError(
      "InvalidParameterValue",
      "The parameter MasterUsername is not a valid identifier: it must have 1 to 16 letters, digits or underscores and begin with a letter.",
    );
  const password = input.MasterUserPassword ?? "";
  if (!/^[\x21-\x7e]{8,41}$/.test(password) || /[/"@']/.test(password))
    throw new ApiError(
      "InvalidParameterValue",
      "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '\"', ''', ' ' may be used, 8 to 41 of them.",
    );
  if (input.DBName !== undefined && !/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(input.DBName))
    throw new ApiError("InvalidParameterValue", "DBName must begin with a letter and contain only alphanumeric characters.");
  const group = input.DBSubnetGroupName === undefined ? defaultSubnetGroup(tx, place) : findSubnetGroup(tx, place, input.DBSubnetGroupName);
  const subnets = group.subnetIds.flatMap((id) => tx.get("subnet", id) ?? []);
  const subnet = subnets.find((each) => each.availabilityZone === input.AvailabilityZone) ?? subnets[0];
  if (subnet === undefined) throw new ApiError("InvalidVPCNetworkStateFault", "The subnets of the DB subnet group are gone.");
  const fallback = defaultSecurityGroup(tx, group.vpcId);
  const groups = input.VpcSecurityGroupIds ?? (fallback === undefined ? [] : [fallback.id]);
  for (const id of groups)
    if (tx.get("securityGroup", id)?.vpcId !== group.vpcId)
      throw new ApiError("InvalidParameterCombination", `The security group ${id} and the DB subnet group are in different VPCs.`);
  const now = clock.now();
  const resourceId = `db-${ids.upper(26)}`;
  const eni = createInterface(tx, ids, {
    subnet,
    securityGroups: groups,
    type: "interface",
    description: "RDSNetworkInterface",
    ownerKey: resourceId,
    nodeId: undefined,
    publicIp: undefined,
    now,
  });
  const record: DatabaseInstanceRecord = {
    account: place.account,
    region: place.region,
    arn,
    identifier,
    resourceId,
    engine,
    engineVersion: input.EngineVersion ?? VERSIONS[engine],
    instanceClass: input.DBInstanceClass ?? "db.t3.micro",
    allocatedStorageGiB: input.AllocatedStorage ?? 20,
    databaseName: input.DBName,
    masterUsername: username,
    sealedPassword: vault.seal(password),
    endpointName: `${identifier}.${ids.hex(12)}.${place.region}.rds.amazonaws.com`,
    port: input.Port ?? 3_306,
    subnetGroupName: group.name,
    vpcId: group.vpcId,
    securityGroups: groups,
    networkInterfaceId: eni.id,
    availabilityZone: subnet.availabilityZone,
    multiAz: input.MultiAZ ?? false,
    publiclyAccessible: input.PubliclyAccessible ?? false,
    storageEncrypted: input.StorageEncrypted ?? false,
    deletionProtection: input.DeletionProtection ?? false,
    deleting: false,
    stopped: false,
    status: "creating",
    createdAt: now,
    tags: toTags(input.Tags),
  };
  tx.put("databaseInstance", arn, record);
  return record;
}

function toSubnets(reader: Reader, place: Place, ids: readonly string[] | undefined): { vpcId: string; subnetIds: readonly string[] } {
  const subnets = (ids ?? []).map((id) => {
    const subnet = reader.get("subnet", id);
    if (subnet === undefined || !isIn(subnet, place)) throw new ApiError("InvalidSubnet", `The subnet ID '${id}' does not exist.`);
    return subnet;
  });
  const [first] = subnets;
  if (first === undefined || new Set(subnets.map((subnet) => subnet.availabilityZone)).size < 2)
    throw new ApiError(
      "DBSubnetGroupDoesNotCoverEnoughAZs",
      "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Add subnets to cover at least 2 AZs.",
    );
  if (subnets.some((subnet) => subnet.vpcId !== first.vpcId))
    throw new ApiError("InvalidSubnet", "The subnets of a DB subnet group must be in one VPC.");
  return { vpcId: first.vpcId, subnetIds: subnets.map((subnet) => subnet.id) };
}

function defaultSubnetGroup(tx: Transaction, place: Place): DatabaseSubnetGroupRecord {
  const vpc = tx.list("vpc").find((each) => isIn(each, place) && each.isDefault);
  if (vpc === undefined)
    throw new ApiError("DBSubnetGroupNotFoundFault", "No default subnet detected in VPC. Please contact AWS Support to recreate default Subnets.");
  return {
    account: place.account,
    region: place.region,
    arn: formatArn("rds", place, "subgrp:default"),
    name: "default",
    description: "default",
    vpcId: vpc.id,
    subnetIds: tx
      .list("subnet")
      .filter((subnet) => subnet.vpcId === vpc.id)
      .map((subnet) => subnet.id),
    tags: {},
  };
}

function findInstance(reader: Reader, place: Place, identifier: string | undefined): DatabaseInstanceRecord {
  const record = reader.get("databaseInstance", formatArn("rds", place, `db:${(identifier ?? "").toLowerCase()}`));
  if (record === undefined) throw new ApiError("DBInstanceNotFound", `DBInstance ${identifier} not found.`);
  return record;
}

function findSubnetGroup(reader: Reader, place: Place, name: string | undefined): DatabaseSubnetGroupRecord {
  const record = reader.get("databaseSubnetGroup", formatArn("rds", place, `subgrp:${(name ?? "").toLowerCase()}`));
  if (record === undefined) throw new ApiError("DBSubnetGroupNotFoundFault", `DB subnet group '${name}' does not exist.`);
  return record;
}

function presentSubnetGroup(group: DatabaseSubnetGroupRecord, reader: Reader): sdk.DBSubnetGroup {
  return {
    DBSubnetGroupName: group.name,
    DBSubnetGroupDescription: group.description,
    DBSubnetGroupArn: group.arn,
    VpcId: group.vpcId,
    SubnetGroupStatus: "Complete",
    Subnets: group.subnetIds.map((id) => ({
      SubnetIdentifier: id,
      SubnetStatus: "Active",
      SubnetAvailabilityZone: { Name: reader.get("subnet", id)?.availabilityZone },
    })),
    SupportedNetworkTypes: ["IPV4"],
  };
}

function presentInstance(record: DatabaseInstanceRecord, reader: Reader): sdk.DBInstance {
  const group = reader.get("databaseSubnetGroup", formatArn("rds", record, `subgrp:${record.subnetGroupName}`));
  return {
    DBInstanceIdentifier: record.identifier,
    DBInstanceArn: record.arn,
    DbiResourceId: record.resourceId,
    DBInstanceClass: record.instanceClass,
    DBInstanceStatus: record.status,
    Engine: record.engine,
    EngineVersion: record.engineVersion,
    MasterUsername: record.masterUsername,
    DBName: record.databaseName,
    Endpoint: record.status === "creating" ? undefined : { Address: record.endpointName, Port: record.port, HostedZoneId: "Z2R2ITUGPM61AM" },
    AllocatedStorage: record.allocatedStorageGiB,
    InstanceCreateTime: new Date(record.createdAt),
    BackupRetentionPeriod: 0,
    VpcSecurityGroups: record.securityGroups.map((VpcSecurityGroupId) => ({ VpcSecurityGroupId, Status: "active" })),
    DBSecurityGroups: [],
    DBParameterGroups: [
      { DBParameterGroupName: `default.${record.engine}${record.engineVersion.split(".").slice(0, 2).join(".")}`, ParameterApplyStatus: "in-sync" },
    ],
    AvailabilityZone: record.availabilityZone,
    DBSubnetGroup: group === undefined ? undefined : presentSubnetGroup(group, reader),
    MultiAZ: record.multiAz,
    PubliclyAccessible: record.publiclyAccessible,
    StorageType: "gp2",
    StorageEncrypted: record.storageEncrypted,
    DeletionProtection: record.deletionProtection,
    CACertificateIdentifier: "rds-ca-rsa2048-g1",
    PreferredBackupWindow: "03:00-03:30",
    PreferredMaintenanceWindow: "mon:04:00-mon:04:30",
    AutoMinorVersionUpgrade: true,
    CopyTagsToSnapshot: false,
    MonitoringInterval: 0,
    IAMDatabaseAuthenticationEnabled: false,
    PerformanceInsightsEnabled: false,
    LicenseModel: "general-public-license",
    NetworkType: "IPV4",
    TagList: presentTags(record.tags),
  };
}
