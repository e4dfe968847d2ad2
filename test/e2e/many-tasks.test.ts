import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { CreateSubnetCommand, CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  CreateClusterCommand,
  CreateServiceCommand,
  DeleteServiceCommand,
  DescribeServicesCommand,
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs";
import { present } from "@gantry/kernel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDemo } from "./demo.ts";
import { eventually, newInstance, routerPid, run } from "./helpers.ts";

const SERVICES = 20;
const EACH = 10;
const LIFETIMES = 500;
/** Ends what hangs. */
const LONGEST_MS = 600_000;
/**
 * How often each of the 200 tasks may take the time of a short task, of which many run at once before them:
 * a busy machine slows down both. Measured: 0.8, 2.5 and 1.1.
 */
const RATIOS = { started: 3, rolled: 8, removed: 4 };
const WARM_UP = 40;

const instance = await newInstance();
let ecs: ECSClient;
let name = "";
let vpcId = "";
let networkConfiguration: { awsvpcConfiguration: { subnets: string[] } };
const services = Array.from({ length: SERVICES }, (_, index) => `s${index}`);

beforeAll(async () => {
  // 200 tasks of 0.25 vCPU and 512 MiB, and as many again while they roll.
  await instance.up("up", "--overcommit-cpu", "100", "--overcommit-memory", "100");
  const demo = openDemo({
    folder: instance.folder,
    port: instance.port,
    url: "",
    environment: await instance.environment(),
  });
  name = demo.name;
  ecs = new ECSClient(demo.client());
  const ec2 = new EC2Client(demo.client());
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.64.0.0/16" }));
  vpcId = Vpc?.VpcId ?? "";
  const { Subnet } = await ec2.send(new CreateSubnetCommand({ VpcId: vpcId, CidrBlock: "10.64.0.0/20" }));
  networkConfiguration = { awsvpcConfiguration: { subnets: [Subnet?.SubnetId ?? ""] } };
  await ecs.send(new CreateClusterCommand({ clusterName: "many" }));
  await register("many", ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"]);
  await register("short", ["true"]);
});

afterAll(async () => {
  await instance.gantry("down", "--purge");
});

async function register(family: string, command: string[]): Promise<void> {
  const size = { requiresCompatibilities: ["FARGATE" as const], cpu: "256", memory: "512" };
  const containerDefinitions = [{ name: "main", image: "busybox", command, stopTimeout: 5 }];
  await ecs.send(
    new RegisterTaskDefinitionCommand({ family, networkMode: "awsvpc", ...size, containerDefinitions }),
  );
}

async function allServices() {
  const halves = [services.slice(0, 10), services.slice(10)];
  const answers = await Promise.all(
    halves.map((half) => ecs.send(new DescribeServicesCommand({ cluster: "many", services: half }))),
  );
  return answers.flatMap((answer) => answer.services ?? []);
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}

const taskContainers = async (): Promise<number> =>
  (
    await run("docker", [
      "ps",
      "-aq",
      "--filter",
      `label=gantry.instance=${name}`,
      "--filter",
      "label=gantry.role=task",
    ])
  )
    .split("\n")
    .filter(Boolean).length;

/** Counts what a leak would increase. Spare pause containers are left out, because their number varies. */
async function census() {
  const status = await instance.status();
  const [controlPlane, agent] = [
    status.controlPlane.pid,
    present(status.agents[0], "The agent is there.").pid,
  ];
  const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
  const memoryMiB = (pid: number): number =>
    Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  const count = async (program: string, ...parameters: readonly string[]): Promise<number> =>
    (await run(program, parameters)).split("\n").filter(Boolean).length;
  const containers = (role: string) =>
    count(
      "docker",
      "ps",
      "-aq",
      "--filter",
      `label=gantry.instance=${name}`,
      "--filter",
      `label=gantry.role=${role}`,
    );
  const pauses = await containers("pause");
  const namespaces = new Set(
    readdirSync("/proc")
      .filter((pid) => /^\d+$/.test(pid))
      .flatMap((pid) => {
        try {
          return [readlinkSync(`/proc/${pid}/ns/net`)];
        } catch {
          return [];
        }
      }),
  );
  const router = await routerPid(vpcId);
  return {
    counts: {
      "descriptors of the control plane": descriptors(controlPlane),
      "descriptors of the agent": descriptors(agent),
      "task containers": await containers("task"),
      "network namespaces": namespaces.size - pauses,
      "links in the router": (await count("nsenter", "-t", router, "-n", "ip", "-o", "link")) - pauses,
      "neighbours in the router": (await count("nsenter", "-t", router, "-n", "ip", "neigh")) - pauses,
      "firewall rules of the host": await count("iptables-save"),
      "control groups": await count(
        "sh",
        "-c",
        `ls -d /sys/fs/cgroup/memory/gantry-${name}/*/ /sys/fs/cgroup/gantry-${name}/*/ 2>/dev/null || true`,
      ),
      "log files": (await count("sh", "-c", "ls /var/lib/docker/containers")) - pauses,
    },
    memory: { "the control plane": memoryMiB(controlPlane), "the agent": memoryMiB(agent) },
  };
}

/** The census once two in a row are equal: the pauses that are kept ready have been made again. */
async function settledCensus() {
  let last = await census();
  await eventually(async () => {
    await new Promise((done) => setTimeout(done, 2_000));
    const [was, is] = [last.counts, (last = await census()).counts];
    expect(Object.values(is).every((count) => count >= 0)).toBe(true);
    const steady = { "descriptors of the control plane": 0, "descriptors of the agent": 0 };
    expect({ ...is, ...steady }).toEqual({ ...was, ...steady });
  });
  return last;
}

/** Runs tasks to their end, thirty at a time: the next five start when five have ended. */
async function runShort(total: number): Promise<void> {
  let left = total;
  const runInTurn = async (): Promise<void> => {
    while (left > 0) {
      const count = Math.min(5, left);
      left -= count;
      await runToEnd(count);
    }
  };
  await Promise.all(Array.from({ length: 6 }, runInTurn));
}

async function runToEnd(count: number): Promise<void> {
  const { failures, tasks = [] } = await ecs.send(
    new RunTaskCommand({ cluster: "many", taskDefinition: "short", count, networkConfiguration }),
  );
  expect(failures ?? []).toEqual([]);
  await eventually(async () => {
    const answer = await ecs.send(
      new DescribeTasksCommand({ cluster: "many", tasks: tasks.map((task) => task.taskArn ?? "") }),
    );
    expect(answer.tasks?.map((task) => [task.lastStatus, task.containers?.[0]?.exitCode])).toEqual(
      tasks.map(() => ["STOPPED", 0]),
    );
  }, LONGEST_MS);
}

describe("two hundred tasks in twenty services on one machine", () => {
  it(
    "start, are replaced and stop in proportion to a short task, and five hundred tasks leave nothing behind",
    { timeout: 1_800_000 },
    async () => {
      const shortSeconds = (await seconds(() => runShort(WARM_UP))) / WARM_UP;
      await eventually(async () => expect(await taskContainers()).toBe(0));
      const before = await settledCensus();
      let lifetimes = 0;

      const started = await seconds(async () => {
        await Promise.all(
          services.map((serviceName) =>
            ecs.send(
              new CreateServiceCommand({
                cluster: "many",
                serviceName,
                taskDefinition: "many",
                desiredCount: EACH,
                networkConfiguration,
              }),
            ),
          ),
        );
        await eventually(
          async () =>
            expect((await allServices()).every((service) => service.runningCount === EACH)).toBe(true),
          LONGEST_MS,
        );
      });
      lifetimes += SERVICES * EACH;
      expect(await taskContainers()).toBe(SERVICES * EACH);

      const rolled = await seconds(async () => {
        await Promise.all(
          services.map((service) =>
            ecs.send(new UpdateServiceCommand({ cluster: "many", service, forceNewDeployment: true })),
          ),
        );
        await eventually(
          async () =>
            expect(
              (await allServices()).every(
                ({ runningCount, deployments = [] }) =>
                  runningCount === EACH &&
                  deployments.length === 1 &&
                  deployments[0]?.rolloutState === "COMPLETED",
              ),
            ).toBe(true),
          LONGEST_MS,
        );
      });
      lifetimes += SERVICES * EACH;

      const removed = await seconds(async () => {
        await Promise.all(
          services.map((service) =>
            ecs.send(new DeleteServiceCommand({ cluster: "many", service, force: true })),
          ),
        );
        await eventually(async () => expect(await taskContainers()).toBe(0), LONGEST_MS);
      });
      process.stdout.write(
        `200 tasks: started in ${started.toFixed(1)} s, rolled in ${rolled.toFixed(1)} s, removed in ` +
          `${removed.toFixed(1)} s; a short task takes ${shortSeconds.toFixed(2)} s\n`,
      );
      const base = shortSeconds * SERVICES * EACH;
      expect(started).toBeLessThan(RATIOS.started * base);
      expect(rolled).toBeLessThan(RATIOS.rolled * base);
      expect(removed).toBeLessThan(RATIOS.removed * base);

      await runShort(LIFETIMES - lifetimes);
      const { taskArns } = await ecs.send(new ListTasksCommand({ cluster: "many" }));
      expect(taskArns).toEqual([]);
      await eventually(async () => {
        const after = await census();
        const grown = Object.entries(after.counts).flatMap(([what, count]) => {
          const was = before.counts[what as keyof typeof before.counts]; // Both are made by the same function.
          return count > was + (what.startsWith("descriptors") ? 12 : 0)
            ? [`${what}: ${was} before, ${count} after`]
            : [];
        });
        expect(grown).toEqual([]);
      });
      const after = await census();
      for (const who of ["the control plane", "the agent"] as const) {
        process.stdout.write(
          `memory of ${who}: ${before.memory[who].toFixed(0)} MiB before, ` +
            `${after.memory[who].toFixed(0)} MiB after ${LIFETIMES} lifetimes\n`,
        );
        // Stopped tasks are kept for hours, as people wish: a few kilobytes each.
        expect(after.memory[who] - before.memory[who], who).toBeLessThan(80);
      }
    },
  );
});
