import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { BlobStore, LogStore, MetricStore, ObjectStore, QueueStore } from "@gantry/content";
import type { SqliteStore } from "@gantry/state";

/** Files of the state folder that are neither databases nor stored content. */
export const SMALL_FILES = [
  "instance.json",
  "key",
  "ca.pem",
  "ca-key.pem",
  "credentials",
  "hooks.json",
  "upstreams.json",
] as const;

/** Databases at the top of the state folder. */
export const TOP_DATABASES = ["state.db", "logs.db", "metrics.db", "queues.db"] as const;

/**
 * The folder where a copy of the state is assembled. It is on the state's own disk, so that stored content
 * needs no second copy.
 */
export const COPY_FOLDER = "backup-copy";

export interface CopiedState {
  readonly folder: string;
  readonly store: SqliteStore;
  readonly logs: LogStore;
  readonly metrics: MetricStore;
  readonly queues: QueueStore;
  readonly objects: ObjectStore;
  readonly blobs: BlobStore;
}

/**
 * Copies the state as of one point in time while the instance keeps running; returns the copy's folder.
 * Records are copied before the content that they refer to, and no content is removed in the meantime, so
 * that the copy contains everything its records refer to.
 */
export async function copyState({
  folder,
  store,
  logs,
  metrics,
  queues,
  objects,
  blobs,
}: CopiedState): Promise<string> {
  const copy = join(folder, COPY_FOLDER);
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { mode: 0o700 });
  // Nothing is awaited between the databases, so that all copies are of the same point in time.
  const blobsCopied = blobs.copyTo(join(copy, "registry"));
  const objectsCopied = objects.copyTo(join(copy, "objects"));
  store.copyTo(join(copy, "state.db"));
  logs.copyTo(join(copy, "logs.db"));
  queues.copyTo(join(copy, "queues.db"));
  for (const name of SMALL_FILES)
    if (existsSync(join(folder, name))) copyFileSync(join(folder, name), join(copy, name));
  await Promise.all([blobsCopied, objectsCopied, metrics.copyTo(join(copy, "metrics.db"))]);
  return copy;
}
