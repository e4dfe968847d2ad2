import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MemoryStore } from "./memory-store.ts";
import { ROWS_OF_0_1_0, writeStateOf010 } from "./fixtures/old-state.ts";
import { migrateRecords } from "./record-migrations.ts";
import { SqliteStore } from "./sqlite-store.ts";
import type { Store } from "./store.ts";
import { addServiceEvent, serviceEventsOf } from "./transactions/service-events.ts";
import { ongoingDeploymentOf, taskSetsOf } from "./transactions/service-deployments.ts";

const SERVICE = "arn:aws:ecs:eu-south-1:000000000000:service/c/s";

function openSqlite(): Store {
  const path = join(mkdtempSync(join(tmpdir(), "gantry-migrate-")), "state.db");
  writeStateOf010(path);
  return new SqliteStore(path);
}

function openMemory(): Store {
  const store = new MemoryStore();
  store.load(migrateRecords(ROWS_OF_0_1_0, new Map()).rows, new Map(), 0);
  return store;
}

describe.each([
  ["MemoryStore", openMemory],
  ["SqliteStore", openSqlite],
])("%s, opened on the records of version 0.1.0", (_name, open) => {
  it("has the deployments of a service as records of their own", () => {
    const store = open();
    expect(store.get("service", SERVICE)).not.toHaveProperty("deployments");
    expect(store.get("service", SERVICE)?.spec.desiredCount).toBe(2);
    expect(taskSetsOf(store, SERVICE).map((set) => [set.status, set.rollout.state])).toEqual([
      ["PRIMARY", "IN_PROGRESS"],
      ["ACTIVE", "COMPLETED"],
    ]);
    const [primary] = taskSetsOf(store, SERVICE);
    expect(ongoingDeploymentOf(store, SERVICE)).toMatchObject({
      taskSetId: primary?.id,
      targetRevisionArn: primary?.revisionArn,
      status: "IN_PROGRESS",
    });
    expect(store.listBy("serviceRevision", "service", SERVICE)).toHaveLength(2);
    const ids = new Set(taskSetsOf(store, SERVICE).map((set) => set.id));
    expect(store.listBy("task", "service", SERVICE).every((task) => ids.has(task.deploymentId ?? ""))).toBe(
      true,
    );
  });

  it("lists old events in order, after the new ones", () => {
    const store = open();
    const before = serviceEventsOf(store, SERVICE).map((event) => event.message);
    expect(before.at(-1)).toMatch(/has started 2 tasks/);
    expect(before.findIndex((message) => /steady state/.test(message))).toBeLessThan(before.length - 1);
    const service = store.get("service", SERVICE);
    if (service === undefined) throw new Error("The service is gone.");
    const ids = { uuid: () => "1" } as Parameters<typeof addServiceEvent>[2]["ids"]; // All that it uses.
    store.transact((tx) => addServiceEvent(tx, service, { ids, message: "(service s) new.", now: 1 }));
    expect(serviceEventsOf(store, SERVICE).map((event) => event.message)).toEqual([
      "(service s) new.",
      ...before,
    ]);
  });

  it("keeps every other record as it was", () => {
    const store = open();
    for (const { kind, key, record } of ROWS_OF_0_1_0.filter((row) => row.kind !== "service"))
      expect(store.get(kind, key)).toEqual(record);
  });
});

it("moves the client token out of a task's tags", () => {
  const record = { tags: { "aws:ecs:clientToken": "t", own: "1" } };
  const { rows } = migrateRecords([{ kind: "task", key: "k", record }], new Map());
  expect(rows).toEqual([{ kind: "task", key: "k", record: { tags: { own: "1" } } }]);
});

it.each([
  ["arn:aws:ecs:eu-south-1:0:task/c/1", "interface", "task"],
  ["arn:aws:elasticloadbalancing:eu-south-1:0:loadbalancer/app/b/1", "interface", "loadBalancer"],
  ["db-ABC", "interface", "databaseInstance"],
  ["nat-1", "nat_gateway", "natGateway"],
  ["fsmt-1", "efs", "mountTarget"],
  ["warm/n1", "warm", "warmPool"],
])("gives the interface of %s (%s) an owner of type %s", (ownerKey, type, ownerType) => {
  const { rows } = migrateRecords(
    [{ kind: "networkInterface", key: "eni-1", record: { type, ownerKey } }],
    new Map(),
  );
  expect(rows[0]?.record).toEqual({ type, owner: { type: ownerType, key: ownerKey } });
});
