import type * as sdk from "@aws-sdk/client-rds";
import { hostOf, type DatabaseInstanceRecord, type Reader, type Transaction } from "@gantry/state";
import { promote, replicasOf } from "@gantry/state/transactions/replicas";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ensureLinkedRole } from "../common/service-linked-roles.ts";
import { ApiError } from "./api-error.ts";
import { checkSettings, settingsOf } from "./instance-settings.ts";
import { createInstance } from "./instances.ts";
import { findInstance, findSubnetGroup } from "./lookups.ts";
import { putSeed } from "./new-snapshot.ts";
import { presentInstance } from "./present-instance.ts";
import { checkRetention } from "./replication.ts";
import { checkReadable, storageKey } from "./storage-key.ts";

/** Source: Amazon RDS User Guide, "Quotas in Amazon RDS": read replicas per primary. */
const REPLICAS_MAX = 15;
/** Source: API_PromoteReadReplica, BackupRetentionPeriod. */
const PROMOTED_BACKUP_DAYS = 1;

/** Read replicas. Source: API_CreateDBInstanceReadReplica, API_PromoteReadReplica. */
export function replicaOperations(deps: ApiDeps) {
  return {
    CreateDBInstanceReadReplica: (input, context) => createReplica(deps, input, context),
    PromoteReadReplica: (input, context) => promoteReadReplica(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/**
 * The replica is on the node of its source. One of MariaDB begins with a copy of the source's files, made now; one of
 * PostgreSQL copies them itself when it starts.
 * Errors: DBInstanceNotFound, InvalidDBInstanceState, InstanceQuotaExceeded, KMSKeyNotAccessibleFault, and those of
 * CreateDBInstance.
 */
function createReplica(
  deps: ApiDeps,
  input: sdk.CreateDBInstanceReadReplicaMessage,
  context: RequestContext,
): sdk.CreateDBInstanceReadReplicaResult {
  const { store } = deps;
  ensureLinkedRole(deps, context, "rds.amazonaws.com");
  const named = findSource(store, context, input.SourceDBInstanceIdentifier);
  checkReadable(store, named);
  const kmsKeyArn = replicaKey(deps, input, named, context);
  const record = store.transact((tx) => {
    const source = checkSource(tx, context, input);
    const { arn, resourceId, storageEncrypted } = source;
    const seed = source.engine === "postgres" ? undefined : putSeed(tx, deps, source);
    return createInstance(tx, deps, context, {
      ...{ input: withSource(deps, input, source), secret: undefined },
      ...{ encryption: { storageEncrypted, kmsKeyArn }, nodeId: hostOf(tx, source) },
      ...{ replicaOf: { arn, resourceId }, ...(seed === undefined ? {} : { restoredFrom: seed.id }) },
    });
  });
  return { DBInstance: presentInstance(record, store) };
}

/** Errors: DBInstanceNotFound, InvalidParameterCombination. */
function findSource(reader: Reader, place: Place, given: string | undefined): DatabaseInstanceRecord {
  if (given === undefined)
    throw new ApiError("InvalidParameterCombination", "SourceDBInstanceIdentifier must be specified.");
  return findInstance(reader, place, given);
}

/** An encrypted replica of the same region has the key of its source. Errors: InvalidParameterCombination. */
function replicaKey(
  deps: ApiDeps,
  { KmsKeyId: given }: sdk.CreateDBInstanceReadReplicaMessage,
  { kmsKeyArn }: DatabaseInstanceRecord,
  context: RequestContext,
): string | undefined {
  if (given !== undefined && (kmsKeyArn === undefined || storageKey(deps, given, context) !== kmsKeyArn))
    throw new ApiError(
      "InvalidParameterCombination",
      "The read replica in the Region of its source must be encrypted with the KMS key of the source.",
    );
  return kmsKeyArn && storageKey(deps, kmsKeyArn, context);
}

/** The source of a new replica. Errors: as createReplica. */
function checkSource(
  tx: Transaction,
  place: Place,
  input: sdk.CreateDBInstanceReadReplicaMessage,
): DatabaseInstanceRecord {
  const source = findSource(tx, place, input.SourceDBInstanceIdentifier);
  const refuse = (message: string): never => {
    throw new ApiError("InvalidDBInstanceState", message);
  };
  if (source.status !== "available") refuse(`Instance ${source.identifier} is not in available state.`);
  if (Number(source.settings?.["BackupRetentionPeriod"] ?? 0) === 0)
    refuse(
      "Automated backups are not enabled for this database instance. To enable automated backups, use " +
        "ModifyDBInstance to set the backup retention period to a non-zero value.",
    );
  if (source.managedSecretArn !== undefined)
    refuse(
      "RDS manages the master user password of the source in AWS Secrets Manager: it can't be replicated.",
    );
  if (source.engine === "postgres" && source.replicaOf !== undefined)
    refuse("Gantry makes no read replicas of read replicas of PostgreSQL.");
  if (replicasOf(tx, source).length >= REPLICAS_MAX)
    throw new ApiError(
      "InstanceQuotaExceeded",
      `The DB instance ${source.identifier} has ${REPLICAS_MAX} read replicas, the maximum.`,
    );
  const { DBSubnetGroupName: group } = input;
  if (group !== undefined && findSubnetGroup(tx, place, group).vpcId !== source.vpcId)
    throw new ApiError(
      "InvalidVPCNetworkStateFault",
      `The DB subnet group ${group.slice(0, 255)} is in another VPC than the source of the read replica.`,
    );
  return source;
}

/** The settings of the replica: the request's, and the source's where the request has none. Backups are off. */
function withSource(
  { vault }: ApiDeps,
  input: sdk.CreateDBInstanceReadReplicaMessage,
  source: DatabaseInstanceRecord,
): sdk.CreateDBInstanceMessage {
  const { SourceDBInstanceIdentifier: _, KmsKeyId: __, UpgradeStorageConfig: ___, ...given } = input;
  const groups = {
    ...(source.parameterGroupName === undefined ? {} : { DBParameterGroupName: source.parameterGroupName }),
    ...(source.optionGroupName === undefined ? {} : { OptionGroupName: source.optionGroupName }),
  };
  return {
    ...{ ...source.settings, ...groups, DBInstanceClass: source.instanceClass, Port: source.port },
    ...{ AllocatedStorage: source.allocatedStorageGiB, DBSubnetGroupName: source.subnetGroupName },
    ...{ VpcSecurityGroupIds: [...source.securityGroups] },
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    ...{ DBInstanceIdentifier: input.DBInstanceIdentifier, BackupRetentionPeriod: 0 },
    ...{ Engine: source.engine, EngineVersion: source.engineVersion, DBName: source.databaseName },
    ...{ MasterUsername: source.masterUsername, MasterUserPassword: vault.open(source.sealedPassword) },
  };
}

/** Errors: DBInstanceNotFound, InvalidDBInstanceState, InvalidParameterValue. */
function promoteReadReplica(
  deps: ApiDeps,
  input: sdk.PromoteReadReplicaMessage,
  context: RequestContext,
): sdk.PromoteReadReplicaResult {
  const { store } = deps;
  const record = store.transact((tx) => {
    const replica = findInstance(tx, context, input.DBInstanceIdentifier);
    if (replica.replicaOf === undefined)
      throw new ApiError("InvalidDBInstanceState", "DB Instance is not a read replica.");
    if (replica.status !== "available")
      throw new ApiError(
        "InvalidDBInstanceState",
        `Instance ${replica.identifier} is not in available state.`,
      );
    checkSettings(input, replica.engine);
    checkRetention(tx, replica, input);
    return promote(tx, replica, { BackupRetentionPeriod: PROMOTED_BACKUP_DAYS, ...settingsOf(input) });
  });
  return { DBInstance: presentInstance(record, store) };
}
