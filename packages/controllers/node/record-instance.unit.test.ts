import type { PodObservation } from "@gantry/agent-protocol";
import { MemoryStore, type Ec2InstanceRecord, type Transaction } from "@gantry/state";
import { expect, it } from "vitest";
import { snapshotFile } from "./ebs-assignment.ts";
import { recordInstance } from "./record-instance.ts";

/** What a node reports in turn, and what the record says about the instance's checks afterwards. */
function world(state: string) {
  // Of an instance and of a transaction only these members are used.
  const start = { id: "i-1", nodeId: "n1", state, reachable: false, rebooting: false };
  let record = start as unknown as Ec2InstanceRecord; // As above.
  const tx = {
    get: () => record,
    list: () => [],
    put: (_kind: string, _key: string, next: Ec2InstanceRecord) => (record = next),
  } as unknown as Transaction; // What is called.
  return {
    change: (change: Partial<Ec2InstanceRecord>) => (record = { ...record, ...change }),
    report: (now: number, phase: PodObservation["phase"], health: "HEALTHY" | "UNHEALTHY" | "UNKNOWN") => {
      const observation = { key: "pod/i-1", phase, containers: [{ health }] } as unknown as PodObservation; // As above.
      recordInstance(tx, { nodeId: "n1", instanceId: "i-1", now }, observation);
      const { unreachableSince, restartedAt, reachable } = record;
      return { state: record.state, reachable, unreachableSince, restartedAt };
    },
  };
}

it("notes since when an instance fails the check that it has passed, and forgets it with a restart", () => {
  const { report, change } = world("pending");
  const starting = {
    state: "running",
    reachable: false,
    unreachableSince: undefined,
    restartedAt: undefined,
  };
  expect(report(1, "running", "UNKNOWN")).toEqual(starting);
  expect(report(2, "running", "UNHEALTHY")).toEqual(starting);
  expect(report(3, "running", "HEALTHY")).toEqual({ ...starting, reachable: true });
  expect(report(4, "running", "UNHEALTHY")).toEqual({ ...starting, unreachableSince: 4 });
  expect(report(5, "running", "UNHEALTHY")).toEqual({ ...starting, unreachableSince: 4 });
  change({ rebooting: true });
  expect(report(6, "stopped", "UNKNOWN")).toEqual({ ...starting, restartedAt: 6 });
  expect(report(7, "running", "UNKNOWN")).toEqual({ ...starting, restartedAt: 6 });
  expect(report(8, "running", "HEALTHY")).toEqual({ ...starting, reachable: true, restartedAt: 6 });
  change({ state: "stopping" });
  expect(report(9, "stopped", "UNKNOWN")).toEqual({ ...starting, state: "stopped" });
});

it("ends a snapshot of an instance that was terminated before it had a file", () => {
  const store = new MemoryStore();
  const volume = { nodeId: "n1", source: "vol-root", rootOf: "i-1" };
  store.transact((tx) => {
    const instance = {
      id: "i-1",
      nodeId: "n1",
      state: "shutting-down",
      rootVolumeId: "vol-root",
      halted: false,
    };
    tx.put("ec2Instance", "i-1", instance as unknown as Ec2InstanceRecord); // What is looked at.
    tx.put("snapshot", "snap-1", { ...volume, id: "snap-1" } as never);
    tx.put("snapshot", "snap-2", { ...volume, id: "snap-2", completedAt: 1 } as never);
  });
  const report = (runtimeId: string | undefined) => {
    const observation = { key: "pod/i-1", phase: "stopped", containers: [{ runtimeId }] };
    const node = { nodeId: "n1", instanceId: "i-1", now: 1 };
    store.transact((tx) => recordInstance(tx, node, observation as unknown as PodObservation)); // As above.
    return store.keys("snapshot").toSorted();
  };
  expect(report("container")).toEqual(["snap-1", "snap-2"]);
  expect(report(undefined)).toEqual(["snap-2"]);
  expect(store.get("ec2Instance", "i-1")?.halted).toBe(true);
});

it("asks for a copy of a root file system once: one that is lost later is not that of another moment", () => {
  const store = new MemoryStore();
  const put = (more: object) => {
    const snapshot = { id: "snap-1", nodeId: "n1", source: "vol-root", rootOf: "i-1", sizeGiB: 8 };
    store.transact((tx) => tx.put("snapshot", "snap-1", { ...snapshot, ...more } as never));
  };
  put({});
  expect(snapshotFile(store, "n1", "snap-1")).toMatchObject({ kind: "rootSnapshot", pod: "pod/i-1" });
  put({ completedAt: 1 });
  expect(snapshotFile(store, "n1", "snap-1")).not.toHaveProperty("pod");
});
