import type { Principal } from "@gantry/iam";
import type { Reconciler } from "@gantry/kernel";
import { ImmutableTagError, type ImageStore } from "@gantry/registry/image-store";
import {
  checkUsable,
  createFromTemplate,
  KeyUnusableError,
  type ImageReplicationRecord,
  type RepositoryRecord,
} from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import type { Permissions } from "../task/execution-role.ts";

/**
 * Copies images to other registries of this instance, as replication rules ask. A key is a copy that the
 * transaction of the push requested, so that a crash loses none; copying is idempotent.
 */
export function replicationController(
  deps: ControllerDeps & { images: Pick<ImageStore, "copyImage">; permissions: Permissions },
): Reconciler {
  const { store } = deps;
  return {
    name: "image-replication",
    keys: () => store.keys("imageReplication"),
    watch: watchKinds(store, {
      imageReplication: (key) => [key],
      image: (key) => store.list("imageReplication", `${key}#`).map((record) => keyOf(record)),
    }),
    async reconcile(key) {
      const record = store.get("imageReplication", key);
      if (record === undefined) return undefined;
      const imageKey = `${record.repositoryArn}@${record.digest}`;
      const from = store.get("repository", record.repositoryArn);
      const image = store.get("image", imageKey);
      if (from === undefined || image === undefined) {
        store.transact((tx) => tx.delete("imageReplication", key));
        return undefined;
      }
      if (record.status !== "IN_PROGRESS") return undefined;
      const failureCode = await copy(deps, from, record);
      return store.transact((tx) => {
        const fresh = tx.get("imageReplication", key);
        // A tag that was pushed meanwhile is copied in another round.
        const isSame = tx.get("image", imageKey)?.imageTags.join() === image.imageTags.join();
        if (fresh === undefined || !isSame) return 0;
        tx.put("imageReplication", key, {
          ...fresh,
          status: failureCode === undefined ? "COMPLETE" : "FAILED",
          ...(failureCode === undefined ? {} : { failureCode }),
        });
        return undefined;
      });
    },
  };
}

function keyOf({ repositoryArn, digest, destination }: ImageReplicationRecord): string {
  return `${repositoryArn}@${digest}#${destination.account}/${destination.region}`;
}

/** Copies one image. Returns why it cannot be copied. */
async function copy(
  deps: Parameters<typeof replicationController>[0],
  from: RepositoryRecord,
  { digest, destination }: ImageReplicationRecord,
): Promise<string | undefined> {
  const { store, clock, images, log } = deps;
  const arn = `arn:aws:ecr:${destination.region}:${destination.account}:repository/${from.name}`;
  const needed =
    store.get("repository", arn) === undefined
      ? ["ecr:ReplicateImage", "ecr:CreateRepository"]
      : ["ecr:ReplicateImage"];
  // Within one account the rule alone is sufficient.
  // Source: ECR User Guide, "Registry permissions".
  if (destination.account !== from.account)
    for (const action of needed) {
      const why = deps.permissions.deniedBecause(ownerOf(from), action, arn, () => ({}));
      if (why === undefined) continue;
      log.warn("An image is not replicated", { repository: from.arn, digest, reason: why });
      return "RegistryPolicyDenied";
    }
  try {
    if (from.kmsKeyArn !== undefined) checkUsable(store.get("kmsKey", from.kmsKeyArn), "ENCRYPT_DECRYPT");
    const to = store.transact((tx) =>
      createFromTemplate(tx, destination, from.name, { purpose: "REPLICATION", now: clock.now() }),
    );
    if (to.kmsKeyArn !== undefined) checkUsable(store.get("kmsKey", to.kmsKeyArn), "ENCRYPT_DECRYPT");
    await images.copyImage(from, to, digest);
    log.info("An image was replicated", { repository: to.arn, digest });
    return undefined;
  } catch (thrown) {
    if (thrown instanceof ImmutableTagError) return "ImageTagAlreadyExists";
    if (thrown instanceof KeyUnusableError) return "KmsError";
    throw thrown;
  }
}

/** Replication acts for the source registry's account. */
function ownerOf({ account }: RepositoryRecord): Principal {
  return { type: "root", arn: `arn:aws:iam::${account}:root`, account, id: account };
}
