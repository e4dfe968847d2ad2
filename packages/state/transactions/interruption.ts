import type { Ids } from "@gantry/kernel";
import type { TaskRecord } from "../records.ts";
import type { Transaction } from "../store.ts";
import { addServiceEvent } from "./service-events.ts";

/**
 * Takes a task of FARGATE_SPOT its capacity away, as AWS does: its containers get SIGTERM, and SIGKILL after
 * their stop timeout. Answers the task, or why it cannot be interrupted.
 * Source: Amazon ECS Developer Guide, "Fargate capacity providers", termination notices; the event of an
 * interrupted task.
 */
export function interruptTask(
  tx: Transaction,
  arn: string,
  { ids, now }: { readonly ids: Ids; readonly now: number },
): TaskRecord | { readonly problem: string } {
  const task = tx.get("task", arn);
  const id = arn.slice(arn.lastIndexOf("/") + 1);
  if (task === undefined) return { problem: `There is no task ${id}.` };
  if (task.capacityProvider !== "FARGATE_SPOT")
    return { problem: `The task ${id} does not run on FARGATE_SPOT: only such tasks are interrupted.` };
  if (task.desiredStatus === "STOPPED") return { problem: `The task ${id} is stopping already.` };
  const next: TaskRecord = {
    ...task,
    desiredStatus: "STOPPED",
    stopCode: "SpotInterruption",
    stoppedReason: "Your Spot Task was interrupted.",
    version: task.version + 1,
  };
  tx.put("task", arn, next);
  const service = tx.get("service", task.serviceArn);
  if (service !== undefined)
    addServiceEvent(tx, service, {
      ids,
      now,
      message:
        `(service ${service.name}) (task ${id}) received a termination notice: Fargate Spot takes its ` +
        "capacity back. Its containers get SIGTERM, and SIGKILL after their stop timeout, 120 seconds at " +
        "most.",
    });
  return next;
}
