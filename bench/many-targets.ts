import { AuthorizeSecurityGroupIngressCommand } from "@aws-sdk/client-ec2";
import { ListTasksCommand, RegisterTaskDefinitionCommand, StopTaskCommand } from "@aws-sdk/client-ecs";
import {
  CreateListenerCommand,
  CreateTargetGroupCommand,
  DeleteListenerCommand,
  DeleteTargetGroupCommand,
  DeregisterTargetsCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  ModifyTargetGroupAttributesCommand,
  RegisterTargetsCommand,
  type TargetHealthDescription,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { fetchPlatformStatus } from "@gantry/cli/platform-status";
import { sleep } from "@gantry/kernel";
import type { Bench } from "./question.ts";
import { runTask, serve } from "./serve.ts";

export const TARGETS = 100;
const TARGETS_PORT = 8_001;
/** The port of the listener before the many targets. */
const TARGETS_LISTENER = 8_000;
/** The response header with the port of the target that answered. */
export const TARGET_HEADER = "x-target";

/**
 * A task that listens on a hundred ports, and an empty target group behind a listener of its own. Each port
 * becomes a target with `register`.
 */
export async function prepareTargets(bench: Bench) {
  const { clock, clients } = bench;
  const { ecs, elb } = clients;
  const { subnets, securityGroup, vpcId, targetGroupArn } = await serve(bench);
  const ports = Array.from({ length: TARGETS }, (_, index) => TARGETS_PORT + index);
  await openPorts(bench, securityGroup);
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: "many-ports",
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      cpu: "2048",
      memory: "4096",
      containerDefinitions: [{ name: "web", image: "nginx", command: listenOnMany(ports) }],
    }),
  );
  const address = await runTask(bench, { taskDefinition: "many-ports", subnets, securityGroup });
  const balanced = await elb.send(new DescribeTargetGroupsCommand({ TargetGroupArns: [targetGroupArn] }));
  const LoadBalancerArn = balanced.TargetGroups?.[0]?.LoadBalancerArns?.[0];
  const { TargetGroupArn, ListenerArn } = await createGroup(bench, { vpcId, LoadBalancerArn });
  const Targets = ports.map((Port) => ({ Id: address, Port }));
  const until = async (isReached: (targets: readonly TargetHealthDescription[]) => boolean) => {
    for (;;) {
      const health = await elb.send(new DescribeTargetHealthCommand({ TargetGroupArn }));
      if (isReached(health.TargetHealthDescriptions ?? [])) return;
      await sleep(clock, 100);
    }
  };
  return {
    address,
    ports,
    url: await urlOfListener(bench),
    register: () => elb.send(new RegisterTargetsCommand({ TargetGroupArn, Targets })),
    untilHealthy: () =>
      until((targets) => targets.every(({ TargetHealth }) => TargetHealth?.State === "healthy")),
    async deregister(): Promise<void> {
      await elb.send(new DeregisterTargetsCommand({ TargetGroupArn, Targets }));
      await until((targets) => targets.length === 0);
    },
    async end(): Promise<void> {
      await elb.send(new DeleteListenerCommand({ ListenerArn }));
      await elb.send(new DeleteTargetGroupCommand({ TargetGroupArn }));
      const { taskArns = [] } = await ecs.send(
        new ListTasksCommand({ cluster: "bench", family: "many-ports" }),
      );
      for (const task of taskArns) await ecs.send(new StopTaskCommand({ cluster: "bench", task }));
    },
  };
}

/** Lets clients reach the listener and the load balancer reach the targets. Done once is done for all. */
async function openPorts({ clients }: Bench, GroupId: string): Promise<void> {
  const permission = { IpProtocol: "tcp", FromPort: TARGETS_LISTENER, ToPort: TARGETS_PORT + TARGETS - 1 };
  const IpPermissions = [{ ...permission, IpRanges: [{ CidrIp: "0.0.0.0/0" }] }];
  await clients.ec2
    .send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }))
    .catch((thrown: Error) => {
      if (thrown.name !== "InvalidPermission.Duplicate") throw thrown;
    });
}

/** An empty target group whose targets leave at once, behind a listener of the load balancer. */
async function createGroup(
  { clients: { elb } }: Bench,
  { vpcId, LoadBalancerArn }: { vpcId: string; LoadBalancerArn: string | undefined },
) {
  const { TargetGroups = [] } = await elb.send(
    new CreateTargetGroupCommand({
      Name: "bench-many",
      TargetType: "ip",
      Protocol: "HTTP",
      Port: TARGETS_PORT,
      VpcId: vpcId,
    }),
  );
  const TargetGroupArn = TargetGroups[0]?.TargetGroupArn;
  await elb.send(
    new ModifyTargetGroupAttributesCommand({
      TargetGroupArn,
      Attributes: [{ Key: "deregistration_delay.timeout_seconds", Value: "0" }],
    }),
  );
  const { Listeners = [] } = await elb.send(
    new CreateListenerCommand({
      LoadBalancerArn,
      Protocol: "HTTP",
      Port: TARGETS_LISTENER,
      DefaultActions: [{ Type: "forward", TargetGroupArn }],
    }),
  );
  return { TargetGroupArn, ListenerArn: Listeners[0]?.ListenerArn };
}

/** The URL of the listener on this host, once the proxy has it. */
async function urlOfListener({ settings, clock }: Bench): Promise<string> {
  for (;;) {
    const { loadBalancers } = await fetchPlatformStatus(settings);
    const listeners = loadBalancers.flatMap((balancer) => balancer.listeners);
    const url = listeners.find(({ port }) => port === TARGETS_LISTENER)?.url;
    if (url !== undefined) return url;
    await sleep(clock, 100);
  }
}

/** The command of a container of nginx that listens on these ports, with the settings of the image. */
function listenOnMany(ports: readonly number[]): string[] {
  const listens = ports.map((port) => `listen ${port};`).join(" ");
  const server = `server { ${listens} add_header ${TARGET_HEADER} $server_port; root /usr/share/nginx/html; }`;
  const configuration =
    "user www-data; worker_processes auto; pid /run/nginx.pid; events { worker_connections 1024; } " +
    `http { access_log /dev/stdout; keepalive_timeout 65; ${server} }`;
  const start = `echo '${configuration}' > /tmp/many.conf; exec nginx -c /tmp/many.conf -g 'daemon off;'`;
  return ["/bin/sh", "-c", start];
}
