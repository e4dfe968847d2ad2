import { MemoryStore, type DatabaseInstanceRecord } from "@gantry/state";
import { promote } from "@gantry/state/transactions/replicas";
import { beforeEach, describe, expect, it } from "vitest";
import { databaseAssignment } from "./database-assignment.ts";
import {
  mariadbReplication,
  postgresReplication,
  recordReplication,
  removeSeed,
  replicationGroups,
  replicationSubjects,
} from "./database-replication.ts";
import { snapshotSubjects } from "./database-snapshots.ts";
import type { AssignmentDeps } from "./pod-assignment.ts";

const deps = {
  vault: { open: (text: string) => text },
  secretId: (text: string) => `secret of ${text}`,
  databaseImage: "gantry/mariadb",
  postgresImage: "gantry/postgres",
} as unknown as AssignmentDeps; // What is looked at.
const SOURCE = { arn: "source", resourceId: "db-SOURCE" };
const SEED = "snapshot-1";
let store: MemoryStore;

const recordOf = (arn: string): DatabaseInstanceRecord => store.get("databaseInstance", arn) ?? expect.fail();
const change = (arn: string, more: Partial<DatabaseInstanceRecord>): void =>
  store.transact((tx) => tx.put("databaseInstance", arn, { ...recordOf(arn), ...more }));
const mariadb = (arn: string) => mariadbReplication(store, deps, recordOf(arn));
const postgres = (arn: string) => postgresReplication(store, deps, recordOf(arn));
const sqlOf = (arn: string) => mariadb(arn).files["replication-sql"];

function put(name: string, ip: string, more: Partial<DatabaseInstanceRecord>): void {
  store.transact((tx) => {
    const eni = {
      id: `eni-${name}`,
      subnetId: "subnet-1",
      vpcId: "vpc-1",
      privateIp: ip,
      owner: { key: name },
    };
    tx.put("networkInterface", eni.id, eni as never);
    tx.put("databaseInstance", name, {
      ...{
        arn: name,
        identifier: name,
        resourceId: `db-${name.toUpperCase()}`,
        nodeId: "node-1",
        vpcId: "vpc-1",
      },
      ...{ engine: "mariadb", engineVersion: "10.11.11", instanceClass: "db.t3.micro", port: 3_306 },
      ...{ networkInterfaceId: eni.id, sealedPassword: "password", masterUsername: "admin", deleting: false },
      certificate: { certificatePem: "C", chainPem: "", sealedKey: "K" },
      ...{ allocatedStorageGiB: 20, stopped: false, status: "available", ...more },
    } as unknown as DatabaseInstanceRecord); // What is looked at.
  });
}

beforeEach(() => {
  store = new MemoryStore();
  store.transact((tx) => {
    const subnet = { id: "subnet-1", cidr: "10.0.0.0/24", vpcId: "vpc-1" };
    tx.put("vpc", "vpc-1", { id: "vpc-1", cidr: "10.0.0.0/16", region: "eu-south-1" } as never);
    tx.put("subnet", "subnet-1", subnet as never);
    const seed = { id: SEED, type: "replica", nodeId: "node-1", source: SOURCE.resourceId, instance: SOURCE };
    tx.put("databaseSnapshot", `x#${SEED}`, seed as never);
  });
  put("source", "10.0.0.8", { settings: { BackupRetentionPeriod: 1 } });
  put("replica", "10.0.0.9", { replicaOf: SOURCE, restoredFrom: SEED, status: "creating" });
});

describe("a replica of MariaDB", () => {
  it("follows its source by the transactions that its own log has, and takes no writes", () => {
    const { files, options } = mariadb("replica");
    expect(options).toContain("--read-only=1\n");
    expect(files).toMatchObject({ replication: options, replica: "yes\n" });
    expect(sqlOf("replica")).toMatch(
      /gtid_slave_pos = @@GLOBAL.gtid_binlog_pos;\nCHANGE MASTER TO MASTER_HOST = '10.0.0.8', MASTER_PORT = 3306/,
    );
    expect(sqlOf("replica")).toContain(
      "MASTER_PASSWORD = 'secret of database-replication/db-SOURCE', MASTER_CONNECT_RETRY = 1",
    );
    const idOf = (arn: string) => /--server-id=(\d+)/.exec(mariadb(arn).options)?.[1];
    expect(idOf("replica")).not.toBe(idOf("source"));
  });

  it("has a user at its source, who goes with the last replica", () => {
    expect(sqlOf("source")).toContain("GRANT REPLICATION SLAVE");
    expect(mariadb("source").options).not.toContain("read-only");
    change("replica", { deleting: true });
    expect(sqlOf("source")).toContain("DROP USER IF EXISTS 'rdsrepladmin'");
    change("source", { settings: { BackupRetentionPeriod: 0 } });
    expect(Object.values(mariadb("source").files).join("")).toBe("");
  });

  it("starts once the files of its source are copied, which are removed when it is available", () => {
    const assignment = () => databaseAssignment(store, deps, recordOf("replica"));
    expect(assignment()).toBeUndefined();
    put("restored", "10.0.0.10", { restoredFrom: SEED, status: "creating" });
    expect(snapshotSubjects(store, `x#${SEED}`)).toEqual(
      expect.arrayContaining(["database/replica", "database/restored"]),
    );
    store.transact((tx) => {
      const seed = tx.get("databaseSnapshot", `x#${SEED}`) ?? expect.fail();
      tx.put("databaseSnapshot", `x#${SEED}`, { ...seed, completedAt: 1 });
    });
    expect(assignment()?.volumes[0]).toMatchObject({ source: `rds/${SEED}` });
    expect(assignment()?.containers[0]?.environment).toContain("DATABASE_NAME=");
    store.transact((tx) => removeSeed(tx, recordOf("replica")));
    expect(store.list("databaseSnapshot")).toEqual([]);
  });

  it("starts anew as a server of its own, and leaves what was received", () => {
    change("replica", { status: "available" });
    const labelsOf = () => databaseAssignment(store, deps, recordOf("replica"))?.containers[0]?.labels;
    const before = labelsOf();
    store.transact((tx) => promote(tx, recordOf("replica"), { BackupRetentionPeriod: 1 }));
    expect(labelsOf()).not.toEqual(before);
    expect(recordOf("replica")).toMatchObject({ status: "rebooting", restarts: 1 });
    expect(sqlOf("replica")).not.toContain("CHANGE MASTER");
    expect(mariadb("replica").files["replica"]).toBe("");
  });

  it("follows no instance that has taken the name of its source", () => {
    change("source", { resourceId: "db-ANOTHER" });
    expect(sqlOf("replica")).not.toContain("CHANGE MASTER");
    expect(sqlOf("source")).toContain("DROP USER");
    expect(replicationGroups(store, "vpc-1").groups).toEqual([]);
  });
});

describe("a replica of PostgreSQL", () => {
  beforeEach(() => {
    change("source", { engine: "postgres", port: 5_432 });
    change("replica", { engine: "postgres", port: 5_432 });
  });

  it("follows its source over TLS, by a slot of its own", () => {
    const { source, "source-address": address, "source-slot": slot } = postgres("replica").files;
    expect(slot).toBe("gantry_db_replica");
    expect(address).toMatch(/^host=10.0.0.8 port=5432 user=rdsrepladmin password=\S.* sslmode=require /);
    expect(source).toBe(`primary_conninfo = '${address}'\nprimary_slot_name = 'gantry_db_replica'\n`);
    change("source", { networkInterfaceId: "eni-none" });
    // An empty file would end the replication.
    expect(postgres("replica").files["source"]).toBe("# none\n");
    store.transact((tx) => promote(tx, recordOf("replica"), {}));
    expect(postgres("replica").files).toMatchObject({ source: "", "source-address": "", "source-slot": "" });
  });

  it("is let in by its source at its own address alone, which does not have the password", () => {
    const { access, files } = postgres("source");
    expect(access).toBe("hostssl replication rdsrepladmin 10.0.0.9/32 scram-sha-256\n");
    expect(files["replication"]).toContain("('gantry_db_replica')");
    expect(files["replication"]).not.toContain("secret of");
    change("replica", { deleting: true });
    const gone = postgres("source");
    expect([gone.access, gone.files["replication"]]).toEqual([
      "",
      expect.not.stringContaining("gantry_db_replica"),
    ]);
    expect(gone.files["replication"]).toContain("pg_drop_replication_slot");
  });
});

describe("replication", () => {
  it("passes the security groups of both instances, from the one address to the other's port", () => {
    const { groups, groupsOf } = replicationGroups(store, "vpc-1");
    const [out = "", into = ""] = groups.map(({ id }) => id);
    expect(groupsOf).toEqual(
      new Map([
        ["eni-replica", [out]],
        ["eni-source", [into]],
      ]),
    );
    const rule = { protocol: "tcp", fromPort: 3_306, toPort: 3_306, groupId: undefined };
    expect(groups.map(({ rules }) => rules)).toEqual([
      [{ ...rule, direction: "egress", cidr: "10.0.0.8/32" }],
      [{ ...rule, direction: "ingress", cidr: "10.0.0.9/32" }],
    ]);
    expect(replicationGroups(store, "vpc-2").groups).toEqual([]);
  });

  it("concerns the source and the replicas of an instance that changes, and any source of one that is gone", () => {
    // The folder of a source has another name after a failover: what is copied from it is looked at again.
    const seed = `databaseSnapshot/x#${SEED}`;
    expect(replicationSubjects(store, "source")).toEqual(["database/source", "database/replica", seed]);
    expect(replicationSubjects(store, "replica")).toEqual(["database/replica", "database/source"]);
    expect(replicationSubjects(store, "gone")).toContain("database/source");
  });

  it("is reported by the node of the replica alone", () => {
    const sample = { pod: "pod/db-REPLICA", from: 0, until: 1, cpuSeconds: 0, memoryBytes: 0 };
    const report = (nodeId: string, replicaLagSeconds: number, pod = sample.pod) =>
      recordReplication(store, nodeId, [{ ...sample, pod, replicaLagSeconds }]);
    report("node-2", 0);
    expect(recordOf("replica").replicating).toBeUndefined();
    report("node-1", 0);
    expect(recordOf("replica").replicating).toBe(true);
    report("node-1", -1);
    expect(recordOf("replica").replicating).toBe(false);
    report("node-1", 0, "pod/db-SOURCE");
    expect(recordOf("source")).not.toHaveProperty("replicating");
  });
});
