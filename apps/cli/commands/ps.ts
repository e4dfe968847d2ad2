import { presentInstance } from "../platform.ts";
import { ago, fetchPlatformStatus, renderTable } from "../platform-status.ts";
import type { Call } from "./command.ts";

/** Lists the tasks that have not stopped, or all tasks. */
export async function run({ folder, flag }: Call): Promise<number> {
  const { tasks, clock } = await fetchPlatformStatus(presentInstance(folder));
  const shown = tasks
    .filter((task) => flag("all") || task.lastStatus !== "STOPPED")
    .toSorted((a, b) => `${a.cluster}/${a.service ?? ""}`.localeCompare(`${b.cluster}/${b.service ?? ""}`));
  if (flag("json")) {
    process.stdout.write(`${JSON.stringify(shown)}\n`);
    return 0;
  }
  const rows = shown.map((task) => [
    task.id,
    `${task.cluster}/${task.service ?? ""}`,
    task.definition,
    task.lastStatus === task.desiredStatus ? task.lastStatus : `${task.lastStatus} → ${task.desiredStatus}`,
    task.health,
    task.startedAt === undefined ? "" : ago(task.startedAt, clock.now),
    task.stoppedReason ?? task.containers.map((container) => container.name).join(", "),
  ]);
  const head = ["TASK", "SERVICE", "DEFINITION", "STATUS", "HEALTH", "STARTED", "CONTAINERS"];
  process.stdout.write(renderTable(head, rows));
  return 0;
}
