import { checkAssignment } from "@gantry/agent/checks/check-assignment";
import type { PodAssignment, PodObservation } from "@gantry/agent-protocol";
import { MemoryStore, type DatabaseInstanceRecord, type NetworkInterfaceRecord } from "@gantry/state";
import { beforeEach, describe, expect, it } from "vitest";
import { databaseAssignment } from "./database-assignment.ts";
import type { AssignmentDeps } from "./pod-assignment.ts";
import { recordDatabase } from "./record-database.ts";

const NODE = { nodeId: "node-1", id: "db-A", now: 1 };
const deps = {
  vault: { open: (text: string) => text },
  secretId: (text: string) => text,
  databaseImage: "gantry/mariadb",
} as unknown as AssignmentDeps; // What is looked at.
let store: MemoryStore;

const database = (): DatabaseInstanceRecord => store.get("databaseInstance", "arn") ?? expect.fail();
const change = (more: Partial<DatabaseInstanceRecord>): void =>
  store.transact((tx) => tx.put("databaseInstance", "arn", { ...database(), ...more }));
const assignment = () => databaseAssignment(store, deps, database()) ?? expect.fail();
const filesOf = () =>
  assignment().volumes.flatMap((each) => (each.type === "secrets" ? [each.files] : []))[0] ?? {};
/** What the node reports of the server's container. */
const observe = (
  phase: PodObservation["phase"],
  runtimeId: string,
  health: "HEALTHY" | "UNKNOWN" = "HEALTHY",
) =>
  store.transact((tx) => {
    const status = phase === "stopped" ? "STOPPED" : "RUNNING";
    const observation = { phase, containers: [{ runtimeId, status, health }] };
    recordDatabase(tx, NODE, observation as unknown as PodObservation); // What is looked at.
  });

beforeEach(() => {
  store = new MemoryStore();
  store.transact((tx) => {
    const subnet = { id: "subnet-1", cidr: "10.0.0.0/24", vpcId: "vpc-1" };
    tx.put("vpc", "vpc-1", { id: "vpc-1", cidr: "10.0.0.0/16", region: "eu-south-1" } as never);
    tx.put("subnet", "subnet-1", subnet as never);
    const eni = {
      id: "eni-1",
      subnetId: "subnet-1",
      vpcId: "vpc-1",
      privateIp: "10.0.0.9",
      owner: { key: "db-A" },
    };
    tx.put("networkInterface", "eni-1", eni as unknown as NetworkInterfaceRecord); // As above.
    tx.put("databaseInstance", "arn", {
      ...{ arn: "arn", resourceId: "db-A", nodeId: "node-1", engine: "mysql", engineVersion: "8.0.40" },
      certificate: { certificatePem: "CERTIFICATE", chainPem: "CHAIN", sealedKey: "KEY", notAfter: 1 },
      ...{ instanceClass: "db.t3.micro", allocatedStorageGiB: 20, port: 3_306, networkInterfaceId: "eni-1" },
      ...{
        sealedPassword: "secret",
        masterUsername: "admin",
        deleting: false,
        stopped: false,
        status: "creating",
      },
    } as unknown as DatabaseInstanceRecord); // As above.
  });
});

describe("a database server", () => {
  it("ships its lines as those of the database, which the agent accepts", () => {
    const resourceId = "db-AAAAAAAAAAAAAAAAAAAAAAAAAA";
    change({ resourceId, region: "eu-south-1" });
    const pod = { ...assignment(), interface: { ...assignment().interface, mac: "02:00:0a:00:00:09" } };
    expect(pod.containers[0]?.logs).toMatchObject({ databaseId: resourceId, group: "", stream: "" });
    expect(checkAssignment(pod)).toMatchObject({ type: "accepted", problems: [] });
    const [container] = pod.containers;
    for (const databaseId of ["../db", "i-1", "db-a", ""]) {
      const logs = { ...container?.logs, databaseId };
      const changed = { ...pod, containers: [{ ...container, logs }] } as PodAssignment;
      expect(checkAssignment(changed)).toMatchObject({ type: "refused" });
    }
  });

  it("gets the options and the settings of its parameter group as files", () => {
    expect(filesOf()).toMatchObject({ options: "", settings: "" });
    const values = { back_log: "99", max_connections: "{DBInstanceVCPU*50}", slow_query_log: null };
    change({ parameters: { groupName: "ours", values } });
    expect(filesOf()).toMatchObject({
      options: "--back-log=99\n",
      settings: "SET GLOBAL max_connections = 100;\nSET GLOBAL slow_query_log = 0;\n",
    });
  });

  it("is started anew by a reboot, and by no change of a setting", () => {
    const labels = () => assignment().containers[0]?.labels;
    const before = labels();
    change({ parameters: { groupName: "ours", values: { max_connections: "99" } } });
    expect(labels()).toEqual(before);
    change({ restarts: 1 });
    expect(labels()).not.toEqual(before);
  });

  it("is available after a reboot once another container answers", () => {
    observe("running", "one", "UNKNOWN");
    expect(database().status).toBe("creating");
    observe("running", "one");
    expect(database().status).toBe("available");
    change({ status: "rebooting", restarts: 1 });
    observe("running", "one");
    expect(database().status).toBe("rebooting");
    observe("running", "two");
    expect(database()).toMatchObject({ status: "available", serverId: "two" });
  });

  it("stops while its KMS key cannot be used, and starts again with it", () => {
    const setKey = (enabled: boolean) =>
      store.transact((tx) =>
        tx.put("kmsKey", "key", { arn: "key", enabled, usage: "ENCRYPT_DECRYPT" } as never),
      );
    setKey(true);
    change({ kmsKeyArn: "key" });
    observe("running", "one");
    expect(assignment().desired).toBe("RUNNING");
    setKey(false);
    expect(assignment()).toMatchObject({ desired: "STOPPED", purge: [] });
    observe("stopped", "one");
    expect(database()).toMatchObject({ status: "starting", stopped: false });
    setKey(true);
    expect(assignment().desired).toBe("RUNNING");
    observe("running", "one");
    expect(database().status).toBe("available");
  });

  it("stops, stays stopped, and starts with its data", () => {
    observe("running", "one");
    change({ status: "stopping" });
    expect(assignment()).toMatchObject({ desired: "STOPPED", purge: [] });
    observe("running", "one");
    expect(database().status).toBe("stopping");
    observe("stopped", "one");
    observe("running", "one");
    expect(database()).toMatchObject({ status: "stopped", stopped: false });
    change({ status: "starting", restarts: 1 });
    expect(assignment().desired).toBe("RUNNING");
    observe("running", "two");
    expect(database().status).toBe("available");
    change({ deleting: true });
    observe("stopped", "two");
    expect(database()).toMatchObject({ status: "deleting", stopped: true });
  });
});
