import type { BucketRecord, BucketReplicationRule } from "./records.ts";
import type { Tags } from "./records/common.ts";

/** What a rule is compared with: a version of an object, or a delete marker. */
interface Replicated {
  readonly key: string;
  readonly tags: Tags;
  readonly isDeleteMarker?: true;
  readonly kms?: unknown;
  readonly replication?: string | undefined;
}

/**
 * The rules that a version of the bucket is replicated by: of those to one destination the one with the highest
 * priority. A replica is replicated no further.
 * Source: S3 User Guide, "What does Amazon S3 replicate?" and "Replication configuration file elements".
 */
export function replicationRulesFor(
  { replication, versioning }: Pick<BucketRecord, "replication" | "versioning">,
  version: Replicated,
): readonly BucketReplicationRule[] {
  if (replication === undefined || versioning !== "Enabled" || version.replication === "REPLICA") return [];
  const byBucket = new Map<string, BucketReplicationRule>();
  for (const rule of replication.rules) {
    const other = byBucket.get(rule.bucket);
    if (covers(rule, version) && (other === undefined || other.priority < rule.priority))
      byBucket.set(rule.bucket, rule);
  }
  return [...byBucket.values()];
}

function covers(rule: BucketReplicationRule, { key, tags, isDeleteMarker, kms }: Replicated): boolean {
  return (
    rule.isEnabled &&
    key.startsWith(rule.prefix) &&
    Object.entries(rule.tags).every(([name, value]) => tags[name] === value) &&
    (isDeleteMarker !== true || rule.replicatesMarkers) &&
    (kms === undefined || rule.replicatesKms)
  );
}
