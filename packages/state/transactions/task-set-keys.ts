import type { TaskRecord, TaskSetRecord } from "../records.ts";
import type { Reader } from "../store.ts";

/** The key of a task set's record. */
export function taskSetKeyOf(serviceArn: string, id: string): string {
  return `${serviceArn}|${id}`;
}

/** The task set that a task of a service belongs to. */
export function taskSetOf(
  reader: Pick<Reader, "get">,
  { serviceArn, deploymentId }: Pick<TaskRecord, "serviceArn" | "deploymentId">,
): TaskSetRecord | undefined {
  if (serviceArn === undefined || deploymentId === undefined) return undefined;
  return reader.get("taskSet", taskSetKeyOf(serviceArn, deploymentId));
}
