import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CreateClusterCommand,
  CreateServiceCommand,
  DescribeServicesCommand,
  DescribeTasksCommand,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
} from "@aws-sdk/client-ecs";
import { CreateListenerCommand, CreateLoadBalancerCommand, CreateTargetGroupCommand } from "@aws-sdk/client-elastic-load-balancing-v2";
import { ensureNetwork } from "@gantry/cli/demo/network";
import { run } from "@gantry/cli/run";
import { statusOf } from "@gantry/cli/status";
import { sleep } from "@gantry/kernel";
import { ensureLoadGenerator, load, type Load } from "./load.ts";
import { median, type Bench, type Question } from "./question.ts";

const ROUNDS = 5;
const SECONDS = 4;
const CONNECTIONS = 32;
const PLAIN_PORT = 14_999;

/** Requests a second through a load balancer of ours, against HAProxy with a configuration written by hand before the same task. */
export const loadBalancer: Question = {
  name: "load-balancer",
  async ask(bench) {
    await ensureLoadGenerator();
    const { url, address, vpcId } = await serve(bench);
    const proxy = `gantry-${bench.settings.instance}-proxy`;
    const file = join(bench.settings.folder, "plain.cfg");
    writeFileSync(file, plainConfiguration(address, vpcId));
    await run("docker", ["cp", file, `${proxy}:/tmp/plain.cfg`]);
    await run("docker", ["exec", "-d", proxy, "haproxy", "-f", "/tmp/plain.cfg"]);
    await sleep(bench.clock, 1_000);
    const options = { folder: bench.settings.folder, connections: CONNECTIONS, seconds: SECONDS };
    const [gantry, plain]: [Load[], Load[]] = [[], []];
    const { host } = new URL(url);
    for (let round = 0; round < ROUNDS; round += 1) {
      gantry.push(await load({ ...options, url: url.replace(/\/\/[^/:]+/, "//127.0.0.1"), headers: { Host: host } }));
      plain.push(await load({ ...options, url: `http://127.0.0.1:${PLAIN_PORT}/`, headers: { Host: host } }));
    }
    const failed = [...gantry, ...plain].reduce((sum, each) => sum + each.failed, 0);
    if (failed > 0) throw new Error(`${failed} requests failed.`);
    const of = (loads: readonly Load[], what: "requestsPerSecond" | "p99Ms") => median(loads.map((each) => each[what]));
    const against = "plain HAProxy";
    return [
      {
        name: "load-balancer-rate",
        unit: "requests/s",
        value: of(gantry, "requestsPerSecond"),
        baseline: of(plain, "requestsPerSecond"),
        against,
        goal: { of: "ratio", least: 0.95 },
      },
      { name: "load-balancer-p99", unit: "ms", value: of(gantry, "p99Ms"), baseline: of(plain, "p99Ms"), against, goal: undefined },
    ];
  },
};

function plainConfiguration(address: string, vpcId: string): string {
  return `global
  maxconn 8000
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
frontend plain
  bind 127.0.0.1:${PLAIN_PORT}
  default_backend plain
backend plain
  server task ${address}:80 namespace ${vpcId}
`;
}

/** One task of nginx behind a load balancer; answers where both are. */
async function serve(bench: Bench): Promise<{ url: string; address: string; vpcId: string }> {
  const { clients, region, clock, settings } = bench;
  const { ecs, elb } = clients;
  const network = await ensureNetwork(clients, region);
  await ecs.send(new CreateClusterCommand({ clusterName: "bench" }));
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: "web",
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      cpu: "2048",
      memory: "4096",
      containerDefinitions: [{ name: "web", image: "nginx", portMappings: [{ containerPort: 80 }] }],
    }),
  );
  const { TargetGroups = [] } = await elb.send(
    new CreateTargetGroupCommand({
      Name: "bench",
      TargetType: "ip",
      Protocol: "HTTP",
      Port: 80,
      VpcId: network.vpcId,
      HealthCheckIntervalSeconds: 5,
      HealthCheckTimeoutSeconds: 2,
    }),
  );
  const targetGroupArn = TargetGroups[0]?.TargetGroupArn;
  const { LoadBalancers = [] } = await elb.send(
    new CreateLoadBalancerCommand({ Name: "bench", Subnets: [...network.publicSubnets], SecurityGroups: [network.groups.balancer] }),
  );
  await elb.send(
    new CreateListenerCommand({
      LoadBalancerArn: LoadBalancers[0]?.LoadBalancerArn,
      Protocol: "HTTP",
      Port: 80,
      DefaultActions: [{ Type: "forward", TargetGroupArn: targetGroupArn }],
    }),
  );
  await ecs.send(
    new CreateServiceCommand({
      cluster: "bench",
      serviceName: "web",
      taskDefinition: "web",
      desiredCount: 1,
      networkConfiguration: { awsvpcConfiguration: { subnets: [...network.privateSubnets], securityGroups: [network.groups.balancer] } },
      loadBalancers: [{ targetGroupArn, containerName: "web", containerPort: 80 }],
    }),
  );
  for (;;) {
    const { services = [] } = await ecs.send(new DescribeServicesCommand({ cluster: "bench", services: ["web"] }));
    if (services[0]?.deployments?.[0]?.rolloutState === "COMPLETED") break;
    await sleep(clock, 200);
  }
  const { taskArns } = await ecs.send(new ListTasksCommand({ cluster: "bench", serviceName: "web" }));
  const { tasks = [] } = await ecs.send(new DescribeTasksCommand({ cluster: "bench", tasks: taskArns }));
  const address = tasks[0]?.containers?.[0]?.networkInterfaces?.[0]?.privateIpv4Address ?? "";
  const url = (await statusOf(settings)).loadBalancers[0]?.listeners[0]?.url ?? "";
  return { url, address, vpcId: network.vpcId };
}
