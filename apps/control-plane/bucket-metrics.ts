import type { BatchNumber, MetricPoint, ObjectStore } from "@gantry/content";
import { sleep, type Clock, type Reconciler } from "@gantry/kernel";
import type { BucketRecord, Reader } from "@gantry/state";
import { MetricSet, once } from "./metric-set.ts";

const DAY_MS = 24 * 60 * 60_000;
/** Delays the first run until the start is complete. */
const START_MS = 60_000;
const PAGE = 500;
/** Pause between two pages, in which other requests are answered. */
const PAUSE_MS = 5;

export interface BucketMetricsDeps {
  readonly store: Reader;
  readonly clock: Clock;
  readonly objects: Pick<ObjectStore["index"], "listVersions">;
  readonly add: (points: readonly MetricPoint[], batch: BatchNumber) => Promise<boolean>;
}

/**
 * Publishes AWS/S3 BucketSizeBytes and NumberOfObjects once a day: at the beginning of the day, or when the
 * control plane first runs in it.
 * The number of the day is the batch number, so that a day counts once. Every object has the storage class
 * STANDARD.
 * Source: Amazon S3 User Guide, "Amazon S3 daily storage metrics for buckets in CloudWatch".
 */
export function bucketMetricsController(deps: BucketMetricsDeps): Reconciler {
  const { store, clock, add } = deps;
  const startedAt = clock.now();
  return {
    name: "bucket-metrics",
    keys: () => ["day"],
    watch: () => () => {},
    async reconcile() {
      const wait = startedAt + START_MS - clock.now();
      if (wait > 0) return wait;
      const day = Math.floor(clock.now() / DAY_MS);
      const set = new MetricSet("AWS/S3");
      for (const bucket of store.list("bucket")) {
        const { bytes, count } = await measure(deps, bucket);
        const at = day * DAY_MS;
        const dimensions = (StorageType: string) => ({ BucketName: bucket.name, StorageType });
        set.add(bucket, { name: "BucketSizeBytes", unit: "Bytes" }, dimensions("StandardStorage"), {
          at,
          sample: once(bytes),
        });
        set.add(bucket, { name: "NumberOfObjects", unit: "Count" }, dimensions("AllStorageTypes"), {
          at,
          sample: once(count),
        });
      }
      await add(set.points, { node: "control-plane/buckets", session: "day", sequence: day });
      return Math.max(1, (day + 1) * DAY_MS - clock.now());
    },
  };
}

/** Counts all versions, with delete markers as objects of size zero. */
async function measure(
  { objects, clock }: BucketMetricsDeps,
  { name }: BucketRecord,
): Promise<{ bytes: number; count: number }> {
  let [bytes, count] = [0, 0];
  let after: { key: string; sequence: number | undefined } | undefined;
  for (;;) {
    const page = objects.listVersions(name, {
      prefix: "",
      after: after ?? { key: "", sequence: undefined },
      inclusive: after === undefined,
      limit: PAGE,
    });
    for (const { size } of page) bytes += size;
    count += page.length;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return { bytes, count };
    after = { key: last.key, sequence: last.sequence ?? 0 };
    await sleep(clock, PAUSE_MS);
  }
}
