import { Agent } from "node:http";
import { DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  CreateRuleCommand,
  CreateTargetGroupCommand,
  DeleteRuleCommand,
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  RegisterTargetsCommand,
  type ActionTypeEnum,
  type CreateTargetGroupCommandInput,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { DescribeTasksCommand, ECSClient, ListTasksCommand } from "@aws-sdk/client-ecs";
import { afterAll, expect, inject, it } from "vitest";
import { openDemo } from "./demo.ts";
import { eventually, get } from "./helpers.ts";

const { url, client } = openDemo(inject("demo"));
const elb = new ElasticLoadBalancingV2Client(client());
const forward = (...groups: readonly { arn: string; weight: number }[]) => ({
  Type: "forward" as ActionTypeEnum,
  ForwardConfig: {
    TargetGroups: groups.map(({ arn, weight }) => ({ TargetGroupArn: arn, Weight: weight })),
    TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 60 },
  },
});

const made: string[] = [];

afterAll(async () => {
  for (const RuleArn of made) await elb.send(new DeleteRuleCommand({ RuleArn }));
});

/** A target group with one of the website's tasks in it. */
async function groupOf(address: string, vpcId: string, more: Partial<CreateTargetGroupCommandInput> & { Name: string }): Promise<string> {
  const { TargetGroups = [] } = await elb.send(
    new CreateTargetGroupCommand({
      TargetType: "ip",
      Protocol: "HTTP",
      Port: 8080,
      VpcId: vpcId,
      HealthCheckPath: "/health",
      HealthCheckIntervalSeconds: 5,
      HealthCheckTimeoutSeconds: 2,
      HealthyThresholdCount: 2,
      UnhealthyThresholdCount: 2,
      ...more,
    }),
  );
  const arn = TargetGroups[0]?.TargetGroupArn ?? "";
  await elb.send(new RegisterTargetsCommand({ TargetGroupArn: arn, Targets: [{ Id: address, Port: more.Port ?? 8080 }] }));
  return arn;
}

async function addRule(priority: number, path: string, action: ReturnType<typeof forward>): Promise<void> {
  const { LoadBalancers = [] } = await elb.send(new DescribeLoadBalancersCommand({ Names: ["fileshare"] }));
  const { Listeners = [] } = await elb.send(new DescribeListenersCommand({ LoadBalancerArn: LoadBalancers[0]?.LoadBalancerArn }));
  const { Rules = [] } = await elb.send(
    new CreateRuleCommand({
      ListenerArn: Listeners.find((listener) => listener.Port === 80)?.ListenerArn,
      Priority: priority,
      Conditions: [{ Field: "path-pattern", Values: [path] }],
      Actions: [action],
    }),
  );
  made.push(Rules[0]?.RuleArn ?? "");
}

it("splits by weight, keeps a client where it was, asks the unhealthy where nobody is healthy, and says 502 where nobody listens", async () => {
  const ecs = new ECSClient(client());
  const { taskArns } = await ecs.send(new ListTasksCommand({ cluster: "fileshare", serviceName: "fileshare" }));
  const { tasks = [] } = await ecs.send(new DescribeTasksCommand({ cluster: "fileshare", tasks: taskArns }));
  const addresses = tasks.map((task) => task.containers?.[0]?.networkInterfaces?.[0]?.privateIpv4Address ?? "");
  const { Subnets = [] } = await new EC2Client(client()).send(
    new DescribeSubnetsCommand({ Filters: [{ Name: "tag:Name", Values: ["fileshare-private-a"] }] }),
  );
  const vpcId = Subnets[0]?.VpcId ?? "";
  const one = await groupOf(addresses[0] ?? "", vpcId, { Name: "one" });
  const two = await groupOf(addresses[1] ?? "", vpcId, { Name: "two" });
  const sick = await groupOf(addresses[0] ?? "", vpcId, { Name: "sick", HealthCheckPath: "/no-such-page" });
  const silent = await groupOf(addresses[0] ?? "", vpcId, { Name: "silent", Port: 8081 });
  await addRule(21, "/version", forward({ arn: one, weight: 9 }, { arn: two, weight: 1 }));
  await addRule(22, "/health", forward({ arn: sick, weight: 1 }));
  await addRule(23, "/user-api/users", forward({ arn: silent, weight: 1 }));
  const stateOf = async (arn: string) =>
    (await elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: arn }))).TargetHealthDescriptions?.[0]?.TargetHealth;
  await eventually(async () => expect([(await stateOf(one))?.State, (await stateOf(two))?.State]).toEqual(["healthy", "healthy"]));
  await eventually(async () => expect(await stateOf(sick)).toMatchObject({ State: "unhealthy", Reason: "Target.ResponseCodeMismatch" }));
  await eventually(async () => expect((await stateOf(silent))?.State).toBe("unhealthy"));

  const cookieOf = (headers: Record<string, unknown>) => /AWSALBTG=([^;]+)/.exec(String(headers["set-cookie"]))?.[1] ?? "";
  const seen: string[] = [];
  for (let index = 0; index < 400; index += 1) seen.push(cookieOf((await get(url, { path: "/version" })).headers));
  const often = seen.filter((cookie) => cookie === seen.toSorted()[200]).length;
  expect(new Set(seen).size).toBe(2);
  // Nine of ten, within four standard deviations.
  expect(Math.abs(often / 400 - 0.9)).toBeLessThan(4 * Math.sqrt((0.9 * 0.1) / 400));
  const rare = seen.find((cookie) => cookie !== seen.toSorted()[200]) ?? "";
  for (let index = 0; index < 20; index += 1)
    expect(cookieOf((await get(url, { path: "/version", headers: { cookie: `AWSALBTG=${rare}` } })).headers)).toBe(rare);

  expect((await get(url, { path: "/health" })).status).toBe(200);
  // On a connection that was kept from an earlier request HAProxy closes without a word, so that the client asks again.
  expect((await get(url, { path: "/user-api/users", agent: new Agent({ keepAlive: false }) })).status).toBe(502);
});
