import { checkAssignment } from "@gantry/agent/checks/check-assignment";
import type { PodObservation } from "@gantry/agent-protocol";
import { MemoryStore, type DatabaseInstanceRecord, type DatabaseSnapshotRecord } from "@gantry/state";
import { beforeEach, describe, expect, it } from "vitest";
import { assignmentKeyOf, assignmentOf, subjectsOf } from "./assignments-for.ts";
import { databaseAssignment } from "./database-assignment.ts";
import { recordDatabaseSnapshot } from "./database-snapshots.ts";
import type { AssignmentDeps } from "./pod-assignment.ts";
import { recordDatabase } from "./record-database.ts";

const DATABASE = "db-AAAAAAAAAAAAAAAAAAAAAAAAAA";
const ID = "snapshot-0123456789abcdef0";
const ARN = "arn:aws:rds:eu-south-1:000000000000:snapshot:one";
const KEY = `${ARN}#${ID}`;
const deps = {
  vault: { open: (text: string) => text },
  secretId: (text: string) => text,
  databaseImage: "gantry/mariadb",
} as unknown as AssignmentDeps; // What is looked at.
let store: MemoryStore;

const snapshot = () => store.get("databaseSnapshot", KEY);
const database = (): DatabaseInstanceRecord => store.get("databaseInstance", "arn") ?? expect.fail();
const change = (more: Partial<DatabaseInstanceRecord>): void =>
  store.transact((tx) => tx.put("databaseInstance", "arn", { ...database(), ...more }));
const files = (nodeId = "node-1") => assignmentOf(store, deps, nodeId, `databaseSnapshot/${KEY}`);
const report = (nodeId: string, key = `databaseSnapshot/${ID}`) =>
  store.transact((tx) => recordDatabaseSnapshot(tx, { nodeId, now: 7, realNow: 9 }, { key, bytes: 4_096 }));

beforeEach(() => {
  store = new MemoryStore();
  store.transact((tx) => {
    tx.put("vpc", "vpc-1", { id: "vpc-1", cidr: "10.0.0.0/16", region: "eu-south-1" } as never);
    tx.put("subnet", "subnet-1", { id: "subnet-1", cidr: "10.0.0.0/24", vpcId: "vpc-1" } as never);
    const eni = { id: "eni-1", subnetId: "subnet-1", vpcId: "vpc-1", privateIp: "10.0.0.9" };
    tx.put("networkInterface", "eni-1", { ...eni, owner: { key: DATABASE } } as never);
    tx.put("databaseInstance", "arn", {
      ...{ arn: "arn", resourceId: DATABASE, nodeId: "node-1", engine: "mysql", engineVersion: "8.0.40" },
      certificate: { certificatePem: "CERTIFICATE", chainPem: "CHAIN", sealedKey: "KEY", notAfter: 1 },
      ...{ instanceClass: "db.t3.micro", allocatedStorageGiB: 20, port: 3_306, networkInterfaceId: "eni-1" },
      ...{ sealedPassword: "secret", masterUsername: "admin", deleting: false, stopped: false },
      status: "available",
    } as unknown as DatabaseInstanceRecord); // What is looked at.
    tx.put("databaseSnapshot", KEY, {
      ...{ arn: ARN, id: ID, nodeId: "node-1", source: DATABASE, instance: { arn: "arn" } },
    } as unknown as DatabaseSnapshotRecord); // As above.
  });
});

describe("the files of a snapshot", () => {
  it("are copied on the node of the instance, once", () => {
    expect(files()).toEqual({ kind: "databaseSnapshot", key: `databaseSnapshot/${ID}`, source: DATABASE });
    expect(checkAssignment(files())).toMatchObject({ type: "accepted" });
    expect(files("node-2")).toBeUndefined();
    report("node-1");
    expect(snapshot()).toMatchObject({ completedAt: 7, storedBytes: 4_096 });
    // Files that are lost afterwards are not copied anew: the database has changed.
    expect(files()).toEqual({ kind: "databaseSnapshot", key: `databaseSnapshot/${ID}` });
    report("node-1");
    expect(snapshot()?.completedAt).toBe(7);
  });

  it("are not reported by another node, nor for another snapshot", () => {
    report("node-2");
    report("node-1", "databaseSnapshot/snapshot-0123456789abcdef1");
    report("node-1", `databaseSnapshot/${KEY}`);
    expect(snapshot()?.completedAt).toBeUndefined();
  });

  it("are removed from the node after the record is", () => {
    store.transact((tx) => tx.delete("databaseSnapshot", KEY));
    const changed = { revision: 1, kind: "databaseSnapshot", key: KEY } as const;
    expect(subjectsOf(store, { ...changed, account: undefined, region: undefined })).toEqual([
      `databaseSnapshot/${KEY}`,
    ]);
    expect(files()).toBeUndefined();
    expect(assignmentKeyOf(store, `databaseSnapshot/${KEY}`)).toBe(`databaseSnapshot/${ID}`);
  });

  it("are copied before those of a deleted database go", () => {
    change({ deleting: true, status: "deleting" });
    const stopped = { phase: "stopped", containers: [{ runtimeId: "one", status: "STOPPED" }] };
    const node = { nodeId: "node-1", id: DATABASE, now: 1 };
    // What is looked at.
    store.transact((tx) => recordDatabase(tx, node, stopped as unknown as PodObservation));
    expect(database().stopped).toBe(true);
    expect(databaseAssignment(store, deps, database())).toMatchObject({ desired: "STOPPED" });
    report("node-1");
    expect(databaseAssignment(store, deps, database())).toBeUndefined();
    const changed = { revision: 1, kind: "databaseSnapshot", key: KEY } as const;
    expect(subjectsOf(store, { ...changed, account: undefined, region: undefined })).toContain(
      "database/arn",
    );
  });

  it("are what a restored database begins with, until it is available", () => {
    change({ status: "creating", restoredFrom: ID });
    const data = () => databaseAssignment(store, deps, database())?.volumes[0];
    const folder = { type: "folder", id: "data", path: `rds/${DATABASE}` };
    expect(data()).toEqual({ ...folder, source: `rds/${ID}` });
    change({ status: "available" });
    expect(data()).toEqual(folder);
    change({ deleting: true });
    expect(databaseAssignment(store, deps, database())?.purge).toEqual([
      `rds/${DATABASE}`,
      `rds/${DATABASE}-new`,
    ]);
  });
});

it.each([
  { key: "databaseSnapshot/../../etc" },
  { key: `databaseSnapshot/${DATABASE}` },
  { key: `databaseSnapshot/${ID}`, source: "../efs/fs-1" },
  { key: `databaseSnapshot/${ID}`, source: `${DATABASE}/..` },
])("an agent refuses the files %j", (more) => {
  expect(checkAssignment({ kind: "databaseSnapshot", ...more })).toMatchObject({ type: "refused" });
});
