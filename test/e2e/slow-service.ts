import type { Agent } from "node:http";
import {
  CreateServiceCommand,
  DeleteServiceCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
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
import { createVersionTargetGroup } from "./versions.ts";

const NAME = "slow";
const HOST = "slow.example.org";
/** Answers after 100 to 400 ms, evenly spread: the server of busybox runs a process for each request. */
const ANSWER_SLOWLY = [
  "#!/bin/sh",
  "sleep 0.$((100 + $$ * 7 % 300))",
  String.raw`printf "Status: 200 OK\r\n\r\nok\n"`,
]
  .map((line) => `'${line}'`)
  .join(" ");
const SERVER = [
  "mkdir -p /tmp/w/cgi-bin && echo ok > /tmp/w/health",
  `printf '%s\\n' ${ANSWER_SLOWLY} > /tmp/w/cgi-bin/index.cgi`,
  "chmod +x /tmp/w/cgi-bin/index.cgi",
  "exec busybox httpd -f -p 8080 -h /tmp/w",
].join(" && ");

/**
 * Creates a service of one slow task behind a host name of the demo's load balancer. Returns the dimensions of its
 * metrics once it serves.
 */
export async function createSlowService(demo: ReturnType<typeof openDemo>) {
  const [ecs, elb] = [new ECSClient(demo.client()), new ElasticLoadBalancingV2Client(demo.client())];
  const { LoadBalancers: [balancer] = [] } = await elb.send(
    new DescribeLoadBalancersCommand({ Names: ["fileshare"] }),
  );
  const arn = balancer?.LoadBalancerArn ?? "";
  const { Listeners = [] } = await elb.send(new DescribeListenersCommand({ LoadBalancerArn: arn }));
  const targetGroupArn = await createVersionTargetGroup(demo, NAME, balancer?.VpcId);
  const { Rules } = await elb.send(
    new CreateRuleCommand({
      ListenerArn: Listeners.find(({ Port }) => Port === 80)?.ListenerArn,
      Priority: 131,
      Conditions: [{ Field: "host-header", Values: [HOST] }],
      Actions: [{ Type: "forward", TargetGroupArn: targetGroupArn }],
    }),
  );
  const container = { name: "web", image: "busybox", portMappings: [{ containerPort: 8080 }] };
  const { taskDefinition } = await ecs.send(
    new RegisterTaskDefinitionCommand({
      ...{ family: NAME, networkMode: "awsvpc", requiresCompatibilities: ["FARGATE"] },
      ...{ cpu: "256", memory: "512" },
      containerDefinitions: [{ ...container, command: ["sh", "-c", SERVER] }],
    }),
  );
  await ecs.send(
    new CreateServiceCommand({
      ...{ cluster: "fileshare", serviceName: NAME, desiredCount: 1 },
      taskDefinition: taskDefinition?.taskDefinitionArn,
      networkConfiguration: (await demo.fileshare())?.networkConfiguration,
      loadBalancers: [{ targetGroupArn, containerName: "web", containerPort: 8080 }],
    }),
  );
  const ask = (agent?: Agent) =>
    get(demo.url, { path: "/", headers: { host: HOST }, ...(agent === undefined ? {} : { agent }) });
  await eventually(async () => expect((await ask()).status).toBe(200));
  return {
    ask,
    dimensions: [
      { Name: "LoadBalancer", Value: arn.slice(arn.indexOf("app/")) },
      { Name: "TargetGroup", Value: targetGroupArn.split(":").at(-1) },
    ],
    remove: async (): Promise<void> => {
      await elb.send(new DeleteRuleCommand({ RuleArn: Rules?.[0]?.RuleArn }));
      await ecs.send(new DeleteServiceCommand({ cluster: "fileshare", service: NAME, force: true }));
      await eventually(() => elb.send(new DeleteTargetGroupCommand({ TargetGroupArn: targetGroupArn })));
    },
  };
}
