import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { DescribeTasksCommand } from "@aws-sdk/client-ecs";
import { sleep } from "@gantry/kernel";
import { captured, type Captured } from "./captured.ts";
import { ensureLoadGenerator, load, medianOf, type Load } from "./load.ts";
import type { Bench, Question } from "./question.ts";
import { prepareTasks } from "./tasks.ts";

const ROUNDS = 5;
const SECONDS = 2;
const CONNECTIONS = 16;
const TASKS = 10;

/** Requests a second of a signed DescribeTasks of ten tasks, against a bare Node server that answers as many bytes and does nothing. */
export const describeTasks: Question = {
  name: "describe-tasks",
  async ask(bench) {
    await ensureLoadGenerator();
    const signed = await describeTenTasks(bench);
    const { headers, body } = signed;
    const answer = await (
      await fetch(`http://127.0.0.1:${bench.settings.port}/`, { method: "POST", headers, body })
    ).text();
    const target = {
      folder: bench.settings.folder,
      connections: CONNECTIONS,
      seconds: SECONDS,
      method: "POST",
      headers,
      body,
    };
    const floor = createServer((request, response) => {
      request.resume();
      request.on("end", () =>
        response.writeHead(200, { "content-type": "application/x-amz-json-1.1" }).end(answer),
      );
    });
    await new Promise<void>((done) => floor.listen(0, "127.0.0.1", done));
    const { port } = floor.address() as AddressInfo; // A listening TCP server has an address.
    try {
      const [gantry, bare]: [Load[], Load[]] = [[], []];
      // The first round is what both compile in.
      for (let round = 0; round <= ROUNDS; round += 1) {
        gantry.push(await load({ ...target, url: `http://127.0.0.1:${bench.settings.port}/` }));
        bare.push(await load({ ...target, url: `http://127.0.0.1:${port}/` }));
      }
      const failed = gantry.find((each) => each.failed > 0);
      if (failed !== undefined) throw new Error(`${failed.failed} requests failed: ${failed.failures}.`);
      const measured = (loads: readonly Load[]) => loads.slice(1);
      const against = "a bare Node server";
      return [
        {
          name: "describe-tasks-rate",
          unit: "requests/s",
          value: medianOf(measured(gantry), "requestsPerSecond"),
          baseline: medianOf(measured(bare), "requestsPerSecond"),
          against,
          goal: { of: "ratio", least: 0.35 },
        },
        {
          name: "describe-tasks-p99",
          unit: "ms",
          value: medianOf(measured(gantry), "p99Ms"),
          baseline: medianOf(measured(bare), "p99Ms"),
          against,
          goal: undefined,
        },
      ];
    } finally {
      floor.close();
      floor.closeAllConnections();
    }
  },
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
