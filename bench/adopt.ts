import { DescribeTasksCommand, StopTaskCommand } from "@aws-sdk/client-ecs";
import { healthOf } from "@gantry/cli/control-plane-process";
import { bringUp } from "@gantry/cli/platform";
import { Progress } from "@gantry/cli/progress";
import { run, UserError } from "@gantry/cli/run";
import { sleep } from "@gantry/kernel";
import { taskContainers } from "./containers.ts";
import { median, type Bench, type Question } from "./question.ts";
import { prepareTasks } from "./tasks.ts";

const TASKS = 100;
const ROUNDS = 5;

/** From `up` after control plane and agent were killed to all tasks adopted: the same containers, reported again. */
export const adopt: Question = {
  name: "adopt",
  async ask(bench) {
    const start = await prepareTasks(bench);
    const tasks: string[] = [];
    for (let left = TASKS; left > 0; left -= 10) tasks.push(...(await start(10)));
    await untilRunning(bench, tasks);
    const before = (await taskContainers(bench)).join();
    const [times, listed]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      const health = await healthOf(bench.settings);
      if (health === undefined) throw new UserError("The platform is not up.");
      const agent = health.agents[0]?.pid;
      process.kill(health.pid, "SIGKILL");
      if (agent !== undefined) process.kill(agent, "SIGKILL");
      const began = performance.now();
      await bringUp(
        { clock: bench.clock, progress: new Progress(bench.clock, () => {}) },
        bench.settings.folder,
        undefined,
      );
      await untilRunning(bench, tasks);
      times.push(performance.now() - began);
      if ((await taskContainers(bench)).join() !== before) throw new Error("Containers were made anew.");
      listed.push(await dockerList(bench));
    }
    for (const task of tasks) await bench.clients.ecs.send(new StopTaskCommand({ cluster: "bench", task }));
    return [
      {
        name: `adopt-${TASKS}-tasks`,
        unit: "ms",
        value: median(times),
        baseline: median(listed),
        against: "docker ps and inspect of the same containers",
        goal: { of: "ratio", most: 3 },
      },
    ];
  },
};

async function dockerList(bench: Bench): Promise<number> {
  const began = performance.now();
  await run("docker", ["inspect", ...(await taskContainers(bench))]);
  return performance.now() - began;
}

async function untilRunning({ clients, clock }: Bench, tasks: readonly string[]): Promise<void> {
  for (;;) {
    const { tasks: found = [] } = await clients.ecs.send(
      new DescribeTasksCommand({ cluster: "bench", tasks: [...tasks] }),
    );
    if (found.length === tasks.length && found.every((task) => task.lastStatus === "RUNNING")) return;
    await sleep(clock, 50);
  }
}
