import type * as sdk from "@aws-sdk/client-rds";
import { formatArn } from "@gantry/kernel";
import {
  chooseHost,
  createInterface,
  removeSecret,
  type DatabaseInstanceRecord,
  type DatabaseSubnetGroupRecord,
  type Reader,
  type SubnetRecord,
  type Transaction,
} from "@gantry/state";
import { automatedSnapshotsOf, removeAutomated } from "@gantry/state/transactions/automated-snapshots";
import { passPassword } from "@gantry/state/transactions/replicas";
import { standbysOf } from "@gantry/state/transactions/standbys";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ensureLinkedRole } from "../common/service-linked-roles.ts";
import { toTags } from "../common/tags.ts";
import { defaultSecurityGroup } from "../ec2/lookups.ts";
import { ApiError } from "./api-error.ts";
import { changedVersion, describeEngineVersions, engineVersionOf, isEngine } from "./engine-versions.ts";
import { checkDatabaseName, checkMasterUsername, defaultPortOf } from "./engines.ts";
import { firstParameters, newOptionGroup, newParameterGroup } from "./instance-groups.ts";
import { checkSettings, settingsOf } from "./instance-settings.ts";
import { iamAuthentication } from "./iam-authentication.ts";
import { changedLogExports, firstLogExports } from "./log-exports.ts";
import { findInstance, findSubnetGroup, instanceArnOf } from "./lookups.ts";
import { toIdentifier } from "./names.ts";
import {
  applySecretChange,
  chosenSecret,
  createSecretOf,
  firstPassword,
  givenPassword,
  secretChange,
  type ChosenSecret,
} from "./master-secret.ts";
import { monitoringOf } from "./monitoring.ts";
import { changedZones, checkZones, firstZones } from "./multi-az.ts";
import { putSnapshot } from "./new-snapshot.ts";
import { pageOfRecords } from "./page-of-records.ts";
import { presentInstance } from "./present-instance.ts";
import {
  checkReplicaChange,
  checkRetention,
  checkSourceDeletion,
  promoteReplicasOf,
  startedForBackups,
} from "./replication.ts";
import { storageEncryption, type StorageEncryption } from "./storage-key.ts";
import { defaultSubnetGroup } from "./subnet-groups.ts";

/** Database instances. Source: API_CreateDBInstance and following. */
export function instanceOperations(deps: ApiDeps) {
  return {
    CreateDBInstance: (input, context) => createDBInstance(deps, input, context),
    DescribeDBInstances: (input, context) => describeDBInstances(deps, input, context),
    ModifyDBInstance: (input, context) => modifyDBInstance(deps, input, context),
    DeleteDBInstance: (input, context) => deleteDBInstance(deps, input, context),
    DescribeDBEngineVersions: (input) => describeEngineVersions(input),
  } satisfies Implementation<typeof sdk>;
}

/** Source: API_CreateDBInstance, BackupRetentionPeriod. */
const BACKUP_DAYS = 1;

function createDBInstance(
  deps: ApiDeps,
  input: sdk.CreateDBInstanceMessage,
  context: RequestContext,
): sdk.CreateDBInstanceResult {
  const { store } = deps;
  ensureLinkedRole(deps, context, "rds.amazonaws.com");
  const secret = chosenSecret(deps, input, context);
  const encryption = storageEncryption(deps, input, context);
  const record = store.transact((tx) => {
    const given = { ...input, BackupRetentionPeriod: input.BackupRetentionPeriod ?? BACKUP_DAYS };
    const created = createInstance(tx, deps, context, { input: given, secret, encryption });
    createSecretOf(tx, deps, created, secret);
    return created;
  });
  return { DBInstance: presentInstance(record, store) };
}

function describeDBInstances(
  { store }: ApiDeps,
  input: sdk.DescribeDBInstancesMessage,
  context: RequestContext,
): sdk.DBInstanceMessage {
  const all =
    input.DBInstanceIdentifier === undefined
      ? store.list("databaseInstance", formatArn("rds", context, "db:"))
      : [findInstance(store, context, input.DBInstanceIdentifier)];
  for (const { Name: name } of input.Filters ?? [])
    if (name === undefined || !FILTERS.has(name))
      throw new ApiError("InvalidParameterValue", `Unrecognized filter name: ${name}`);
  const fitting = all.filter((each) => fitsFilters(each, input.Filters));
  const { items, Marker } = pageOfRecords(fitting, (each) => each.arn, input);
  return { DBInstances: items.map((each) => presentInstance(each, store)), Marker };
}

function modifyDBInstance(
  deps: ApiDeps,
  input: sdk.ModifyDBInstanceMessage,
  context: RequestContext,
): sdk.ModifyDBInstanceResult {
  const { store } = deps;
  const named = findInstance(store, context, input.DBInstanceIdentifier);
  const secret = secretChange(deps, input, named, context);
  const record = store.transact((tx) => {
    const found = findInstance(tx, context, input.DBInstanceIdentifier);
    checkSettings(input, found.engine);
    checkReplicaChange(found, input);
    checkRetention(tx, found, input);
    if (input.VpcSecurityGroupIds !== undefined)
      checkSecurityGroups(tx, found.vpcId, input.VpcSecurityGroupIds);
    const groups = input.VpcSecurityGroupIds ?? found.securityGroups;
    const engineVersion = changedVersion(found, input.EngineVersion);
    putSecurityGroups(tx, found, groups);
    const next: DatabaseInstanceRecord = {
      ...found,
      securityGroups: groups,
      engineVersion,
      instanceClass: input.DBInstanceClass ?? found.instanceClass,
      ...changedZones(tx, found, input),
      ...iamAuthentication(found.engine, input.EnableIAMDatabaseAuthentication),
      publiclyAccessible: input.PubliclyAccessible ?? found.publiclyAccessible,
      settings: { ...found.settings, ...settingsOf(input) },
      allocatedStorageGiB: input.AllocatedStorage ?? found.allocatedStorageGiB,
      deletionProtection: input.DeletionProtection ?? found.deletionProtection,
      ...newParameterGroup(tx, { ...found, engineVersion }, input.DBParameterGroupName),
      ...newOptionGroup(tx, { ...found, engineVersion }, input.OptionGroupName),
      ...startedForBackups(found, input),
      ...monitoringOf(tx, found, { input, now: deps.clock.now() }),
      ...changedLogExports(found, input.CloudwatchLogsExportConfiguration),
      ...givenPassword(deps, found, input.MasterUserPassword),
    };
    tx.put("databaseInstance", next.arn, next);
    const changed = applySecretChange(tx, deps, next, { input, secret });
    passPassword(tx, found, changed);
    return changed;
  });
  return { DBInstance: presentInstance(record, store) };
}

function deleteDBInstance(
  deps: ApiDeps,
  input: sdk.DeleteDBInstanceMessage,
  context: RequestContext,
): sdk.DeleteDBInstanceResult {
  if (input.SkipFinalSnapshot === true && input.FinalDBSnapshotIdentifier !== undefined)
    throw new ApiError(
      "InvalidParameterCombination",
      "FinalDBSnapshotIdentifier cannot be specified when skipping the final snapshot.",
    );
  if (input.SkipFinalSnapshot !== true && input.FinalDBSnapshotIdentifier === undefined)
    throw new ApiError(
      "InvalidParameterCombination",
      "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
    );
  const { store } = deps;
  const record = store.transact((tx) => {
    const found = findInstance(tx, context, input.DBInstanceIdentifier);
    if (found.deletionProtection)
      throw new ApiError(
        "InvalidParameterCombination",
        "Cannot delete protected DB Instance, please disable deletion protection and try again.",
      );
    if (found.replicaOf !== undefined && input.FinalDBSnapshotIdentifier !== undefined)
      throw new ApiError(
        "InvalidParameterCombination",
        "FinalDBSnapshotIdentifier can not be specified when deleting a replica instance",
      );
    checkSourceDeletion(tx, found);
    // Its files stay until the snapshot has been copied from them.
    if (input.SkipFinalSnapshot !== true)
      putSnapshot(tx, deps, found, {
        ...{ member: "FinalDBSnapshotIdentifier", identifier: input.FinalDBSnapshotIdentifier, tags: {} },
      });
    removeSecret(tx, found.managedSecretArn);
    promoteReplicasOf(tx, found);
    if (input.DeleteAutomatedBackups !== false)
      removeAutomated(tx, automatedSnapshotsOf(tx, found.resourceId));
    const next: DatabaseInstanceRecord = { ...found, deleting: true, status: "deleting" };
    tx.put("databaseInstance", next.arn, next);
    return next;
  });
  return { DBInstance: presentInstance(record, store) };
}

/** Source: API_DescribeDBInstances, Filters; there are no clusters and no domains. */
const FILTERS = new Set(["db-instance-id", "dbi-resource-id", "engine", "db-cluster-id", "domain"]);

function fitsFilters(record: DatabaseInstanceRecord, filters: readonly sdk.Filter[] | undefined): boolean {
  return (filters ?? []).every(({ Name: name, Values: values = [] }) => {
    switch (name) {
      case "db-instance-id":
        return values.some((value) => value === record.arn || value.toLowerCase() === record.identifier);
      case "dbi-resource-id":
        return values.includes(record.resourceId);
      case "engine":
        return values.includes(record.engine);
      default:
        return false;
    }
  });
}

/** What a new instance is made of. */
interface NewInstance {
  readonly input: sdk.CreateDBInstanceMessage;
  readonly secret: ChosenSecret | undefined;
  readonly encryption: StorageEncryption;
  /** Of an instance that begins with the files of a snapshot: the node that has them, and the snapshot's id. */
  readonly nodeId?: string | undefined;
  readonly restoredFrom?: string;
  readonly replicaOf?: DatabaseInstanceRecord["replicaOf"];
}

/**
 * Records a new instance.
 * Errors: DBInstanceAlreadyExists, InvalidParameterValue, InvalidVPCNetworkStateFault, InvalidParameterCombination.
 */
export function createInstance(
  tx: Transaction,
  deps: ApiDeps,
  place: Place,
  request: NewInstance,
): DatabaseInstanceRecord {
  const { input, secret } = request;
  const { ids, clock, vault } = deps;
  const identifier = toIdentifier(input.DBInstanceIdentifier);
  const arn = instanceArnOf(place, identifier);
  if (tx.get("databaseInstance", arn) !== undefined)
    throw new ApiError("DBInstanceAlreadyExists", "DB instance already exists");
  const { engine, username } = toServer(input);
  const { group, subnet, securityGroups: groups } = toNetwork(tx, place, input);
  if (request.replicaOf === undefined) checkZones(tx, { group, zone: subnet.availabilityZone }, input);
  const engineVersion = engineVersionOf(engine, input.EngineVersion);
  const now = clock.now();
  const resourceId = `db-${ids.upper(26)}`;
  const nodeId = request.nodeId ?? chooseHost(tx, [subnet.availabilityZone]);
  const eni = createInterface(tx, ids, {
    ...{ subnet, securityGroups: groups, nodeId, now },
    ...{ type: "interface", description: "RDSNetworkInterface", publicIp: undefined },
    owner: { type: "databaseInstance", key: resourceId },
  });
  const record: DatabaseInstanceRecord = {
    ...{ account: place.account, region: place.region, arn, identifier, resourceId, nodeId },
    ...{ engine, engineVersion },
    ...newOptionGroup(tx, { ...place, engine, engineVersion }, input.OptionGroupName),
    ...firstParameters(tx, { ...place, engine, engineVersion }, input.DBParameterGroupName),
    ...monitoringOf(tx, { ...place, arn }, { input, now }),
    ...firstLogExports({ engine, engineVersion }, input.EnableCloudwatchLogsExports),
    instanceClass: input.DBInstanceClass ?? "db.t3.micro",
    allocatedStorageGiB: input.AllocatedStorage ?? 20,
    databaseName: input.DBName,
    masterUsername: username,
    sealedPassword: vault.seal(firstPassword(ids, secret, { engine, password: input.MasterUserPassword })),
    managedSecretArn: secret?.arn,
    endpointName: `${identifier}.${ids.hex(12)}.${place.region}.rds.amazonaws.com`,
    port: input.Port ?? defaultPortOf(engine),
    subnetGroupName: group.name,
    vpcId: group.vpcId,
    securityGroups: groups,
    networkInterfaceId: eni.id,
    availabilityZone: subnet.availabilityZone,
    ...iamAuthentication(engine, input.EnableIAMDatabaseAuthentication),
    ...firstZones({ engine, isReplica: request.replicaOf !== undefined }, input),
    publiclyAccessible: input.PubliclyAccessible ?? false,
    ...request.encryption,
    ...beginningOf(request),
    deletionProtection: input.DeletionProtection ?? false,
    deleting: false,
    settings: settingsOf(input),
    stopped: false,
    status: "creating",
    createdAt: now,
    tags: toTags(input.Tags),
  };
  tx.put("databaseInstance", arn, record);
  return record;
}

/** What an instance begins with. */
function beginningOf(request: NewInstance): Pick<DatabaseInstanceRecord, "restoredFrom" | "replicaOf"> {
  const { restoredFrom } = request;
  return {
    ...(restoredFrom === undefined ? {} : { restoredFrom }),
    ...(request.replicaOf === undefined ? {} : { replicaOf: request.replicaOf }),
  };
}

/** The engine and the master user of a new instance. Errors: InvalidParameterValue. */
function toServer(input: sdk.CreateDBInstanceMessage): {
  engine: DatabaseInstanceRecord["engine"];
  username: string;
} {
  const { Engine: engine } = input;
  if (!isEngine(engine))
    throw new ApiError(
      "InvalidParameterValue",
      `Gantry supports the engines mysql, mariadb and postgres, not ${engine}.`,
    );
  checkSettings(input, engine);
  if (input.Port !== undefined && (input.Port < 1_150 || input.Port > 65_535))
    throw new ApiError(
      "InvalidParameterValue",
      `Invalid database port: ${input.Port}. Valid port range is from 1150 to 65535.`,
    );
  const username = checkMasterUsername(engine, input.MasterUsername);
  checkDatabaseName(engine, input.DBName);
  return { engine, username };
}

/** Where a new instance is placed. Errors: InvalidVPCNetworkStateFault, InvalidParameterCombination. */
function toNetwork(
  tx: Transaction,
  place: Place,
  input: sdk.CreateDBInstanceMessage,
): { group: DatabaseSubnetGroupRecord; subnet: SubnetRecord; securityGroups: readonly string[] } {
  const group =
    input.DBSubnetGroupName === undefined
      ? defaultSubnetGroup(tx, place)
      : findSubnetGroup(tx, place, input.DBSubnetGroupName);
  const subnets = group.subnetIds.flatMap((id) => tx.get("subnet", id) ?? []);
  if (subnets.length === 0)
    throw new ApiError("InvalidVPCNetworkStateFault", "The subnets of the DB subnet group are gone.");
  const { AvailabilityZone: zone } = input;
  const subnet = subnets.find((each) => zone === undefined || each.availabilityZone === zone);
  if (subnet === undefined)
    throw new ApiError(
      "InvalidVPCNetworkStateFault",
      `The DB subnet group '${group.name}' has no subnet in the Availability Zone ${zone}.`,
    );
  const fallback = defaultSecurityGroup(tx, group.vpcId);
  const groups = input.VpcSecurityGroupIds ?? (fallback === undefined ? [] : [fallback.id]);
  checkSecurityGroups(tx, group.vpcId, groups);
  return { group, subnet, securityGroups: groups };
}

/** Gives the interfaces of an instance and its standby their security groups. */
function putSecurityGroups(
  tx: Transaction,
  instance: DatabaseInstanceRecord,
  securityGroups: readonly string[],
): void {
  for (const { networkInterfaceId } of [instance, ...standbysOf(tx, instance)]) {
    const eni = tx.get("networkInterface", networkInterfaceId);
    if (eni !== undefined) tx.put("networkInterface", eni.id, { ...eni, securityGroups });
  }
}

/** Errors: InvalidParameterCombination. */
function checkSecurityGroups(reader: Reader, vpcId: string, groups: readonly string[]): void {
  for (const id of groups)
    if (reader.get("securityGroup", id)?.vpcId !== vpcId)
      throw new ApiError(
        "InvalidParameterCombination",
        `The security group ${id} and the DB subnet group are in different VPCs.`,
      );
}
