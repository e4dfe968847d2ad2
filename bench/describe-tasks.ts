import { DescribeTasksCommand } from "@aws-sdk/client-ecs";
import { sleep } from "@gantry/kernel";
import { captured, type Captured } from "./captured.ts";
import type { Bench, Question } from "./question.ts";
import { askRate } from "./rate.ts";
import { prepareTasks } from "./tasks.ts";

const TASKS = 10;

/** Requests a second of a signed DescribeTasks of ten tasks, against a bare Node server. */
export const describeTasks: Question = {
  name: "describe-tasks",
  ask: async (bench) =>
    askRate(bench, await describeTenTasks(bench), { name: "describe-tasks", least: 0.35 }),
};

/** One DescribeTasks of ten running tasks as the SDK signs it, good for five minutes. */
export async function describeTenTasks(bench: Bench): Promise<Captured> {
  const { clients, settings, clock } = bench;
  const start = await prepareTasks(bench);
  const tasks = [...(await start(TASKS))];
  const command = new DescribeTasksCommand({ cluster: "bench", tasks });
  const running = async () =>
    (await clients.ecs.send(new DescribeTasksCommand({ cluster: "bench", tasks }))).tasks?.every(
      (task) => task.lastStatus === "RUNNING",
    );
  while (!(await running())) await sleep(clock, 200);
  const request = await captured(command.middlewareStack, () => clients.ecs.send(command));
  return { ...request, headers: { ...request.headers, Host: `127.0.0.1:${settings.port}` } };
}
