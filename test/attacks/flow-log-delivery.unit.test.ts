import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { flowLogDelivery } from "../../apps/control-plane/flow-log-delivery.ts";
import { openedPolicy } from "@gantry/api/ec2/flow-log-delivery";
import { LogStore } from "@gantry/content";
import { seededIds, silentLogger, VirtualClock } from "@gantry/kernel";
import { MemoryStore, type FlowLogRecord } from "@gantry/state";
import { expect, it } from "vitest";

const ACCOUNT = "000000000000";
const PLACE = { account: ACCOUNT, region: "eu-south-1" };
const ROLE = `arn:aws:iam::${ACCOUNT}:role/flows`;
const GROUP = `arn:aws:logs:eu-south-1:${ACCOUNT}:log-group:/flows`;
const FROM = Date.UTC(2026, 0, 2, 3, 4) / 1_000;

function trust(service: string): string {
  const Statement = [{ Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" }];
  return JSON.stringify({ Version: "2012-10-17", Statement });
}

function newDelivery(
  destination: FlowLogRecord["destination"],
  { service = "vpc-flow-logs.amazonaws.com" } = {},
) {
  const store = new MemoryStore();
  const logs = new LogStore(join(mkdtempSync(join(tmpdir(), "gantry-flows-")), "logs.db"));
  const clock = new VirtualClock((FROM + 61) * 1_000);
  const objects = new Map<string, Buffer>();
  const asked: string[] = [];
  const denied = new Set<string>();
  const record: FlowLogRecord = {
    ...PLACE,
    ...{ id: "fl-1", resourceId: "vpc-1", trafficType: "ALL", destination, aggregationSeconds: 60 },
    ...{ format: "${version} ${interface-id} ${srcaddr} ${action} ${log-status}", createdAt: 0, tags: {} },
  };
  store.transact((tx) => {
    tx.put("flowLog", "fl-1", record);
    tx.put("role", ROLE, {
      arn: ROLE,
      account: ACCOUNT,
      name: "flows",
      trustPolicy: trust(service),
    } as never); // What the trust is read from.
    tx.put("logGroup", GROUP, {
      ...PLACE,
      arn: GROUP,
      name: "/flows",
      retentionDays: undefined,
      createdAt: 0,
      tags: {},
    });
    for (const [id, vpcId, nodeId] of [
      ["eni-1", "vpc-1", "node-1"],
      ["eni-2", "vpc-2", "node-1"],
      ["eni-3", "vpc-1", "node-2"],
    ] as const)
      tx.put("networkInterface", id, {
        ...PLACE,
        id,
        vpcId,
        nodeId,
        subnetId: "subnet-1",
        owner: { type: "task", key: "t" },
      } as never); // What decides whose it is.
  });
  const take = flowLogDelivery({
    ...{ store, logs, clock, ids: seededIds(1), log: silentLogger },
    objects: {
      index: { get: (_: string, key: string) => objects.get(key) },
      writeSegment: async (id: string, body: AsyncIterable<Buffer>) => {
        for await (const chunk of body) objects.set(id, chunk);
        return id;
      },
      put: async (_: string, meta: { key: string; segments: readonly string[] }) =>
        objects.set(meta.key, objects.get(meta.segments[0] ?? "") ?? Buffer.alloc(0)),
    } as never, // The part of the object store that a delivery uses.
    permissions: {
      deniedBecause(_, action, resource) {
        asked.push(`${action} ${resource}`);
        return denied.has(action) ? `no policy allows ${action}` : undefined;
      },
    },
    callApi: async () => ({}),
  });
  const messages = () =>
    logs
      .events(GROUP, {
        ...{ streams: undefined, from: 0, until: Number.MAX_SAFE_INTEGER },
        ...{ order: "ascending", after: undefined, limit: 100 },
      })
      .map((event) => event.message);
  return { store, logs, take, asked, denied, objects, messages };
}

const flow = (interfaceId: string) => ({
  ...{
    interfaceId,
    source: "10.0.0.1",
    destination: "10.0.0.2",
    sourcePort: 1,
    destinationPort: 2,
    protocol: 6,
  },
  ...{
    packets: 3,
    bytes: 120,
    start: FROM,
    end: FROM + 9,
    action: "REJECT" as const,
    direction: "ingress" as const,
  },
});
const batch = (interfaceId: string, id = "0000000000010001") => ({
  ...{ type: "flows" as const, id, flowLogId: "fl-1", from: FROM, until: FROM + 60 },
  ...{ flows: [flow(interfaceId)], idle: [], skipped: [] },
});
const TO_LOGS = { type: "cloud-watch-logs", logGroup: "/flows", roleArn: ROLE } as const;
const statusOf = (store: MemoryStore) => store.get("flowLog", "fl-1")?.deliveryError;

it("delivers by the flow log's role, once, and says why where the role may not", async () => {
  const { store, take, asked, denied, messages } = newDelivery(TO_LOGS);
  await take("node-1", batch("eni-1"));
  await take("node-1", batch("eni-1"));
  expect(messages()).toEqual(["2 eni-1 10.0.0.1 REJECT OK"]);
  expect(asked).toContain(`logs:PutLogEvents ${GROUP}:log-stream:eni-1-all`);
  expect(statusOf(store)).toBeUndefined();
  denied.add("logs:PutLogEvents");
  await take("node-1", batch("eni-1", "0000000000010002"));
  expect(messages()).toHaveLength(1);
  expect(statusOf(store)).toBe("Access error");
});

it("writes the flags of TCP as AWS does: their sum, 0 for none of them, and - for other protocols", async () => {
  const { store, take, messages } = newDelivery(TO_LOGS);
  store.transact((tx) => {
    const record = tx.get("flowLog", "fl-1");
    if (record !== undefined) tx.put("flowLog", "fl-1", { ...record, format: "${protocol} ${tcp-flags}" });
  });
  const flows = [{ ...flow("eni-1"), tcpFlags: 19 }, flow("eni-1"), { ...flow("eni-1"), protocol: 17 }];
  await take("node-1", { ...batch("eni-1"), flows });
  expect(messages()).toEqual(["6 19", "6 0", "17 -"]);
});

// A role that trusts another service is no way to write into a log group that its maker cannot write to.
it("does not assume a role that does not trust flow logs", async () => {
  const { store, take, messages } = newDelivery(TO_LOGS, { service: "ecs-tasks.amazonaws.com" });
  await take("node-1", batch("eni-1"));
  expect([messages(), statusOf(store)]).toEqual([[], "Access error"]);
});

it("takes from a node no flows of another VPC's interfaces, nor of another node's", async () => {
  const { take, messages } = newDelivery(TO_LOGS);
  await take("node-1", batch("eni-2"));
  await take("node-1", batch("eni-3", "0000000000010002"));
  await take("node-1", { ...batch("eni-1", "../../other"), idle: [] });
  const forged = (part: object) => ({ ...batch("eni-1"), flows: [{ ...flow("eni-1"), ...part }] });
  await take("node-1", forged({ source: "10.0.0.1 ACCEPT OK\n2 eni-1 10.0.0.1" }));
  await take("node-1", forged({ packets: "1 1 1" }));
  await take("node-1", forged({ tcpFlags: "2 forged" }));
  await take("node-1", { ...batch("eni-1"), idle: ["../eni-1"] });
  expect(messages()).toEqual([]);
});

it("puts a file with a header under AWS's name, only where the bucket's policy permits it", async () => {
  const destination = {
    type: "s3",
    arn: "arn:aws:s3:::b/logs/",
    hiveCompatible: false,
    perHour: true,
  } as const;
  const { store, take, objects } = newDelivery(destination);
  const bucket = { ...PLACE, name: "b", versioning: undefined } as never; // What a delivery reads.
  store.transact((tx) => tx.put("bucket", "b", bucket));
  await take("node-1", batch("eni-1"));
  expect([[...objects.keys()], statusOf(store)]).toEqual([[], "Access error"]);
  store.transact((tx) =>
    tx.put("bucket", "b", {
      ...(bucket as object),
      policy: openedPolicy(bucket, PLACE, destination),
    } as never),
  ); // As above.
  await take("node-1", batch("eni-1"));
  const key = `logs/AWSLogs/${ACCOUNT}/vpcflowlogs/eu-south-1/2026/01/02/03/${ACCOUNT}_vpcflowlogs_eu-south-1_fl-1_20260102T0305Z_0000000000010001.log.gz`;
  expect(gunzipSync(objects.get(key) ?? Buffer.alloc(0)).toString()).toBe(
    "version interface-id srcaddr action log-status\n2 eni-1 10.0.0.1 REJECT OK\n",
  );
  expect(statusOf(store)).toBeUndefined();
});
