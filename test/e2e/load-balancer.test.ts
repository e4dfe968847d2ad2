import { readFileSync } from "node:fs";
import { Agent } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { ACMClient, DeleteCertificateCommand, RequestCertificateCommand } from "@aws-sdk/client-acm";
import { DescribeNetworkInterfacesCommand, DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateRuleCommand,
  CreateTargetGroupCommand,
  DeleteLoadBalancerCommand,
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
import { openTasks } from "./tasks.ts";

const demo = openDemo(inject("demo"));
const { instance, url, client } = demo;
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
async function groupOf(
  address: string,
  vpcId: string,
  more: Partial<CreateTargetGroupCommandInput> & { Name: string },
): Promise<string> {
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
  await elb.send(
    new RegisterTargetsCommand({ TargetGroupArn: arn, Targets: [{ Id: address, Port: more.Port ?? 8080 }] }),
  );
  return arn;
}

async function addRule(priority: number, condition: RuleCondition, action: Action): Promise<void> {
  const { LoadBalancers = [] } = await elb.send(new DescribeLoadBalancersCommand({ Names: ["fileshare"] }));
  const { Listeners = [] } = await elb.send(
    new DescribeListenersCommand({ LoadBalancerArn: LoadBalancers[0]?.LoadBalancerArn }),
  );
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

/** One request over TLS to this machine, by a name that the certificate must be for. */
function getSecurely(
  port: string,
  name: string,
  path: string,
): Promise<{ status: number | undefined; authorized: boolean; body: string }> {
  const ca = readFileSync(join(instance.folder, "ca.pem"));
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: "127.0.0.1",
        servername: name,
        port: port || 443,
        path,
        headers: { host: name },
        ca,
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        const { authorized } = response.socket as TLSSocket; // An https response's.
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({ status: response.statusCode, authorized, body: Buffer.concat(chunks).toString() }),
        );
      },
    );
    call.on("error", reject);
    call.end();
  });
}

const path = (pattern: string): RuleCondition => ({ Field: "path-pattern", Values: [pattern] });

it("answers over TLS with a certificate of the platform's authority, redirects, and routes by host", async () => {
  const { hostname } = new URL(url);
  const { loadBalancers } = await instance.status();
  const secure = new URL(loadBalancers[0]?.listeners.find((listener) => listener.port === 443)?.url ?? "");
  expect(await getSecurely(secure.port, hostname, "/health")).toMatchObject({
    status: 200,
    authorized: true,
  });
  const redirect = {
    Protocol: "HTTPS",
    Port: "443",
    Path: "/new/#{path}",
    Query: "q=1&#{query}",
    StatusCode: "HTTP_301" as const,
  };
  await addRule(31, path("/old/*"), { Type: "redirect", RedirectConfig: redirect });
  const fixed = { StatusCode: "418", ContentType: "text/plain", MessageBody: "by host" };
  await addRule(
    32,
    { Field: "host-header", Values: ["*.example.org"] },
    { Type: "fixed-response", FixedResponseConfig: fixed },
  );
  await eventually(async () => {
    const moved = await get(url, { path: "/old/page?a=b" });
    expect([moved.status, moved.headers["location"]]).toEqual([
      301,
      // Where the listener of port 443 answers for a client on this host.
      `https://${secure.host}/new/old/page?q=1&a=b`,
    ]);
  });
  await eventually(async () =>
    expect(await get(url, { path: "/", headers: { host: "www.example.org" } })).toMatchObject({
      status: 418,
      body: "by host",
    }),
  );
});

it("splits by weight, keeps clients, fails open, and answers 502 for a closed port", async () => {
  const ecs = new ECSClient(client());
  const { taskArns } = await ecs.send(
    new ListTasksCommand({ cluster: "fileshare", serviceName: "fileshare" }),
  );
  const { tasks = [] } = await ecs.send(new DescribeTasksCommand({ cluster: "fileshare", tasks: taskArns }));
  const addresses = tasks.map(
    (task) => task.containers?.[0]?.networkInterfaces?.[0]?.privateIpv4Address ?? "",
  );
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
    (await elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: arn }))).TargetHealthDescriptions?.[0]
      ?.TargetHealth;
  await eventually(async () =>
    expect([(await stateOf(one))?.State, (await stateOf(two))?.State]).toEqual(["healthy", "healthy"]),
  );
  await eventually(async () =>
    expect(await stateOf(sick)).toMatchObject({ State: "unhealthy", Reason: "Target.ResponseCodeMismatch" }),
  );
  await eventually(async () => expect((await stateOf(silent))?.State).toBe("unhealthy"));

  const cookieOf = (headers: Record<string, unknown>) =>
    /AWSALBTG=([^;]+)/.exec(String(headers["set-cookie"]))?.[1] ?? "";
  const seen: string[] = [];
  for (let index = 0; index < 400; index += 1)
    seen.push(cookieOf((await get(url, { path: "/version" })).headers));
  const often = seen.filter((cookie) => cookie === seen.toSorted()[200]).length;
  expect(new Set(seen).size).toBe(2);
  // Nine of ten, within four standard deviations.
  expect(Math.abs(often / 400 - 0.9)).toBeLessThan(4 * Math.sqrt((0.9 * 0.1) / 400));
  const rare = seen.find((cookie) => cookie !== seen.toSorted()[200]) ?? "";
  for (let index = 0; index < 20; index += 1)
    expect(
      cookieOf((await get(url, { path: "/version", headers: { cookie: `AWSALBTG=${rare}` } })).headers),
    ).toBe(rare);

  expect((await get(url, { path: "/health" })).status).toBe(200);
  // On a connection that was kept from an earlier request HAProxy closes without an answer, so that the client retries.
  const failed = await get(url, { path: "/user-api/users", agent: new Agent({ keepAlive: false }) });
  expect(failed.status).toBe(502);
  expect(failed.body).toContain("502 Bad Gateway");
});

it("shares a host port between load balancers by Host and SNI, each with its own addresses in the VPC", async () => {
  const ec2 = new EC2Client(client());
  const acm = new ACMClient(client());
  const { LoadBalancers: [first] = [] } = await elb.send(
    new DescribeLoadBalancersCommand({ Names: ["fileshare"] }),
  );
  const { CertificateArn } = await acm.send(
    new RequestCertificateCommand({ DomainName: "second.example.org" }),
  );
  const { LoadBalancers: [second] = [] } = await elb.send(
    new CreateLoadBalancerCommand({
      Name: "second",
      Subnets: first?.AvailabilityZones?.map((zone) => zone.SubnetId ?? ""),
      SecurityGroups: first?.SecurityGroups,
    }),
  );
  const says = (MessageBody: string): Action => ({
    Type: "fixed-response",
    FixedResponseConfig: { StatusCode: "200", ContentType: "text/plain", MessageBody },
  });
  const LoadBalancerArn = second?.LoadBalancerArn;
  await elb.send(
    new CreateListenerCommand({
      LoadBalancerArn,
      Protocol: "HTTP",
      Port: 80,
      DefaultActions: [says("second, plain")],
    }),
  );
  await elb.send(
    new CreateListenerCommand({
      LoadBalancerArn,
      Protocol: "HTTPS",
      Port: 443,
      Certificates: [{ CertificateArn }],
      DefaultActions: [says("second, over TLS")],
    }),
  );
  try {
    const listenersOf = async (arn: string | undefined) =>
      (await instance.status()).loadBalancers.find((balancer) => balancer.arn === arn)?.listeners ?? [];
    await eventually(async () => expect(await listenersOf(LoadBalancerArn)).toHaveLength(2));
    const ports = (listeners: Awaited<ReturnType<typeof listenersOf>>) =>
      listeners.map(({ port, url }) => [port, new URL(url).port]).toSorted();
    const [one, two] = [await listenersOf(first?.LoadBalancerArn), await listenersOf(LoadBalancerArn)];
    expect(ports(two)).toEqual(ports(one));
    await eventually(async () =>
      expect((await get(two.find(({ port }) => port === 80)?.url ?? "")).body).toBe("second, plain"),
    );
    expect((await get(url, { path: "/health" })).body).toBe('{"status":"healthy"}');
    const secure = new URL(one.find(({ port }) => port === 443)?.url ?? "");
    // The name of its certificate, and its own, which the platform serves by a certificate of its own.
    for (const name of ["second.example.org", second?.DNSName ?? ""])
      await eventually(async () =>
        expect(await getSecurely(secure.port, name, "/")).toEqual({
          status: 200,
          authorized: true,
          body: "second, over TLS",
        }),
      );
    expect(await getSecurely(secure.port, secure.hostname, "/health")).toEqual({
      status: 200,
      authorized: true,
      body: '{"status":"healthy"}',
    });

    const { NetworkInterfaces = [] } = await ec2.send(
      new DescribeNetworkInterfacesCommand({
        Filters: [{ Name: "description", Values: [`ELB app/second/*`] }],
      }),
    );
    const addresses = NetworkInterfaces.map((eni) => eni.PrivateIpAddress ?? "").toSorted();
    expect(addresses).toHaveLength(3);
    const tasks = await openTasks(demo);
    const task = await tasks.runToEnd("names", { command: ["nslookup", second?.DNSName ?? ""] });
    const said = (await tasks.messagesOf("names", task)).join("\n");
    const answers = [
      ...said
        .split(second?.DNSName ?? "")
        .slice(1)
        .join("")
        .matchAll(/Address(?: \d+)?: (\S+)/g),
    ].map((match) => match[1]);
    expect(answers.toSorted(), said).toEqual(addresses);
  } finally {
    await elb.send(new DeleteLoadBalancerCommand({ LoadBalancerArn }));
    await eventually(() => acm.send(new DeleteCertificateCommand({ CertificateArn })));
  }
});
