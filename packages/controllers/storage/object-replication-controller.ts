import type { ObjectMeta, ObjectStore, PendingReplication } from "@gantry/content";
import type { Principal } from "@gantry/iam";
import type { Reconciler } from "@gantry/kernel";
import type { BucketRecord, BucketReplicationRule } from "@gantry/state";
import { replicationRulesFor } from "@gantry/state/bucket-replication";
import type { ControllerDeps } from "../controller-deps.ts";
import { servicePrincipal } from "../service-principal.ts";

const BATCH = 100;
const BUCKETS_MAX = 4;

interface ObjectReplicationDeps extends ControllerDeps {
  readonly objects: ObjectStore;
  /** Copies a version to the destination of a rule with the rights of a role. Returns why it does not. */
  readonly writeReplica: (replication: {
    readonly principal: Principal;
    readonly from: BucketRecord;
    readonly meta: ObjectMeta;
    readonly rule: BucketReplicationRule;
  }) => Promise<string | undefined>;
}

/**
 * Replicates versions of buckets by their rules. A key is a bucket, whose versions are copied in the order of their
 * changes. What is to be copied was noted with the change itself and is forgotten with the outcome, so that a crash
 * loses none; a copy that is made twice is one version. What the role may not copy fails, and is not tried again.
 */
export function objectReplicationController(deps: ObjectReplicationDeps): Reconciler {
  const { replications } = deps.objects.index;
  return {
    name: "object-replication",
    concurrencyMax: BUCKETS_MAX,
    keys: () => replications.buckets(),
    watch: (changed) => replications.listen(changed),
    async reconcile(bucket) {
      for (;;) {
        const waiting = replications.oldest(bucket, BATCH);
        if (waiting.length === 0) return undefined;
        for (const pending of waiting) await replicate(deps, pending);
      }
    },
  };
}

async function replicate(deps: ObjectReplicationDeps, pending: PendingReplication): Promise<void> {
  const { store, objects, log } = deps;
  const { bucket: name, key, versionId } = pending;
  const from = store.get("bucket", name);
  const meta = objects.index.version(name, key, versionId);
  if (from === undefined || meta === undefined) {
    objects.index.endReplication(pending, "FAILED");
    return;
  }
  const problem = await copyAll(deps, from, meta);
  if (problem !== undefined)
    log.warn("An object is not replicated", { bucket: name, key, versionId, reason: problem });
  objects.index.endReplication(pending, problem === undefined ? "COMPLETED" : "FAILED");
}

/** Copies a version to each destination. Returns why one was not reached. */
async function copyAll(
  deps: ObjectReplicationDeps,
  from: BucketRecord,
  meta: ObjectMeta,
): Promise<string | undefined> {
  const rules = replicationRulesFor(from, meta);
  const roleArn = from.replication?.roleArn ?? "";
  const principal = servicePrincipal(deps.store, roleArn, {
    service: "s3.amazonaws.com",
    sourceArn: `arn:aws:s3:::${from.name}`,
    account: from.account,
    session: "s3-replication",
    now: deps.clock.now(),
  });
  if (rules.length === 0) return "No rule of the bucket replicates it any more.";
  if (principal === undefined) return `S3 cannot assume the role ${roleArn}.`;
  let problem: string | undefined;
  for (const rule of rules) problem = (await deps.writeReplica({ principal, from, meta, rule })) ?? problem;
  return problem;
}
