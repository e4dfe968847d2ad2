import {
  CreateServiceCommand,
  DeleteServiceCommand,
  DescribeServiceDeploymentsCommand,
  ECSClient,
  ListServiceDeploymentsCommand,
  type ServiceDeployment,
} from "@aws-sdk/client-ecs";
import {
  CreateRuleCommand,
  DeleteRuleCommand,
  DeleteTargetGroupCommand,
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { expect } from "vitest";
import type { openDemo } from "./demo.ts";
import { eventually, get } from "./helpers.ts";
import { createServiceRole, createVersionTargetGroup, registerVersion } from "./versions.ts";

type Demo = ReturnType<typeof openDemo>;

/**
 * Creates a BLUE_GREEN service beside the demo's: a web server of busybox that answers its version, behind two target
 * groups of the demo's load balancer, which are reached by a host name of their own. A second pair of target groups
 * is reached by `second.HOST`. Returns when version 1 serves.
 */
export async function createStagedService(
  demo: Demo,
  { name, host, pairs = 1 }: { name: string; host: string; pairs?: 1 | 2 },
) {
  const ecs = new ECSClient(demo.client());
  const elb = new ElasticLoadBalancingV2Client(demo.client());
  const hosts = [host, `second.${host}`].slice(0, pairs);
  const balancers = [];
  for (const [index, each] of hosts.entries())
    balancers.push(
      await createPair(demo, { name: `${name}-${index + 1}`, host: each, priority: 101 + 2 * index }),
    );
  const groups = balancers.flatMap((pair) => pair.groups);
  const rules = balancers.flatMap((pair) => pair.rules);
  const roleArn = await createServiceRole(demo, `${name}-infrastructure`, {
    service: "ecs.amazonaws.com",
    policy: "AmazonECSInfrastructureRolePolicyForLoadBalancers",
  });
  await ecs.send(
    new CreateServiceCommand({
      cluster: "fileshare",
      serviceName: name,
      taskDefinition: await registerVersion(demo, name, "v1"),
      desiredCount: 2,
      networkConfiguration: (await demo.fileshare())?.networkConfiguration,
      deploymentConfiguration: {
        strategy: "BLUE_GREEN",
        bakeTimeInMinutes: 0,
        deploymentCircuitBreaker: { enable: true, rollback: true },
      },
      loadBalancers: balancers.map(({ groups: [targetGroupArn, alternate], rules: [production, test] }) => ({
        targetGroupArn,
        containerName: "web",
        containerPort: 8080,
        advancedConfiguration: {
          alternateTargetGroupArn: alternate,
          productionListenerRule: production,
          testListenerRule: test,
          roleArn,
        },
      })),
    }),
  );
  await untilDeploymentEnded(demo, name, "SUCCESSFUL");
  for (const each of hosts)
    await eventually(async () =>
      expect((await get(demo.url, { path: "/", headers: { host: each } })).status).toBe(200),
    );
  return {
    rules,
    async remove(): Promise<void> {
      await ecs.send(new DeleteServiceCommand({ cluster: "fileshare", service: name, force: true }));
      for (const RuleArn of rules) await elb.send(new DeleteRuleCommand({ RuleArn }));
      await eventually(async () => {
        for (const TargetGroupArn of groups) await elb.send(new DeleteTargetGroupCommand({ TargetGroupArn }));
      });
    },
  };
}

/** Two target groups of the demo's load balancer, with a production rule for a host name, and a test rule before it. */
async function createPair(
  demo: Demo,
  { name, host, priority }: { name: string; host: string; priority: number },
) {
  const elb = new ElasticLoadBalancingV2Client(demo.client());
  const groups: string[] = [];
  const rules: string[] = [];
  const { LoadBalancers } = await elb.send(new DescribeLoadBalancersCommand({ Names: ["fileshare"] }));
  const LoadBalancerArn = LoadBalancers?.[0]?.LoadBalancerArn;
  const { Listeners } = await elb.send(new DescribeListenersCommand({ LoadBalancerArn }));
  for (const color of ["blue", "green"])
    groups.push(await createVersionTargetGroup(demo, `${name}-${color}`, LoadBalancers?.[0]?.VpcId));
  for (const [index, kind] of ["production", "test"].entries()) {
    const { Rules } = await elb.send(
      new CreateRuleCommand({
        ListenerArn: Listeners?.find((listener) => listener.Port === 80)?.ListenerArn,
        Priority: priority + 1 - index,
        Conditions: [
          { Field: "host-header", Values: [host] },
          ...(kind === "test"
            ? [{ Field: "http-header", HttpHeaderConfig: { HttpHeaderName: "x-test", Values: ["yes"] } }]
            : []),
        ],
        Actions: [{ Type: "forward", TargetGroupArn: groups[0] }],
      }),
    );
    rules.push(Rules?.[0]?.RuleArn ?? "");
  }
  return { groups, rules };
}

export async function newestDeploymentOf(
  { client }: Demo,
  service: string,
): Promise<ServiceDeployment | undefined> {
  const ecs = new ECSClient(client());
  const { serviceDeployments } = await ecs.send(
    new ListServiceDeploymentsCommand({ cluster: "fileshare", service }),
  );
  const described = await ecs.send(
    new DescribeServiceDeploymentsCommand({
      serviceDeploymentArns: [serviceDeployments?.[0]?.serviceDeploymentArn ?? ""],
    }),
  );
  return described.serviceDeployments?.[0];
}

export async function untilDeploymentEnded(demo: Demo, service: string, status: string): Promise<void> {
  await eventually(
    async () => expect((await newestDeploymentOf(demo, service))?.status).toBe(status),
    150_000,
  );
}
