import type { Reconciler } from "@gantry/kernel";
import { keyOf, parseLifecyclePolicy, planExpiry, type ImageStore } from "@gantry/registry";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

const LOOK_MS = 60 * 60_000;
const BYTES = "bytes";

/**
 * Expires images by the lifecycle policies of their repositories, and removes bytes that nothing refers to.
 * ECR takes up to 24 hours for it.
 */
export function registryController(
  deps: ControllerDeps & { images: Pick<ImageStore, "collect"> },
): Reconciler {
  const { store, clock, images, log } = deps;
  let collectedAt = -Infinity;
  return {
    name: "registry",
    keys: () => [BYTES, ...store.keys("repository")],
    watch: watchKinds(store, { repository: (key) => [key] }),
    async reconcile(key) {
      const now = clock.now();
      if (key === BYTES) {
        if (now - collectedAt < LOOK_MS && now >= collectedAt) return LOOK_MS - (now - collectedAt);
        collectedAt = now;
        const removed = await images.collect();
        if (removed > 0) log.info("Blobs that no image needs were removed", { blobs: removed });
        return LOOK_MS;
      }
      const policy = store.get("repository", key)?.lifecyclePolicy;
      if (policy === undefined) return undefined;
      const waits = (policy.evaluatedAt ?? -Infinity) + LOOK_MS - now;
      if (waits > 0 && waits <= LOOK_MS) return waits;
      store.transact((tx) => {
        const repository = tx.get("repository", key);
        if (repository?.lifecyclePolicy === undefined) return;
        const expiring = planExpiry(
          parseLifecyclePolicy(repository.lifecyclePolicy.text),
          tx.listBy("image", "repository", key),
          now,
        );
        for (const { image, rule } of expiring) {
          tx.delete("image", keyOf(key, image.digest));
          log.info("An image expires", { repository: repository.name, digest: image.digest, rule });
        }
        tx.put("repository", key, {
          ...repository,
          lifecyclePolicy: { ...repository.lifecyclePolicy, evaluatedAt: now },
        });
      });
      return LOOK_MS;
    },
  };
}
