import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { ObjectStore, type Versioning } from "@gantry/content";
import { seededIds, silentLogger, VirtualClock } from "@gantry/kernel";
import { MemoryStore, type LifecycleRule } from "@gantry/state";
import { afterEach, expect, it } from "vitest";
import { lifecycleController } from "./lifecycle-controller.ts";

const DAY = 86_400_000;
const ids = seededIds(1);
const plain: LifecycleRule = {
  id: "rule",
  enabled: true,
  filter: { prefix: "", tags: {}, largerThan: undefined, smallerThan: undefined },
  written: "filter",
  expirationDays: undefined,
  expirationAt: undefined,
  expiredMarkers: false,
  noncurrentDays: undefined,
  noncurrentKept: undefined,
  abortDays: undefined,
};
let close: (() => void) | undefined;
afterEach(() => close?.());

async function world(rule: Partial<LifecycleRule>, versioning?: Versioning) {
  const clock = new VirtualClock(Date.parse("2026-01-01T12:00:00Z"));
  const store = new MemoryStore();
  const objects = new ObjectStore(mkdtempSync(join(tmpdir(), "gantry-lifecycle-")), Buffer.alloc(32, 1));
  store.transact((tx) =>
    tx.put("bucket", "b", {
      account: "0",
      region: "r",
      name: "b",
      createdAt: 0,
      tags: {},
      encryption: { algorithm: "AES256", bucketKey: false },
      publicAccessBlock: undefined,
      ownership: "BucketOwnerEnforced",
      lifecycle: [{ ...plain, ...rule }],
      ...(versioning === undefined ? {} : { versioning }),
    }),
  );
  const reconciler = lifecycleController({ store, clock, ids, log: silentLogger, objects });
  close = () => objects.close();
  /** Applies the rules after this time has passed. */
  const sweepAfter = async (ms: number) => {
    await clock.advance(ms);
    await reconciler.reconcile("b");
  };
  const put = async (key: string, body = "x", tags: Record<string, string> = {}) => {
    const segment = await objects.writeSegment(ids.hex(32), Readable.from([Buffer.from(body)]));
    const version = versioning === "Enabled" ? { versionId: ids.hex(32) } : {};
    await objects.put(
      "b",
      {
        key,
        size: body.length,
        etag: segment.md5,
        modifiedAt: clock.now(),
        headers: {},
        userMetadata: {},
        checksums: {},
        tags,
        segments: [segment],
        ...version,
      },
      { versioning },
    );
  };
  const keys = () =>
    objects.index.list("b", { prefix: "", from: "", inclusive: true, limit: 100 }).map((meta) => meta.key);
  const versions = () =>
    objects.index.listVersions("b", {
      prefix: "",
      after: { key: "", sequence: undefined },
      inclusive: true,
      limit: 100,
    });
  return { clock, objects, sweepAfter, put, keys, versions };
}
it("expires matching objects at the midnight after the given days, and keeps the rest", async () => {
  const { sweepAfter, put, keys } = await world({
    expirationDays: 2,
    filter: { ...plain.filter, prefix: "logs/", tags: { keep: "no" }, largerThan: 2 },
  });
  await put("logs/old", "long", { keep: "no" });
  await put("logs/small", "x", { keep: "no" });
  await put("logs/kept", "long", { keep: "yes" });
  await put("other", "long", { keep: "no" });
  await sweepAfter(2 * DAY + 3_600_000 * 11);
  expect(keys()).toHaveLength(4);
  await sweepAfter(3_600_000 * 3);
  expect(keys()).toEqual(["logs/kept", "logs/small", "other"]);
});

it("expires the current version, then noncurrent ones except those to be kept", async () => {
  const { sweepAfter, put, versions } = await world(
    { expirationDays: 1, noncurrentDays: 3, noncurrentKept: 1 },
    "Enabled",
  );
  for (const body of ["1", "2", "3"]) await put("k", body);
  await sweepAfter(2 * DAY);
  expect(versions().map((meta) => meta.isDeleteMarker ?? false)).toEqual([true, false, false, false]);
  await sweepAfter(4 * DAY);
  expect(versions().map((meta) => meta.isDeleteMarker ?? false)).toEqual([true, false]);
});

it("removes expired delete markers", async () => {
  const { clock, sweepAfter, objects, put, versions } = await world(
    { expiredMarkers: true, noncurrentDays: 1 },
    "Enabled",
  );
  await put("k");
  await objects.delete("b", "k", { at: clock.now(), versionId: ids.hex(32) }, { versioning: "Enabled" });
  await sweepAfter(3 * DAY);
  await sweepAfter(DAY);
  expect(versions()).toEqual([]);
});

it("aborts incomplete uploads", async () => {
  const { clock, sweepAfter, objects } = await world({ abortDays: 1 });
  objects.index.uploads.start({
    id: "u",
    bucket: "b",
    key: "k",
    startedAt: clock.now(),
    headers: {},
    userMetadata: {},
    tags: {},
  });
  await sweepAfter(DAY);
  expect(objects.index.uploads.of("b")).toHaveLength(1);
  await sweepAfter(DAY);
  expect(objects.index.uploads.of("b")).toEqual([]);
});
