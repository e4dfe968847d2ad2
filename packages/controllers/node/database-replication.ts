import { createHash } from "node:crypto";
import type { UsageSample, VpcAssignment } from "@gantry/agent-protocol";
import {
  hostOf,
  type DatabaseInstanceRecord,
  type Reader,
  type Store,
  type Transaction,
} from "@gantry/state";
import { replicasOf } from "@gantry/state/transactions/replicas";
import {
  asStandby,
  followerName,
  isStandby,
  primaryIdOf,
  standbyOf,
  standbysOf,
  standbyToken,
} from "@gantry/state/transactions/standbys";
import type { AssignmentDeps } from "./pod-assignment.ts";
import { scramVerifier } from "./scram-verifier.ts";

/** The user of replicas on their source. Source: Amazon RDS User Guide, "Master user account privileges". */
const USER = "rdsrepladmin";
/** How long the source keeps its binary log: a replica that is stopped for longer has to be made anew. */
const BINLOG_SECONDS = 3 * 24 * 60 * 60;

/** The instance that a replica follows; undefined where it is gone, or is being deleted. */
function sourceOf(reader: Reader, { replicaOf }: DatabaseInstanceRecord): DatabaseInstanceRecord | undefined {
  const source = reader.get("databaseInstance", replicaOf?.arn);
  return source?.resourceId === replicaOf?.resourceId && source?.deleting === false ? source : undefined;
}

function addressOf(reader: Reader, { networkInterfaceId }: DatabaseInstanceRecord): string | undefined {
  return reader.get("networkInterface", networkInterfaceId)?.privateIp;
}

/** What replicas log in at their source with. It is derived, so that no record holds it. */
function passwordOf({ secretId }: AssignmentDeps, { resourceId }: DatabaseInstanceRecord): string {
  return secretId(`database-replication/${resourceId}`);
}

/** Several threads commit transactions in groups. One by one, each waits for the disk, and the replica falls behind. */
const REPLICA_OPTIONS = ["--read-only=1", "--slave-parallel-threads=8"];

/** A file that a node was given stays there: what does not hold any more is an empty file. */
const NO_FILES = { replication: "", "replication-sql": "", replica: "" };

/**
 * The files that make a MariaDB server a source or a replica, and the start options that go with them: the server is
 * started anew when one of these changes. Replicas and servers with automated backups write a binary log with global
 * transaction ids. A replica begins with a copy of its source's files: the binary log in it says which transaction of
 * the source is the last one that the copy contains.
 * Source: MariaDB Knowledge Base, "Global Transaction ID", "CHANGE MASTER TO".
 */
export function mariadbReplication(
  reader: Reader,
  deps: AssignmentDeps,
  database: DatabaseInstanceRecord,
): { readonly files: Readonly<Record<string, string>>; readonly options: string } {
  const isReplica = database.replicaOf !== undefined;
  const hasBackups = Number(database.settings?.["BackupRetentionPeriod"] ?? 0) > 0;
  if (!isReplica && !hasBackups) return { files: { ...NO_FILES }, options: "" };
  const id = createHash("sha256").update(database.resourceId).digest().readUInt32BE(0);
  const options = [
    ...["--log-bin=gantry-bin", "--log-slave-updates", "--sync-binlog=1", `--server-id=${Math.max(1, id)}`],
    ...[`--binlog-expire-logs-seconds=${BINLOG_SECONDS}`, ...(isReplica ? REPLICA_OPTIONS : [])],
  ].map((line) => `${line}\n`);
  const hasReplicas = replicasOf(reader, database).length > 0;
  const statements = [
    ...(hasReplicas ? userStatements(passwordOf(deps, database)) : [`DROP USER IF EXISTS '${USER}'@'%';`]),
    ...followStatements(reader, deps, database),
  ];
  const sql = ["SET SESSION sql_log_bin = 0;", ...statements].map((line) => `${line}\n`);
  return {
    files: {
      replication: options.join(""),
      "replication-sql": sql.join(""),
      replica: isReplica ? "yes\n" : "",
    },
    options: options.join(""),
  };
}

function userStatements(password: string): readonly string[] {
  return [
    `CREATE USER IF NOT EXISTS '${USER}'@'%';`,
    `ALTER USER '${USER}'@'%' IDENTIFIED BY '${password}';`,
    `GRANT REPLICATION SLAVE ON *.* TO '${USER}'@'%';`,
  ];
}

/** The replica's own binary log has every transaction that it applied: it goes on after the last. */
function followStatements(
  reader: Reader,
  deps: AssignmentDeps,
  database: DatabaseInstanceRecord,
): readonly string[] {
  const source = sourceOf(reader, database);
  const address = source && addressOf(reader, source);
  if (source === undefined || address === undefined) return [];
  return [
    "STOP SLAVE;",
    "SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_binlog_pos;",
    `CHANGE MASTER TO MASTER_HOST = '${address}', MASTER_PORT = ${source.port}, MASTER_USER = '${USER}', ` +
      `MASTER_PASSWORD = '${passwordOf(deps, source)}', MASTER_CONNECT_RETRY = 1, MASTER_USE_GTID = slave_pos;`,
    "START SLAVE;",
  ];
}

/**
 * The files that make a server of PostgreSQL a source or a replica, and the rules that let replicas in.
 * Source: PostgreSQL 15, "Log-Shipping Standby Servers", "Streaming Replication".
 */
export function postgresReplication(
  reader: Reader,
  deps: AssignmentDeps,
  database: DatabaseInstanceRecord,
): { readonly files: Readonly<Record<string, string>>; readonly access: string } {
  const replicas = followersOf(reader, database);
  const addresses = replicas.flatMap((each) => addressOf(reader, each) ?? []);
  const access = addresses.map((ip) => `hostssl replication ${USER} ${ip}/32 scram-sha-256\n`).join("");
  const standby = standbyToken(standbyOf(reader, database)) ?? "";
  if (database.replicaOf !== undefined)
    return {
      files: { ...followFiles(reader, deps, database), standby: isStandby(database) ? standby : "" },
      access,
    };
  const slots = replicas.map((each) => `('${slotOf(each)}')`).join(", ");
  const others = slots === "" ? "" : ` AND slot_name NOT IN (VALUES ${slots})`;
  const sql = [
    ...(slots === "" ? [] : sourceStatements(verifierOf(deps, database), slots)),
    `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots ` +
      `WHERE starts_with(slot_name, '${SLOT}') AND NOT active${others};`,
    // It is run again until no other slot is left.
    `SELECT 'left' FROM pg_replication_slots WHERE starts_with(slot_name, '${SLOT}')${others};`,
    "",
  ];
  const none = { source: "", "source-address": "", "source-slot": "", "source-server": "" };
  return { files: { ...none, standby, replication: sql.join("\n") }, access };
}

/** The servers that follow an instance: its read replicas, and its standby. Nothing follows a standby. */
function followersOf(reader: Reader, database: DatabaseInstanceRecord): readonly DatabaseInstanceRecord[] {
  if (isStandby(database)) return [];
  return [...replicasOf(reader, database), ...followingStandby(reader, database)];
}

function sourceStatements(verifier: string, slots: string): readonly string[] {
  return [
    `SELECT 'CREATE ROLE ${USER}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${USER}') \\gexec`,
    `ALTER ROLE ${USER} WITH LOGIN REPLICATION PASSWORD '${verifier}';`,
    `SELECT pg_create_physical_replication_slot(name, true) FROM (VALUES ${slots}) AS wanted (name) ` +
      "WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = name);",
  ];
}

/** Verifiers that were computed: one takes milliseconds. */
const verifiers = new Map<string, string>();
const VERIFIERS_MAX = 1_000;

function verifierOf(deps: AssignmentDeps, database: DatabaseInstanceRecord): string {
  const password = passwordOf(deps, database);
  const known = verifiers.get(password);
  if (known !== undefined) return known;
  const salt = createHash("sha256").update(deps.secretId(`database-replication-salt/${database.resourceId}`));
  const verifier = scramVerifier(password, salt.digest().subarray(0, 16));
  if (verifiers.size >= VERIFIERS_MAX) verifiers.clear();
  verifiers.set(password, verifier);
  return verifier;
}

/**
 * What a replica of PostgreSQL is started anew for: the failover of its source. It copies the new primary then, because
 * it may have received what that one had not.
 */
export function followedServer(reader: Reader, database: DatabaseInstanceRecord): string {
  const primaryId = sourceOf(reader, database)?.primaryId;
  return primaryId === undefined ? "" : ` source ${primaryId}`;
}

/** A replica without the address of its source waits for it: with an empty file it would take writes. */
const NO_SOURCE = {
  ...{ source: "# none\n", "source-address": "", "source-slot": "", "source-server": "", replication: "" },
};

function followFiles(
  reader: Reader,
  deps: AssignmentDeps,
  database: DatabaseInstanceRecord,
): Readonly<Record<string, string>> {
  const source = sourceOf(reader, database);
  const address = source && addressOf(reader, source);
  if (source === undefined || address === undefined) return { ...NO_SOURCE };
  const connection =
    `host=${address} port=${source.port} user=${USER} password=${passwordOf(deps, source)} ` +
    `sslmode=require application_name=${slotOf(database)}`;
  const slot = slotOf(database);
  return {
    replication: "",
    source: `primary_conninfo = '${connection}'\nprimary_slot_name = '${slot}'\n`,
    "source-address": connection,
    "source-slot": slot,
    "source-server": `${primaryIdOf(source)} ${source.resourceId}\n`,
  };
}

const SLOT = "gantry_";

/** The slot of a follower at its source. A replica has the same one after a failover of its own. */
function slotOf(database: DatabaseInstanceRecord): string {
  return followerName(isStandby(database) ? primaryIdOf(database) : database.resourceId);
}

type Groups = VpcAssignment["groups"];

/**
 * Groups that let replicas reach their sources, and nothing else: RDS replicates beside the rules that the owner gives
 * the instances. `groupsOf` has the groups of an interface, by its id.
 * Source: Amazon RDS User Guide, "Working with DB instance read replicas", "Read replicas and security groups".
 */
export function replicationGroups(
  reader: Reader,
  vpcId: string,
): { readonly groups: Groups; readonly groupsOf: ReadonlyMap<string, readonly string[]> } {
  const groups: Groups[number][] = [];
  const groupsOf = new Map<string, string[]>();
  const servers = reader
    .list("databaseInstance")
    .flatMap((each) => [each, ...followingStandby(reader, each)]);
  for (const replica of servers) {
    if (replica.vpcId !== vpcId || replica.replicaOf === undefined) continue;
    const source = sourceOf(reader, replica);
    const [to, from] = [source && addressOf(reader, source), addressOf(reader, replica)];
    if (source === undefined || to === undefined || from === undefined) continue;
    const rule = { protocol: "tcp", fromPort: source.port, toPort: source.port, groupId: undefined };
    const id = `sg-replica-${replica.networkInterfaceId}`;
    groups.push(
      { id, rules: [{ ...rule, direction: "egress", cidr: `${to}/32` }] },
      { id: `${id}-source`, rules: [{ ...rule, direction: "ingress", cidr: `${from}/32` }] },
    );
    groupsOf.set(replica.networkInterfaceId, [...(groupsOf.get(replica.networkInterfaceId) ?? []), id]);
    const held = groupsOf.get(source.networkInterfaceId) ?? [];
    groupsOf.set(source.networkInterfaceId, [...held, `${id}-source`]);
  }
  return { groups, groupsOf };
}

function followingStandby(
  reader: Reader,
  database: DatabaseInstanceRecord,
): readonly DatabaseInstanceRecord[] {
  const standby = standbyOf(reader, database);
  return standby === undefined ? [] : [asStandby(database, standby)];
}

/** The subjects that a change of an instance affects: its servers, its source and its replicas. */
export function replicationSubjects(reader: Reader, arn: string): readonly string[] {
  const database = reader.get("databaseInstance", arn);
  // Of one that is gone, the source is not known.
  if (database === undefined)
    return [arn, ...reader.keys("databaseInstance")].map((each) => `database/${each}`);
  const { replicaOf } = database;
  const others = [...(replicaOf === undefined ? [] : [replicaOf]), ...replicasOf(reader, database)];
  const standbys = standbysOf(reader, database).map(({ id }) => `standby/${id}`);
  const copied = reader.keysBy("databaseSnapshot", "pending", database.resourceId);
  return [
    ...[...[database, ...others].map((each) => `database/${each.arn}`), ...standbys],
    ...copied.map((key) => `databaseSnapshot/${key}`),
  ];
}

/** Whether the files that a replica begins with are still to be copied from its source. */
export function isSeedPending(reader: Reader, { restoredFrom, status }: DatabaseInstanceRecord): boolean {
  if (restoredFrom === undefined || status !== "creating") return false;
  const [seed] = reader.listBy("databaseSnapshot", "id", restoredFrom);
  return seed?.type === "replica" && seed.completedAt === undefined;
}

/** Removes the files that a replica began with, once it has its own. */
export function removeSeed(tx: Transaction, { restoredFrom }: DatabaseInstanceRecord): void {
  if (restoredFrom === undefined) return;
  for (const key of tx.keysBy("databaseSnapshot", "id", restoredFrom))
    if (tx.get("databaseSnapshot", key)?.type === "replica") tx.delete("databaseSnapshot", key);
}

/** Records which replicas of a node receive the changes of their sources. */
export function recordReplication(store: Store, nodeId: string, usage: readonly UsageSample[]): void {
  for (const { pod, replicaLagSeconds: lag } of usage) {
    if (lag === undefined) continue;
    const replicating = lag >= 0;
    store.transact((tx) => {
      const database = tx.list("databaseInstance").find((each) => `pod/${primaryIdOf(each)}` === pod);
      if (database === undefined || hostOf(tx, database) !== nodeId) return;
      if (database.replicaOf !== undefined && database.replicating !== replicating)
        tx.put("databaseInstance", database.arn, { ...database, replicating });
    });
  }
}
