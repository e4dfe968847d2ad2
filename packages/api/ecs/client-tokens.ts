import type { ClusterRecord, Reader, TaskDefinitionRecord, TaskRecord } from "@gantry/state";
import { ApiError } from "@gantry/wire";
import { isIn } from "../common/place.ts";

/**
 * The tasks that an earlier call with this token started. The caller has permission for this cluster and task definition
 * alone, so that tasks of others are not shown. Source: API_RunTask, clientToken. Errors: ConflictException.
 */
export function tasksOfToken(
  reader: Reader,
  token: string | undefined,
  { cluster, definition }: { cluster: ClusterRecord; definition: TaskDefinitionRecord },
): readonly TaskRecord[] {
  if (token === undefined) return [];
  const known = reader
    .list("task")
    .filter((task) => task.tags["aws:ecs:clientToken"] === token && isIn(task, cluster));
  if (known.some((task) => task.clusterArn !== cluster.arn || task.taskDefinitionArn !== definition.arn))
    throw new ApiError(
      "ConflictException",
      "The RunTask request could not be processed due to conflicts. The provided clientToken is already in use with a different RunTask request.",
    );
  return known;
}
