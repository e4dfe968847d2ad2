import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ObjectStore, type BatchNumber, type MetricPoint } from "@gantry/content";
import { VirtualClock } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import { expect, it } from "vitest";
import { bucketMetricsController } from "./bucket-metrics.ts";

const DAY = 24 * 60 * 60_000;
const START = Date.UTC(2026, 0, 1);
/** More than two pages. */
const COUNT = 1_100;

it("sums the sizes of all versions of a bucket's objects once a day", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-objects-"));
  const objects = new ObjectStore(folder, Buffer.alloc(32, 9));
  const meta = (key: string, size: number) => ({
    key,
    size,
    etag: "e",
    modifiedAt: 0,
    headers: {},
    metadata: {},
    tags: {},
    segments: [],
  });
  const sizes = [
    ...Array.from({ length: COUNT }, (_, index) => [`k${index}`, 10] as const),
    ["k7", 1_000] as const,
  ];
  // Only these fields of an object are read.
  objects.index.putAll(
    sizes.map(([key, size]) => ({
      bucket: "b",
      meta: meta(key, size) as never,
      options: { versioning: "Enabled" },
    })),
  );
  const clock = new VirtualClock(START + DAY / 2);
  const added: (readonly [readonly MetricPoint[], BatchNumber])[] = [];
  const controller = bucketMetricsController({
    store: { list: () => [{ name: "b", account: "0", region: "r" }] } as unknown as Reader, // Partial fake.
    clock,
    objects: objects.index,
    add: async (points, batch) => added.push([points, batch]) > 0,
  });
  expect(await controller.reconcile("day")).toBe(60_000);
  await clock.advance(60_000);
  const measured = controller.reconcile("day");
  await clock.advance(1_000);
  expect(await measured).toBeLessThan(DAY / 2 - 60_000);
  const [points = [], batch] = added[0] ?? [];
  expect(batch?.sequence).toBe(START / DAY);
  expect(points.map(({ metric, at, sample }) => [metric.name, metric.dimensions, at, sample.sum])).toEqual([
    ["BucketSizeBytes", { BucketName: "b", StorageType: "StandardStorage" }, START, COUNT * 10 + 1_000],
    ["NumberOfObjects", { BucketName: "b", StorageType: "AllStorageTypes" }, START, COUNT + 1],
  ]);
  objects.close();
  rmSync(folder, { recursive: true });
});
