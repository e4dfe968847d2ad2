import type { Reader, TaskContainerRecord, TaskRecord } from "@gantry/state";
import { serviceImageDigest } from "@gantry/state";

/** The result of a look-up of an image in the platform's own registry. */
export type ImageAnswer =
  /** A name of another registry: the node asks there. */
  | { readonly type: "foreign" }
  | { readonly type: "resolved"; readonly digest: string }
  /** `reason` is the task's stopped reason, in ECS's words. */
  | { readonly type: "refused"; readonly reason: string };

/** Looks an image up in the records of the platform's registry, with the rights of the task's execution role. */
export type FindImage = (
  reader: Reader,
  request: {
    readonly image: string;
    /** Looked up instead of the name's tag. */
    readonly digest: string | undefined;
    readonly executionRoleArn: string | undefined;
    readonly taskArn: string;
    readonly account: string;
    /** The VPC of the task: its endpoints may have policies. */
    readonly vpcId: string | undefined;
  },
) => ImageAnswer;

/**
 * The containers of a task with the digests that their images have now: once per task, or the ones that the service's
 * deployment has found (versionConsistency). The execution role is asked for permission each time, whether or not the
 * node has the image. Source: Amazon ECS Developer Guide, "Container image resolution".
 */
export function resolveImages(
  reader: Reader,
  findImage: FindImage,
  task: TaskRecord,
): { containers: readonly TaskContainerRecord[] } | { problem: string; container: string } {
  const spec = reader.get("taskDefinition", task.taskDefinitionArn)?.spec;
  const executionRoleArn = task.overrides.executionRoleArn ?? spec?.executionRoleArn;
  const vpcId = reader.get("subnet", task.network.subnets[0])?.vpcId;
  const containers: TaskContainerRecord[] = [];
  for (const container of task.containers) {
    const own = spec?.containers.find((each) => each.name === container.name);
    const digest =
      own?.versionConsistency === "disabled" ? undefined : serviceImageDigest(reader, task, container.name);
    const { image } = container;
    const { arn: taskArn, account } = task;
    const answer = findImage(reader, { image, digest, executionRoleArn, taskArn, account, vpcId });
    if (answer.type === "refused") return { problem: answer.reason, container: container.name };
    const pinned = answer.type === "resolved" ? answer.digest : digest;
    containers.push(
      pinned === undefined
        ? container
        : { ...container, imageDigest: pinned, pinnedDigest: pinned, imageSource: "registry" },
    );
  }
  return { containers };
}
