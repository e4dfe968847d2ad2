import { readFileSync } from "node:fs";
import { Agent } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
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
  type Action,
  type ActionTypeEnum,
  type RuleCondition,
  type CreateTargetGroupCommandInput,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { DescribeTasksCommand, ECSClient, ListTasksCommand } from "@aws-sdk/client-ecs";
import { afterAll, expect, inject, it } from "vitest";
import { openDemo } from "./demo.ts";
import { eventually, get } from "./helpers.ts";

const { instance, url, client } = openDemo(inject("demo"));
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

async function addRule(priority: number, condition: RuleCondition, action: Action): Promise<void> {
  const { LoadBalancers = [] } = await elb.send(new DescribeLoadBalancersCommand({ Names: ["fileshare"] }));
  const { Listeners = [] } = await elb.send(new DescribeListenersCommand({ LoadBalancerArn: LoadBalancers[0]?.LoadBalancerArn }));
  const { Rules = [] } = await elb.send(
    new CreateRuleCommand({
      ListenerArn: Listeners.find((listener) => listener.Port === 80)?.ListenerArn,
      Priority: priority,
      Conditions: [condition],
      Actions: [action],
    }),
  );
  made.push(Rules[0]?.RuleArn ?? "");
}

const path = (pattern: string): RuleCondition => ({ Field: "path-pattern", Values: [pattern] });

it("answers over TLS by a certificate of the platform's authority, redirects, and picks by host", async () => {
  const { hostname } = new URL(url);
  const { loadBalancers } = await instance.status();
  const secure = new URL(loadBalancers[0]?.listeners.find((listener) => listener.port === 443)?.url ?? "");
  const answer = await new Promise<{ status: number | undefined; authorized: boolean }>((resolve, reject) => {
    const call = request(
      {
        host: "127.0.0.1",
        servername: hostname,
        port: secure.port || 443,
        path: "/health",
        headers: { host: hostname },
        ca: readFileSync(join(instance.folder, "ca.pem")),
      },
      (response) => {
        response.resume();
        resolve({ status: response.statusCode, authorized: (response.socket as TLSSocket).authorized });
      },
    );
    call.on("error", reject);
    call.end();
  });
  expect(answer).toEqual({ status: 200, authorized: true });
  const redirect = { Protocol: "HTTPS", Port: "443", Path: "/new/#{path}", Query: "q=1&#{query}", StatusCode: "HTTP_301" as const };
  await addRule(31, path("/old/*"), { Type: "redirect", RedirectConfig: redirect });
  const fixed = { StatusCode: "418", ContentType: "text/plain", MessageBody: "by host" };
  await addRule(32, { Field: "host-header", Values: ["*.example.org"] }, { Type: "fixed-response", FixedResponseConfig: fixed });
  await eventually(async () => {
    const moved = await get(url, { path: "/old/page?a=b" });
    expect([moved.status, moved.headers["location"]]).toEqual([301, `https://${hostname}/new/old/page?q=1&a=b`]);
  });
  expect(await get(url, { path: "/", headers: { host: "www.example.org" } })).toMatchObject({ status: 418, body: "by host" });
});

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
  await addRule(21, path("/version"), forward({ arn: one, weight: 9 }, { arn: two, weight: 1 }));
  await addRule(22, path("/health"), forward({ arn: sick, weight: 1 }));
  await addRule(23, path("/user-api/users"), forward({ arn: silent, weight: 1 }));
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
