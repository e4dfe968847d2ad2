import { ListTasksCommand, StopTaskCommand, UpdateServiceCommand } from "@aws-sdk/client-ecs";
import {
  DeregisterTargetsCommand,
  DescribeTargetHealthCommand,
  ModifyTargetGroupAttributesCommand,
  RegisterTargetsCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { run } from "@gantry/cli/run";
import { sleep } from "@gantry/kernel";
import { taskContainers } from "./containers.ts";
import { ensureLoadGenerator, load, type Load } from "./load.ts";
import { median, type Bench, type Question } from "./question.ts";
import { runTask, serve, type Served } from "./serve.ts";

const ROUNDS = 5;
const SECONDS = 6;
const CONNECTIONS = 32;
const REPLACEMENTS = 5;

/** Requests through a load balancer while a target comes or goes every second, against the same proxy left alone. */
export const churn: Question = {
  name: "churn",
  async ask(bench) {
    await ensureLoadGenerator();
    const there = await serve(bench);
    const address = await extraTask(bench, there);
    const { host } = new URL(there.url);
    const options = {
      folder: bench.settings.folder,
      connections: CONNECTIONS,
      seconds: SECONDS,
      url: there.url.replace(/\/\/[^/:]+/, "//127.0.0.1"),
      headers: { Host: host },
    };
    const [alone, busy]: [Load[], Load[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      alone.push(await load(options));
      const stop = comeAndGo(bench, there, address);
      busy.push(await load(options));
      await stop();
    }
    await endExtraTasks(bench);
    const failed = busy.reduce((sum, each) => sum + each.failed, 0);
    const of = (loads: readonly Load[], what: "requestsPerSecond" | "p99Ms") =>
      median(loads.map((each) => each[what]));
    const against = "targets left alone";
    return [
      {
        name: "churn-rate",
        unit: "requests/s",
        value: of(busy, "requestsPerSecond"),
        baseline: of(alone, "requestsPerSecond"),
        against,
        goal: { of: "ratio", least: 0.9 },
      },
      {
        name: "churn-p99",
        unit: "ms",
        value: of(busy, "p99Ms"),
        baseline: of(alone, "p99Ms"),
        against,
        goal: undefined,
      },
      {
        name: "churn-failed",
        unit: "requests",
        value: failed,
        baseline: 1,
        against: "none",
        goal: { of: "value", most: 0 },
      },
    ];
  },
};

/** From the kill of a task's container to its replacement passing the load balancer's checks. */
export const replacement: Question = {
  name: "replacement",
  async ask(bench) {
    const there = await serve(bench);
    const times: number[] = [];
    await bench.clients.ecs.send(
      new UpdateServiceCommand({ cluster: "bench", service: "web", desiredCount: 2 }),
    );
    await untilHealthy(bench, there, 2, []);
    for (let round = 0; round < REPLACEMENTS; round += 1) {
      await sleep(bench.clock, 4_000);
      const before = await healthy(bench, there);
      const [victim = ""] = await taskContainers(bench, "gantry.container=web");
      const began = performance.now();
      await run("docker", ["kill", victim]);
      await untilHealthy(bench, there, 2, before);
      times.push(performance.now() - began);
    }
    await bench.clients.ecs.send(
      new UpdateServiceCommand({ cluster: "bench", service: "web", desiredCount: 1 }),
    );
    const start = await dockerStart(bench);
    return [
      {
        name: "kill-to-healthy",
        unit: "ms",
        value: median(times),
        baseline: start,
        against: "docker run -d of the same image",
        goal: { of: "value", most: 2_000 },
      },
    ];
  },
};

async function dockerStart({ settings }: Bench): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const began = performance.now();
    const id = (
      await run("docker", ["run", "-d", "--label", `gantry.bench=${settings.instance}`, "nginx"])
    ).trim();
    times.push(performance.now() - began);
    await run("docker", ["rm", "-f", id]);
  }
  return median(times);
}

async function healthy({ clients }: Bench, { targetGroupArn }: Served): Promise<readonly string[]> {
  const { TargetHealthDescriptions = [] } = await clients.elb.send(
    new DescribeTargetHealthCommand({ TargetGroupArn: targetGroupArn }),
  );
  return TargetHealthDescriptions.filter((each) => each.TargetHealth?.State === "healthy").map(
    (each) => each.Target?.Id ?? "",
  );
}

/** So many healthy targets, at least one of which was not there before. */
async function untilHealthy(
  bench: Bench,
  there: Served,
  count: number,
  before: readonly string[],
): Promise<void> {
  for (;;) {
    const now = await healthy(bench, there);
    if (now.length === count && (before.length === 0 || now.some((address) => !before.includes(address))))
      return;
    await sleep(bench.clock, 20);
  }
}

/** A second task, in no service: the target that comes and goes. */
async function extraTask(bench: Bench, { subnets, securityGroup, targetGroupArn }: Served): Promise<string> {
  // What drains holds nobody up here.
  await bench.clients.elb.send(
    new ModifyTargetGroupAttributesCommand({
      TargetGroupArn: targetGroupArn,
      Attributes: [{ Key: "deregistration_delay.timeout_seconds", Value: "1" }],
    }),
  );
  return runTask(bench, { taskDefinition: "web", subnets, securityGroup, startedBy: "churn" });
}

function comeAndGo(
  { clients, clock }: Bench,
  { targetGroupArn }: Served,
  address: string,
): () => Promise<void> {
  const going = new AbortController();
  const target = { TargetGroupArn: targetGroupArn, Targets: [{ Id: address, Port: 80 }] };
  const loop = (async () => {
    for (let there = false; !going.signal.aborted; there = !there) {
      await clients.elb.send(
        there ? new DeregisterTargetsCommand(target) : new RegisterTargetsCommand(target),
      );
      await sleep(clock, 1_000);
    }
    await clients.elb.send(new DeregisterTargetsCommand(target));
  })();
  return async () => {
    going.abort();
    await loop;
  };
}

/** Ends what `churn` started beside the service. */
async function endExtraTasks({ clients }: Bench): Promise<void> {
  const { taskArns = [] } = await clients.ecs.send(
    new ListTasksCommand({ cluster: "bench", startedBy: "churn" }),
  );
  for (const task of taskArns) await clients.ecs.send(new StopTaskCommand({ cluster: "bench", task }));
}
