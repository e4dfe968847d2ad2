import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { NewQueueMessage } from "./queue-rows.ts";
import { QueueStore } from "./queue-store.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-queues-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const message = (id: string, more: Partial<NewQueueMessage> = {}): NewQueueMessage => ({
  ...{ id, content: `content of ${id}`, keyId: "own", groupId: undefined, visibleAt: 0 },
  deduplicateBy: undefined,
  ...more,
});
const standard = { isFifo: false, now: 1_000, limit: 10 };

it("keeps messages, receipts and deduplication when the process is killed after the answer", () => {
  const path = join(folder, "killed.db");
  const store = JSON.stringify(join(import.meta.dirname, "queue-store.ts"));
  const code = `
    const { QueueStore } = await import(${store});
    const store = new QueueStore(${JSON.stringify(path)});
    await store.send("q", [${JSON.stringify(message("one", { deduplicateBy: "d" }))}, ${JSON.stringify(message("two"))}], 1000);
    await store.take("q", { received: [{ sequence: 1, receipt: "r", visibleAt: 5000 }] }, 1000);
    process.kill(process.pid, "SIGKILL");`;
  const { signal } = spawnSync(process.execPath, ["--input-type=module", "-e", code]);
  expect(signal).toBe("SIGKILL");
  const opened = new QueueStore(path);
  expect(opened.receivable("q", standard).map(({ id }) => id)).toEqual(["two"]);
  expect(opened.find("q", 1)).toMatchObject({ id: "one", receipt: "r", visibleAt: 5_000, receiveCount: 1 });
  expect(opened.counts("q", 1_000)).toEqual({ visible: 1, inFlight: 1, delayed: 0 });
  opened.close();
});

it("writes all or nothing of a call, and other calls of the same turn", async () => {
  const store = new QueueStore(join(folder, "turn.db"));
  const bad = { ...message("bad"), content: undefined as unknown as string };
  const results = await Promise.allSettled([
    store.send("q", [message("one")], 0),
    store.send("q", [message("lost"), bad], 0),
    store.send("q", [message("two")], 0),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(store.receivable("q", standard).map(({ id }) => id)).toEqual(["one", "two"]);
  store.close();
});

it("drops repetitions for five minutes, expired messages, and everything of a dropped queue", async () => {
  const store = new QueueStore(join(folder, "ages.db"));
  const one = message("one", { deduplicateBy: "d" });
  const [first] = await store.send("q", [one], 0);
  expect(await store.send("q", [{ ...one, id: "again" }], 299_999)).toEqual([first]);
  const [later] = await store.send("q", [{ ...one, id: "later" }], 300_000);
  expect(later?.id).toBe("later");
  await store.expire("q", 0);
  expect(store.receivable("q", standard).map(({ id }) => id)).toEqual(["later"]);
  await store.drop("q");
  expect(store.counts("q", 1_000)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  // A sequence is not used again.
  const [next] = await store.send("q", [one], 300_001);
  expect(next?.sequence).toBe((later?.sequence ?? 0) + 1);
  store.close();
});

it("counts messages in flight that were received, came back, and went into flight again", async () => {
  const store = new QueueStore(join(folder, "flight.db"));
  await store.send("q", [message("one"), message("two"), message("three")], 0);
  const received = [1, 2, 3].map((sequence) => ({ sequence, receipt: "r", visibleAt: 5_000 }));
  expect(store.hasInFlight("q", 1_000, 1)).toBe(false);
  await store.take("q", { received: received.slice(0, 2) }, 1_000);
  expect(store.hasInFlight("q", 1_000, 2)).toBe(true);
  expect(store.hasInFlight("q", 1_000, 3)).toBe(false);
  await store.take("q", { received: received.slice(2) }, 1_000);
  expect(store.hasInFlight("q", 1_000, 3)).toBe(true);
  expect(store.hasInFlight("q", 5_000, 1)).toBe(false);
  const changes = received.map(({ sequence }) => ({ sequence, visibleAt: 9_000 }));
  await store.changeVisibility("q", changes);
  expect(store.hasInFlight("q", 5_000, 3)).toBe(true);
  await store.drop("q");
  expect(store.hasInFlight("q", 5_000, 1)).toBe(false);
  store.close();
});

it("copies a snapshot with what was sent in the same turn", async () => {
  const store = new QueueStore(join(folder, "live.db"));
  const sending = store.send("q", [message("one")], 0);
  store.copyTo(join(folder, "copy.db"));
  await sending;
  const copy = new QueueStore(join(folder, "copy.db"));
  expect(copy.receivable("q", standard).map(({ id }) => id)).toEqual(["one"]);
  expect(readFileSync(join(folder, "copy.db")).includes("content of one")).toBe(true);
  copy.close();
  store.close();
});
