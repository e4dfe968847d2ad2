import type { Clock, Ids } from "@gantry/kernel";
import { interruptTask, type Store } from "@gantry/state";

/**
 * Interrupts the task with the id, as `gantry interrupt` asks: the answer for the command line, with its status.
 */
export async function interrupt(
  { store, ids, clock }: { readonly store: Store; readonly ids: Ids; readonly clock: Clock },
  id: string,
): Promise<readonly [number, object]> {
  const [task] = store.listBy("task", "id", id);
  if (task === undefined) return [404, { reason: `There is no task ${id}.` }];
  const outcome = store.transact((tx) => interruptTask(tx, task.arn, { ids, now: clock.now() }));
  if ("problem" in outcome) return [400, { reason: outcome.problem }];
  await store.settled();
  return [200, { taskArn: outcome.arn, stoppedReason: outcome.stoppedReason }];
}
