import { DescribeTasksCommand, StopTaskCommand } from "@aws-sdk/client-ecs";
import { run } from "@gantry/cli/run";
import { sleep } from "@gantry/kernel";
import { median, type Bench, type Question } from "./question.ts";
import { IMAGE, prepareTasks, SCRIPT, type Start } from "./tasks.ts";

const ROUNDS = 9;
const PARALLEL = 20;
const POLL_MS = 10;

/** How long from RunTask to RUNNING, against `docker run -d` of the same image on the same engine. */
export const runTask: Question = {
  name: "run-task",
  async ask(bench) {
    const start = await prepareTasks(bench);
    const [gantry, docker]: [number[], number[]] = [[], []];
    await launch(bench, start, 1);
    for (let round = 0; round < ROUNDS; round += 1) {
      gantry.push(await launch(bench, start, 1));
      docker.push(await dockerRun(bench, 1));
    }
    const [many, dockerMany]: [number[], number[]] = [[], []];
    for (let round = 0; round < 3; round += 1) {
      many.push(await launch(bench, start, PARALLEL));
      dockerMany.push(await dockerRun(bench, PARALLEL));
    }
    const goal = { of: "ratio", most: 0.6 } as const;
    return [
      {
        name: "run-task-sequential",
        unit: "ms",
        value: median(gantry),
        baseline: median(docker),
        against: "docker run -d",
        goal,
      },
      {
        name: `run-task-${PARALLEL}-at-once`,
        unit: "ms",
        value: median(many),
        baseline: median(dockerMany),
        against: `${PARALLEL} × docker run -d`,
        goal,
      },
    ];
  },
};

/** Milliseconds until all run. The tasks are stopped afterwards, and the node is left to settle. */
export async function launch({ clients, clock }: Bench, start: Start, count: number): Promise<number> {
  const began = performance.now();
  const batches = await Promise.all(
    Array.from({ length: Math.ceil(count / 10) }, (_, index) => start(Math.min(10, count - index * 10))),
  );
  const tasks = batches.flat();
  const all = async (status: string): Promise<boolean> => {
    const answer = await clients.ecs.send(new DescribeTasksCommand({ cluster: "bench", tasks: [...tasks] }));
    return answer.tasks?.every((task) => task.lastStatus === status) ?? false;
  };
  while (!(await all("RUNNING"))) await sleep(clock, POLL_MS * Math.max(1, count / 4));
  const took = performance.now() - began;
  for (const task of tasks) await clients.ecs.send(new StopTaskCommand({ cluster: "bench", task }));
  while (!(await all("STOPPED"))) await sleep(clock, 200);
  await sleep(clock, 5_000);
  return took;
}

async function dockerRun({ settings, clock }: Bench, count: number): Promise<number> {
  const began = performance.now();
  await Promise.all(
    Array.from({ length: count }, () =>
      run("docker", ["run", "-d", "--label", `gantry.bench=${settings.instance}`, IMAGE, "sh", "-c", SCRIPT]),
    ),
  );
  const took = performance.now() - began;
  const ids = (await run("docker", ["ps", "-aq", "--filter", `label=gantry.bench=${settings.instance}`]))
    .split("\n")
    .filter(Boolean);
  await run("docker", ["rm", "-f", ...ids]);
  await sleep(clock, 1_000);
  return took;
}
