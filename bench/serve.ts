import {
  CreateClusterCommand,
  CreateServiceCommand,
  DescribeServicesCommand,
  DescribeTasksCommand,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
} from "@aws-sdk/client-ecs";
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateTargetGroupCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { ensureNetwork } from "@gantry/cli/demo/network";
import { fetchPlatformStatus } from "@gantry/cli/platform-status";
import { sleep } from "@gantry/kernel";
import type { Bench } from "./question.ts";

/** A service of nginx behind a load balancer, and where its parts are. */
export interface Served {
  readonly url: string;
  /** Of its one task. */
  readonly address: string;
  readonly vpcId: string;
  readonly targetGroupArn: string;
  readonly subnets: readonly string[];
  readonly securityGroup: string;
}

const served = new WeakMap<Bench, Promise<Served>>();

/** One task of nginx behind a load balancer, made for the first who asks. */
export function serve(bench: Bench): Promise<Served> {
  let answer = served.get(bench);
  if (answer === undefined) served.set(bench, (answer = makeServed(bench)));
  return answer;
}

async function makeServed(bench: Bench): Promise<Served> {
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
    new CreateLoadBalancerCommand({
      Name: "bench",
      Subnets: [...network.publicSubnets],
      SecurityGroups: [network.groups.balancer],
    }),
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
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: [...network.privateSubnets],
          securityGroups: [network.groups.balancer],
        },
      },
      loadBalancers: [{ targetGroupArn, containerName: "web", containerPort: 80 }],
    }),
  );
  for (;;) {
    const { services = [] } = await ecs.send(
      new DescribeServicesCommand({ cluster: "bench", services: ["web"] }),
    );
    if (services[0]?.deployments?.[0]?.rolloutState === "COMPLETED") break;
    await sleep(clock, 200);
  }
  const { taskArns } = await ecs.send(new ListTasksCommand({ cluster: "bench", serviceName: "web" }));
  const { tasks = [] } = await ecs.send(new DescribeTasksCommand({ cluster: "bench", tasks: taskArns }));
  const address = tasks[0]?.containers?.[0]?.networkInterfaces?.[0]?.privateIpv4Address ?? "";
  const url = (await fetchPlatformStatus(settings)).loadBalancers[0]?.listeners[0]?.url ?? "";
  return {
    url,
    address,
    vpcId: network.vpcId,
    targetGroupArn: targetGroupArn ?? "",
    subnets: network.privateSubnets,
    securityGroup: network.groups.balancer,
  };
}

/** Runs one task in the cluster of `serve`. Answers its address once it runs. */
export async function runTask(
  { clients, clock }: Bench,
  options: {
    readonly taskDefinition: string;
    readonly subnets: readonly string[];
    readonly securityGroup: string;
    readonly startedBy?: string;
  },
): Promise<string> {
  const { taskDefinition, subnets, securityGroup, startedBy } = options;
  const awsvpcConfiguration = { subnets: [...subnets], securityGroups: [securityGroup] };
  const { tasks = [] } = await clients.ecs.send(
    new RunTaskCommand({
      cluster: "bench",
      taskDefinition,
      startedBy,
      networkConfiguration: { awsvpcConfiguration },
    }),
  );
  for (;;) {
    const answer = await clients.ecs.send(
      new DescribeTasksCommand({ cluster: "bench", tasks: [tasks[0]?.taskArn ?? ""] }),
    );
    const [task] = answer.tasks ?? [];
    if (task?.lastStatus === "RUNNING")
      return task.containers?.[0]?.networkInterfaces?.[0]?.privateIpv4Address ?? "";
    await sleep(clock, 100);
  }
}
