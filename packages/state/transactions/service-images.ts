import type { Ids } from "@gantry/kernel";
import type { TaskContainerRecord, TaskRecord } from "../records.ts";
import type { Transaction } from "../store.ts";
import { taskSetOf } from "./task-set-keys.ts";
import { addServiceEvent } from "./service-events.ts";

/**
 * Stores the digest of a container's image, resolved by a service's first task, in the service revision, so
 * that all tasks of the deployment run the same image, and writes one event. An image that no registry
 * resolved is not stored: the next task resolves it again. Source: Amazon ECS Developer Guide, "Container
 * image resolution".
 */
export function recordServiceImage(
  tx: Transaction,
  task: TaskRecord,
  container: TaskContainerRecord,
  { ids, now }: { ids: Ids; now: number },
): void {
  const service = tx.get("service", task.serviceArn);
  const set = taskSetOf(tx, task);
  const revision = tx.get("serviceRevision", set?.revisionArn);
  const spec = tx
    .get("taskDefinition", task.taskDefinitionArn)
    ?.spec.containers.find((each) => each.name === container.name);
  if (service === undefined || set === undefined || revision === undefined || spec === undefined) return;
  const { name, image, imageDigest, imageSource } = container;
  const say = (what: string): void =>
    addServiceEvent(tx, service, {
      ids,
      now,
      message: `(service ${service.name}) (deployment ${set.id}) container ${name}: ${what}`,
    });
  if (imageSource === "engine")
    return say(`no registry answered for ${image}; the node runs its own copy, ${imageDigest}.`);
  if (imageSource === "built")
    return say(
      `no registry answered for ${image}; the node runs a replacement that Gantry built from Debian packages.`,
    );
  const known = revision.containerImages ?? [];
  if (
    imageDigest === undefined ||
    spec.versionConsistency === "disabled" ||
    known.some((each) => each.containerName === name)
  )
    return;
  tx.put("serviceRevision", revision.arn, {
    ...revision,
    containerImages: [...known, { containerName: name, image, imageDigest }],
  });
  say(`${image} is resolved to ${imageDigest}.`);
}

/**
 * The digest that a task of a service must run, if its deployment has resolved one; undefined: resolve the
 * tag.
 */
export function serviceImageDigest(
  tx: Pick<Transaction, "get">,
  task: TaskRecord,
  containerName: string,
): string | undefined {
  return tx
    .get("serviceRevision", taskSetOf(tx, task)?.revisionArn)
    ?.containerImages?.find((each) => each.containerName === containerName)?.imageDigest;
}
