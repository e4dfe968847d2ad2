import { seededRandom } from "@gantry/kernel";
import { CreateSubnetCommand, CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  CreateClusterCommand,
  CreateServiceCommand,
  DescribeServicesCommand,
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openDemo } from "./demo.ts";
import { eventually, newInstance, run } from "./helpers.ts";

const SEED = 20_261_125;
const ROUNDS = 50;
const instance = await newInstance();
let ecs: ECSClient;
let name = "";

beforeAll(async () => {
  await instance.up("up");
  const demo = openDemo({
    folder: instance.folder,
    port: instance.port,
    url: "",
    environment: await instance.environment(),
  });
  name = demo.name;
  ecs = new ECSClient({ ...demo.client(), maxAttempts: 10 });
  const ec2 = new EC2Client(demo.client());
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.65.0.0/16" }));
  const { Subnet } = await ec2.send(
    new CreateSubnetCommand({ VpcId: Vpc?.VpcId, CidrBlock: "10.65.1.0/24" }),
  );
  await ecs.send(new CreateClusterCommand({ clusterName: "chaos" }));
  await register(0);
  const awsvpcConfiguration = { subnets: [Subnet?.SubnetId ?? ""] };
  await ecs.send(
    new CreateServiceCommand({
      cluster: "chaos",
      serviceName: "s",
      taskDefinition: "chaos",
      desiredCount: 3,
      networkConfiguration: { awsvpcConfiguration },
    }),
  );
});

afterAll(async () => {
  await instance.gantry("down", "--purge");
});

async function register(version: number): Promise<string> {
  const { taskDefinition } = await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: "chaos",
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      cpu: "256",
      memory: "512",
      containerDefinitions: [
        {
          name: "main",
          image: "busybox",
          command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.2; done"],
          stopTimeout: 2,
          environment: [{ name: "VERSION", value: String(version) }],
        },
      ],
    }),
  );
  return taskDefinition?.taskDefinitionArn ?? "";
}

/**
 * As many tasks as are wanted, all of the newest version, one container each and none besides; the deployment
 * complete.
 */
async function expectAtRest(wanted: { desiredCount: number; taskDefinition: string }): Promise<void> {
  await eventually(async () => {
    const { services = [] } = await ecs.send(
      new DescribeServicesCommand({ cluster: "chaos", services: ["s"] }),
    );
    expect(services[0]).toMatchObject({
      runningCount: wanted.desiredCount,
      pendingCount: 0,
      deployments: [{ rolloutState: "COMPLETED" }],
    });
    const { taskArns = [] } = await ecs.send(new ListTasksCommand({ cluster: "chaos", serviceName: "s" }));
    const { tasks = [] } = await ecs.send(new DescribeTasksCommand({ cluster: "chaos", tasks: taskArns }));
    expect(tasks.map((task) => task.taskDefinitionArn)).toEqual(
      Array.from({ length: wanted.desiredCount }, () => wanted.taskDefinition),
    );
    const filters = ["gantry.role=task", `gantry.instance=${name}`].flatMap((label) => [
      "--filter",
      `label=${label}`,
    ]);
    const containers = (
      await run("docker", ["ps", "-a", "--format", '{{.Label "gantry.pod"}} {{.State}}', ...filters])
    )
      .split("\n")
      .filter(Boolean)
      .toSorted();
    expect(containers).toEqual(
      tasks.map((task) => `pod/${task.taskArn?.split("/").at(-1)} running`).toSorted(),
    );
  }, 180_000);
}

it(
  `reaches its goal though control plane and agent are killed ${ROUNDS} times in deployments and scale-ins`,
  { timeout: 900_000 },
  async () => {
    const next = seededRandom(SEED);
    const wanted = { desiredCount: 3, taskDefinition: await register(1) };
    await ecs.send(
      new UpdateServiceCommand({ cluster: "chaos", service: "s", taskDefinition: wanted.taskDefinition }),
    );
    await expectAtRest(wanted);
    for (let round = 0; round < ROUNDS; round += 1) {
      if (round % 2 === 0) wanted.taskDefinition = await register(round + 2);
      else wanted.desiredCount = wanted.desiredCount === 3 ? 1 : 3;
      await ecs.send(
        new UpdateServiceCommand({
          cluster: "chaos",
          service: "s",
          taskDefinition: wanted.taskDefinition,
          desiredCount: wanted.desiredCount,
        }),
      );
      const pids = await eventually(async () => {
        const status = await instance.status();
        const agent = status.agents[0]?.pid;
        if (agent === undefined) throw new Error("The agent is not back yet.");
        return { controlPlane: status.controlPlane.pid, agent };
      });
      await new Promise((done) => setTimeout(done, Math.floor(next() * 1_500)));
      const who = (["controlPlane", "agent", "both"] as const)[Math.floor(next() * 3)] ?? "both";
      if (who !== "agent") process.kill(pids.controlPlane, "SIGKILL");
      if (who !== "controlPlane") process.kill(pids.agent, "SIGKILL");
      if (who !== "agent") await instance.up("up");
      // Every fifth round is looked at to its end; the next kill meets the others on their way.
      if (round % 5 === 4) await expectAtRest(wanted);
    }
    await expectAtRest(wanted);
  },
);
