import type { PodObservation } from "@gantry/agent-protocol";
import { MemoryStore, type DatabaseInstanceRecord, type DatabaseStandbyRecord } from "@gantry/state";
import { standbyOf, standbysOf, standbyToken } from "@gantry/state/transactions/standbys";
import { beforeEach, describe, expect, it } from "vitest";
import type { ControllerDeps } from "../controller-deps.ts";
import { assignmentKeyOf, assignmentOf, subjectsOf } from "../node/assignments-for.ts";
import { replicationGroups } from "../node/database-replication.ts";
import { standbysIn } from "../node/database-standbys.ts";
import { recordFile } from "../node/record-file.ts";
import { namesIn } from "../node/vpc-names.ts";
import type { AssignmentDeps } from "../node/pod-assignment.ts";
import { recordPod, recordRemoved } from "../node/record-pod.ts";
import { standbyController } from "./standby-controller.ts";

const ARN = "arn:aws:rds:eu-south-1:000000000000:db:prod";
const NODE = "node-1";
const assignmentDeps = {
  vault: { open: (text: string) => text },
  secretId: (text: string) => `secret of ${text}`,
  ...{ databaseImage: "gantry/mariadb", postgresImage: "gantry/postgres" },
} as unknown as AssignmentDeps; // What is looked at.
let store: MemoryStore;
let now = 0;
let count = 0;

const deps = () =>
  ({
    store,
    clock: { now: () => now },
    ids: {
      hex: (length: number) => String((count += 1)).padStart(length, "0"),
      upper: () => `NEW${(count += 1)}`,
    },
    log: { warn: () => undefined, info: () => undefined },
  }) as unknown as ControllerDeps; // As above.

/** A control plane that ended after any step is one whose loop runs again: each pass is done twice. */
const reconcile = async () => {
  await standbyController(deps()).reconcile(ARN);
  return standbyController(deps()).reconcile(ARN);
};
const database = (): DatabaseInstanceRecord => store.get("databaseInstance", ARN) ?? expect.fail();
const standby = (): DatabaseStandbyRecord => standbyOf(store, database()) ?? expect.fail();
const change = (more: Partial<DatabaseInstanceRecord>): void =>
  store.transact((tx) => tx.put("databaseInstance", ARN, { ...database(), ...more }));
const podOf = (subject: string) => {
  const assignment = assignmentOf(store, assignmentDeps, NODE, subject);
  return assignment?.kind === "pod" ? assignment : undefined;
};
const filesOf = (subject: string): Readonly<Record<string, string>> => {
  const secrets = podOf(subject)?.volumes.find(({ type }) => type === "secrets");
  return secrets?.type === "secrets" ? secrets.files : {};
};

/** A node's report of a server. */
function report(id: string, health: "HEALTHY" | "UNHEALTHY" | "STOPPED", runtimeId = `container of ${id}`) {
  const running = health !== "STOPPED";
  const container = {
    runtimeId,
    status: running ? "RUNNING" : "STOPPED",
    health: running ? health : "UNKNOWN",
  };
  const observation = { key: `pod/${id}`, phase: running ? "running" : "stopped", containers: [container] };
  recordPod(deps(), NODE, observation as unknown as PodObservation); // As above.
}

async function synchronous(): Promise<string> {
  await reconcile();
  const { id } = standby();
  report(id, "HEALTHY");
  report("db-A", "HEALTHY");
  return id;
}

beforeEach(() => {
  store = new MemoryStore();
  now = 1_000_000;
  const place = { account: "000000000000", region: "eu-south-1" };
  store.transact((tx) => {
    for (const zone of ["a", "b"])
      tx.put("subnet", `subnet-${zone}`, {
        ...{ ...place, id: `subnet-${zone}`, vpcId: "vpc-1", availabilityZone: `eu-south-1${zone}` },
        cidr: `10.0.${zone === "a" ? 0 : 1}.0/24`,
      } as never);
    tx.put("vpc", "vpc-1", { ...place, id: "vpc-1", cidr: "10.0.0.0/16", index: 1 } as never);
    const group = "arn:aws:rds:eu-south-1:000000000000:subgrp:ours";
    tx.put("databaseSubnetGroup", group, { ...place, subnetIds: ["subnet-a", "subnet-b"] } as never);
    const eni = { ...place, id: "eni-a", subnetId: "subnet-a", vpcId: "vpc-1", privateIp: "10.0.0.9" };
    tx.put("networkInterface", "eni-a", { ...eni, owner: { key: "db-A" } } as never);
    tx.put("databaseInstance", ARN, {
      ...{
        ...place,
        arn: ARN,
        identifier: "prod",
        resourceId: "db-A",
        nodeId: NODE,
        vpcId: "vpc-1",
        port: 5_432,
      },
      ...{
        engine: "postgres",
        engineVersion: "16.10",
        instanceClass: "db.t3.micro",
        subnetGroupName: "ours",
      },
      ...{ networkInterfaceId: "eni-a", availabilityZone: "eu-south-1a", securityGroups: ["sg-1"] },
      ...{ certificate: { certificatePem: "C", chainPem: "", sealedKey: "K" }, sealedPassword: "password" },
      ...{ endpointName: "prod.example", masterUsername: "owner", deleting: false, stopped: false },
      ...{ status: "available", multiAz: true, conversion: "pending", allocatedStorageGiB: 20 },
    } as unknown as DatabaseInstanceRecord); // As above.
  });
});

describe("the standby of a Multi-AZ instance", () => {
  it("is one, in another zone, and follows the primary alone, whom nobody else reaches through it", async () => {
    change({ status: "creating" });
    await reconcile();
    expect(standbysOf(store, database())).toEqual([]);
    change({ status: "available" });
    await reconcile();
    expect(standbysOf(store, database())).toMatchObject([
      { availabilityZone: "eu-south-1b", nodeId: NODE, state: "joining", epoch: 1 },
    ]);
    const { id, networkInterfaceId } = standby();
    const eni = store.get("networkInterface", networkInterfaceId) ?? expect.fail();
    expect(eni).toMatchObject({ subnetId: "subnet-b", securityGroups: ["sg-1"] });
    const subject = `standby/${id}`;
    expect(podOf(subject)).toMatchObject({
      key: `pod/${id}`,
      desired: "RUNNING",
      volumes: [{ path: `rds/${id}` }, {}],
    });
    expect(podOf(`database/${ARN}`)?.key).toBe("pod/db-A");
    expect(filesOf(subject)["access"]).toBe("local all rdsadmin peer map=platform\nlocal all all reject\n");
    expect(filesOf(subject)["source"]).toContain("host=10.0.0.9 port=5432 user=rdsrepladmin");
    const primary = filesOf(`database/${ARN}`);
    expect(primary["access"]).toContain(`hostssl replication rdsrepladmin ${eni.privateIp}/32`);
    expect(primary["standby"]).toBe(standbyToken(standby()));
    expect(filesOf(subject)["standby"]).toBe(primary["standby"]);
    expect([...replicationGroups(store, "vpc-1").groupsOf.keys()].toSorted()).toEqual(
      ["eni-a", networkInterfaceId].toSorted(),
    );
    // Its lines are not those of the instance.
    expect(podOf(subject)?.containers[0]?.logs?.databaseId).toBe(id);
  });

  it("follows its primary whatever the network ACLs of their subnets say", async () => {
    expect(standbysIn(store, "vpc-1")).toEqual({});
    await reconcile();
    const ip = store.get("networkInterface", standby().networkInterfaceId)?.privateIp;
    expect(standbysIn(store, "vpc-1")).toEqual({
      standbys: [{ primary: "10.0.0.9", standby: ip, port: 5_432 }],
    });
    expect(standbysIn(store, "vpc-2")).toEqual({});
  });

  it("takes over once its own check has said that it has every commit, and not before", async () => {
    await reconcile();
    const { id, networkInterfaceId } = standby();
    report(id, "UNHEALTHY");
    report("db-A", "UNHEALTHY");
    now += 60_000;
    await reconcile();
    expect(database()).toMatchObject({ status: "available", conversion: "pending" });
    report(id, "HEALTHY");
    expect(standby()).toMatchObject({ state: "synchronous", running: true });
    expect(database().conversion).toBe("done");
    await reconcile();
    const after = database();
    expect(after).toMatchObject({
      ...{ primaryId: id, networkInterfaceId, availabilityZone: "eu-south-1b", resourceId: "db-A" },
      ...{ status: "rebooting", failingOver: true, endpointName: "prod.example" },
    });
    expect(after.unhealthySince).toBeUndefined();
    // What was the primary is stopped, keeps its files, and the new one follows nothing.
    expect(podOf("standby/db-A")).toMatchObject({ key: "pod/db-A", desired: "STOPPED", purge: [] });
    expect(assignmentKeyOf(store, `database/${ARN}`)).toBe(`pod/${id}`);
    expect(podOf(`standby/${id}`)).toEqual(podOf(`database/${ARN}`));
    expect(filesOf(`database/${ARN}`)).toMatchObject({ source: "", standby: "" });
    const vpc = { id: "vpc-1", cidr: "10.0.0.0/16" } as never;
    const eni = store.get("networkInterface", networkInterfaceId);
    expect(namesIn(store, vpc).names).toEqual({ "prod.example": [eni?.privateIp] });
    // The container from before is no sign that it has taken over.
    report(id, "HEALTHY");
    expect(database().status).toBe("rebooting");
    report("db-A", "HEALTHY");
    expect(database().status).toBe("rebooting");
    report(id, "HEALTHY", "another container");
    expect(database()).toMatchObject({ status: "available" });
    expect(database().failingOver).toBeUndefined();
  });

  it("does not take over from a server that is stopped while its files are copied, nor do the files go", async () => {
    const key = "arn:aws:rds:eu-south-1:000000000000:snapshot:one#snapshot-1";
    const copy = (completedAt?: number): void =>
      store.transact((tx) =>
        tx.put("databaseSnapshot", key, {
          ...{ id: "snapshot-1", nodeId: NODE, source: "db-A", instance: { arn: ARN }, completedAt },
        } as never),
      );
    const id = await synchronous();
    copy();
    report("db-A", "UNHEALTHY");
    now += 40 * 60_000;
    await reconcile();
    expect(database().status).toBe("available");
    // It has all of 30 s to answer again.
    const copied = { type: "databaseSnapshot", key: "databaseSnapshot/snapshot-1", bytes: 1 } as const;
    store.transact((tx) => recordFile(tx, { nodeId: NODE, now: 1, realNow: now }, copied));
    expect(await reconcile()).toBe(30_000);
    report("db-A", "HEALTHY");
    expect(database()).toMatchObject({ status: "available" });
    // One that ends again and again is copied never: it is not waited for without end.
    copy();
    report("db-A", "STOPPED");
    now += 60 * 60_000;
    await reconcile();
    expect(database().primaryId).toBe(id);
    report(id, "HEALTHY", "another container");
    await reconcile();
    expect(store.get("databaseStandby", "db-A")?.state).toBe("replaced");
    copy(now);
    await reconcile();
    expect(store.get("databaseStandby", "db-A")?.state).toBe("deleting");
  });

  it("is replaced after a failover: the files of the former primary go, and a new one copies the new", async () => {
    const id = await synchronous();
    report("db-A", "STOPPED");
    now += 29_999;
    expect(await reconcile()).toBe(1);
    expect(database().status).toBe("available");
    now += 1;
    await reconcile();
    report("db-A", "STOPPED");
    recordRemoved(deps(), NODE, "pod/db-A");
    expect(store.get("databaseStandby", "db-A")).toMatchObject({ state: "replaced" });
    report(id, "HEALTHY", "another container");
    await reconcile();
    await reconcile();
    expect(podOf("standby/db-A")).toMatchObject({ desired: "STOPPED", purge: ["rds/db-A"] });
    expect(standby()).toMatchObject({ availabilityZone: "eu-south-1a", state: "joining" });
    expect(standby().id).not.toBe(id);
    // Another node says nothing of it.
    recordRemoved(deps(), "node-2", "pod/db-A");
    report("db-A", "STOPPED");
    expect(podOf("standby/db-A")).toBeUndefined();
    recordRemoved(deps(), "node-2", "pod/db-A");
    expect(store.get("databaseStandby", "db-A")).toBeDefined();
    recordRemoved(deps(), NODE, "pod/db-A");
    expect(store.get("databaseStandby", "db-A")).toBeUndefined();
    expect(store.get("networkInterface", "eni-a")).toBeUndefined();
    expect(database()).toMatchObject({ primaryId: id, status: "available" });
  });

  it("holds up the primary for 10 s when it is lost, and takes over no more before it has joined anew", async () => {
    const id = await synchronous();
    report(id, "UNHEALTHY");
    expect(await reconcile()).toBe(10_000);
    report(id, "HEALTHY");
    expect(standby().lostSince).toBeUndefined();
    report(id, "STOPPED");
    now += 10_000;
    await reconcile();
    expect(standby()).toMatchObject({ state: "joining", epoch: 2 });
    expect(filesOf(`database/${ARN}`)["standby"]).toMatch(/ 2$/);
    // A late message about the container of the epoch before.
    report(id, "HEALTHY");
    expect(standby().state).toBe("joining");
    report("db-A", "STOPPED");
    now += 60_000;
    await reconcile();
    expect(database()).toMatchObject({ status: "available" });
    expect(database().primaryId).toBeUndefined();
    report(id, "UNHEALTHY", "another container");
    report(id, "HEALTHY", "another container");
    expect(standby().state).toBe("synchronous");
  });

  it("counts no container that began in another epoch while its node was not connected", async () => {
    await reconcile();
    const { id } = standby();
    // Nothing is heard of the first one until the primary was told to rely on it no more.
    now += 10 * 60_000;
    await reconcile();
    expect(standby()).toMatchObject({ state: "joining", epoch: 2 });
    for (const _ of [1, 2]) report(id, "HEALTHY", "of the first epoch");
    expect(standby().state).toBe("joining");
    report(id, "UNHEALTHY", "of the second epoch");
    report(id, "HEALTHY", "of the second epoch");
    expect(standby().state).toBe("synchronous");
  });

  it("is waited for while the primary is lost as well: what is lost then is not known", async () => {
    const id = await synchronous();
    report("db-A", "STOPPED");
    report(id, "UNHEALTHY");
    now += 20_000;
    await reconcile();
    expect(standby()).toMatchObject({ state: "synchronous", epoch: 1 });
    now += 10_000;
    await reconcile();
    expect(database().primaryId).toBe(id);
  });

  it("has read replicas of its instance copy it once it has taken over: they may have had more", async () => {
    const eni = store.get("networkInterface", "eni-a") ?? expect.fail();
    store.transact((tx) => {
      tx.put("networkInterface", "eni-c", { ...eni, id: "eni-c", privateIp: "10.0.0.7" });
      tx.put("databaseInstance", "replica", {
        ...{ ...database(), arn: "replica", resourceId: "db-C", networkInterfaceId: "eni-c", multiAz: false },
        replicaOf: { arn: ARN, resourceId: "db-A" },
      });
    });
    const id = await synchronous();
    const before = podOf("database/replica")?.containers[0]?.labels;
    expect(filesOf("database/replica")["source-server"]).toBe("db-A db-A\n");
    report("db-A", "STOPPED");
    now += 30_000;
    await reconcile();
    expect(filesOf("database/replica")["source-server"]).toBe(`${id} db-A\n`);
    expect(podOf("database/replica")?.containers[0]?.labels).not.toEqual(before);
    expect(subjectsOf(store, { kind: "databaseInstance", key: ARN } as never)).toContain("database/replica");
  });

  it("does not take over while the container of the primary is still to be created", async () => {
    await synchronous();
    report("db-A", "STOPPED");
    const pending = {
      key: "pod/db-A",
      phase: "pending",
      containers: [{ status: "PENDING", health: "UNKNOWN" }],
    };
    recordPod(deps(), NODE, pending as unknown as PodObservation); // As above.
    now += 60_000;
    await reconcile();
    expect(database().primaryId).toBeUndefined();
    expect(database().unhealthySince).toBeUndefined();
  });

  it("does not take over while it is down itself, nor while the instance restarts or stops", async () => {
    const id = await synchronous();
    report("db-A", "STOPPED");
    report(id, "STOPPED");
    now += 60_000;
    await reconcile();
    expect(database().primaryId).toBeUndefined();
    report(id, "UNHEALTHY");
    change({ status: "stopping" });
    await reconcile();
    expect(database().primaryId).toBeUndefined();
    expect(podOf(`standby/${id}`)?.desired).toBe("STOPPED");
  });

  it("goes with the conversion to Single-AZ, and before its instance is deleted", async () => {
    const id = await synchronous();
    change({ multiAz: false, conversion: undefined });
    await reconcile();
    expect(filesOf(`database/${ARN}`)["standby"]).toBe("");
    expect(podOf(`standby/${id}`)).toMatchObject({ desired: "STOPPED", purge: [`rds/${id}`] });
    change({ deleting: true, status: "deleting" });
    report("db-A", "STOPPED");
    expect(podOf(`database/${ARN}`)).toMatchObject({ purge: ["rds/db-A"] });
    report(id, "STOPPED");
    recordRemoved(deps(), NODE, `pod/${id}`);
    expect(standbysOf(store, database())).toEqual([]);
    expect(podOf(`database/${ARN}`)).toBeUndefined();
    const removal = { kind: "databaseStandby", key: id } as never;
    expect(subjectsOf(store, removal)).toContain(`database/${ARN}`);
  });

  it("is not made of MariaDB, of a read replica, nor without a subnet in another zone", async () => {
    for (const more of [
      { engine: "mariadb" },
      { replicaOf: { arn: "other", resourceId: "db-B" } },
    ] as const) {
      change({ engine: "postgres", replicaOf: undefined, ...more });
      await reconcile();
      expect(standbysOf(store, database())).toEqual([]);
    }
    change({ engine: "postgres", replicaOf: undefined });
    store.transact((tx) => tx.delete("subnet", "subnet-b"));
    await reconcile();
    expect(standbysOf(store, database())).toEqual([]);
  });
});
