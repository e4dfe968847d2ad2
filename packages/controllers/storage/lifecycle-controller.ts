import type { ChangeNote, ChangeOptions, ObjectMeta, ObjectStore } from "@gantry/content";
import type { Reconciler } from "@gantry/kernel";
import { tellsOfChanges, type BucketRecord } from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { planKey, planMoves, planUploads, type LifecycleAction } from "./plan-lifecycle.ts";

const PAGE = 1_000;
/** S3 applies rules once a day, at midnight UTC; a delay of an hour does not matter. */
const SWEEP_MS = 60 * 60_000;

/** Runs the lifecycle rules of buckets: expires objects and versions, gives up uploads. */
export function lifecycleController(deps: ControllerDeps & { objects: ObjectStore }): Reconciler {
  const { store, clock, objects } = deps;
  return {
    name: "bucket-lifecycle",
    keys: () => store.keys("bucket"),
    watch: watchKinds(store, { bucket: (key) => [key] }),
    async reconcile(key) {
      const bucket = store.get("bucket", key);
      if (bucket?.lifecycle === undefined) return undefined;
      const now = clock.now();
      const waits = (bucket.lifecycleRanAt ?? -Infinity) + SWEEP_MS - now;
      if (waits > 0 && waits <= SWEEP_MS) return waits;
      for (const upload of planUploads(bucket.lifecycle, objects.index.uploads.of(key), now))
        await objects.abortUpload(upload.id);
      await sweep(deps, bucket, now);
      store.transact((tx) => {
        const fresh = tx.get("bucket", key);
        if (fresh?.lifecycle !== undefined) tx.put("bucket", key, { ...fresh, lifecycleRanAt: now });
      });
      return SWEEP_MS;
    },
  };
}

/** Every key of the bucket, page by page, the versions of one key together. */
async function sweep(
  deps: ControllerDeps & { objects: ObjectStore },
  bucket: BucketRecord,
  now: number,
): Promise<void> {
  const { objects } = deps;
  let after: { key: string; sequence: number | undefined } = { key: "", sequence: undefined };
  let pending: ObjectMeta[] = [];
  const act = async (): Promise<void> => {
    const rules = bucket.lifecycle ?? [];
    // Versions that were just deleted are not moved: the move of a missing version changes nothing.
    const actions = [...planMoves(rules, pending, now), ...planKey(rules, pending, now)];
    for (const action of actions) await carryOut(deps, bucket, pending[0]?.key ?? "", action);
  };
  for (let inclusive = true; ; inclusive = false) {
    const versions = objects.index.listVersions(bucket.name, { prefix: "", after, inclusive, limit: PAGE });
    for (const version of versions) {
      if (pending[0] !== undefined && pending[0].key !== version.key) {
        await act();
        pending = [];
      }
      pending.push(version);
    }
    const last = versions.at(-1);
    if (versions.length < PAGE || last === undefined) break;
    after = { key: last.key, sequence: last.sequence ?? 0 };
  }
  await act();
}

async function carryOut(
  deps: ControllerDeps & { objects: ObjectStore },
  bucket: BucketRecord,
  key: string,
  action: LifecycleAction,
): Promise<void> {
  const { objects, clock, ids, log } = deps;
  const noteOf = (type: ChangeNote["type"], reason: string): ChangeNote | undefined =>
    tellsOfChanges(bucket)
      ? { id: ids.uuid(), at: clock.now(), type, reason, requestId: undefined, requester: "s3.amazonaws.com" }
      : undefined;
  if (action.type === "move") {
    const meta = objects.index.version(bucket.name, key, action.versionId);
    if (meta === undefined) return;
    log.debug("Lifecycle rule changes a storage class", { bucket: bucket.name, key, ...action });
    const headers = { ...meta.headers, StorageClass: action.storageClass };
    objects.index.replace(
      bucket.name,
      { ...meta, headers },
      {
        note: noteOf("moved", "Lifecycle Transition"),
      },
    );
    return;
  }
  const options: ChangeOptions = {
    versioning: bucket.versioning,
    note: noteOf("deleted", "Lifecycle Expiration"),
  };
  log.debug("Lifecycle rule expires an object", { bucket: bucket.name, key, ...action });
  if (action.type === "delete")
    await objects.delete(bucket.name, key, { at: clock.now(), versionId: ids.hex(32) }, options);
  else await objects.deleteVersion(bucket.name, key, action.versionId, options);
}
