import { spawn, type ChildProcess } from "node:child_process";
import { CreateSubnetCommand, DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  CreateServiceCommand,
  DeleteServiceCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
} from "@aws-sdk/client-ecs";
import * as discovery from "@aws-sdk/client-servicediscovery";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { openDemo, REGION } from "./demo.ts";
import { eventually, run } from "./helpers.ts";
import { openTasks } from "./tasks.ts";

const demo = openDemo(inject("demo"));
let tasks: Awaited<ReturnType<typeof openTasks>>;
const OUTSIDE = "203.0.113.2";
const LINK = "gantry-out0";
const SERVER = `require("node:net").createServer((socket) => socket.end("outside\\n")).listen(7777, "${OUTSIDE}")`;
let server: ChildProcess | undefined;

/** What stands for the internet: a host beyond an uplink of this machine, in a network namespace of the test's own. */
async function bringUpOutside(): Promise<void> {
  const [agent] = (await demo.instance.status()).agents;
  server = spawn("unshare", ["--net", process.execPath, "-e", `setInterval(() => {}, 1e6)`], {
    stdio: "ignore",
  });
  const pid = String(server.pid);
  const inside = (...command: string[]) => run("nsenter", ["-t", pid, "-n", ...command]);
  await eventually(() => inside("true"));
  await run("ip", ["link", "add", LINK, "type", "veth", "peer", "name", "out1", "netns", pid]);
  await run("ip", ["addr", "add", "203.0.113.1/24", "dev", LINK]);
  await run("ip", ["link", "set", LINK, "up"]);
  await inside("ip", "addr", "add", `${OUTSIDE}/24`, "dev", "out1");
  await inside("ip", "link", "set", "out1", "up");
  spawn("nsenter", ["-t", pid, "-n", process.execPath, "-e", SERVER], { stdio: "ignore" }).unref();
  // The link of a default route is an uplink. An agent that starts looks for them.
  await run("ip", ["route", "add", "default", "via", OUTSIDE, "dev", LINK, "metric", "4000"]);
  process.kill(agent?.pid ?? 0, "SIGKILL");
  const rules = () => run("docker", ["exec", agent?.container ?? "", "nft", "list", "ruleset"]);
  await eventually(async () => expect(await rules()).toContain(`"${LINK}"`));
}

beforeAll(async () => {
  tasks = await openTasks(demo);
  await bringUpOutside();
});
afterAll(async () => {
  await run("ip", ["link", "del", LINK]).catch(() => {});
  server?.kill("SIGKILL");
});

describe("a task", () => {
  it("finds its metadata at the endpoint of version 4", async () => {
    const task = await tasks.runToEnd("metadata", {
      command: [
        "sh",
        "-c",
        'wget -qO- "$ECS_CONTAINER_METADATA_URI_V4/task"; echo; wget -qO- "$ECS_CONTAINER_METADATA_URI_V4"',
      ],
    });
    const [whole = "", own = ""] = await tasks.messagesOf("metadata", task, 2);
    expect(JSON.parse(whole)).toMatchObject({
      TaskARN: task?.taskArn,
      Family: "metadata",
      Revision: "1",
      LaunchType: "FARGATE",
      AvailabilityZone: task?.availabilityZone,
      Containers: [{ Name: "main", DesiredStatus: "RUNNING" }],
    });
    expect(JSON.parse(own)).toMatchObject({
      Name: "main",
      Networks: [{ IPv4Addresses: [task?.containers?.[0]?.networkInterfaces?.[0]?.privateIpv4Address] }],
    });
  });

  it("finds the tasks of a service by the name that Cloud Map gives it", async () => {
    const ecs = new ECSClient(demo.client());
    const cloudMap = new discovery.ServiceDiscoveryClient(demo.client());
    const { Subnets = [] } = await new EC2Client(demo.client()).send(
      new DescribeSubnetsCommand({ Filters: [{ Name: "tag:Name", Values: ["fileshare-private-c"] }] }),
    );
    const { OperationId } = await cloudMap.send(
      new discovery.CreatePrivateDnsNamespaceCommand({ Name: "e2e.local", Vpc: Subnets[0]?.VpcId }),
    );
    const NamespaceId = await eventually(async () => {
      const { Operation } = await cloudMap.send(new discovery.GetOperationCommand({ OperationId }));
      expect(Operation?.Status).toBe("SUCCESS");
      return Operation?.Targets?.NAMESPACE;
    });
    const DnsConfig = { DnsRecords: [{ Type: "A" as const, TTL: 10 }] };
    const { Service } = await cloudMap.send(
      new discovery.CreateServiceCommand({ Name: "api", NamespaceId, DnsConfig }),
    );
    await ecs.send(
      new RegisterTaskDefinitionCommand({
        ...{ family: "discovered", networkMode: "awsvpc", requiresCompatibilities: ["FARGATE"] },
        ...{ cpu: "256", memory: "512" },
        containerDefinitions: [{ name: "main", image: "busybox", command: ["sleep", "600"] }],
      }),
    );
    const { service } = await ecs.send(
      new CreateServiceCommand({
        ...{ cluster: "fileshare", serviceName: "discovered", taskDefinition: "discovered", desiredCount: 1 },
        serviceRegistries: [{ registryArn: Service?.Arn }],
        networkConfiguration: { awsvpcConfiguration: { subnets: [Subnets[0]?.SubnetId ?? ""] } },
      }),
    );
    const found = await tasks.runToEnd("finder", {
      command: ["sh", "-c", "until nslookup api.e2e.local; do sleep 0.2; done"],
    });
    const { Instances = [] } = await cloudMap.send(
      new discovery.ListInstancesCommand({ ServiceId: Service?.Id }),
    );
    const address = Instances[0]?.Attributes?.["AWS_INSTANCE_IPV4"] ?? "none";
    expect((await tasks.messagesOf("finder", found)).join()).toContain(address);
    await ecs.send(
      new DeleteServiceCommand({ cluster: "fileshare", service: service?.serviceArn, force: true }),
    );
    await eventually(() => cloudMap.send(new discovery.DeleteServiceCommand({ Id: Service?.Id })));
    await cloudMap.send(new discovery.DeleteNamespaceCommand({ Id: NamespaceId }));
  });

  it("gets no more memory than its limit, and reports it", async () => {
    const task = await tasks.runToEnd("hungry", { command: ["sh", "-c", "tail /dev/zero"], memory: 32 });
    expect(task).toMatchObject({
      stopCode: "EssentialContainerExited",
      containers: [{ exitCode: 137, reason: expect.stringMatching(/^OutOfMemoryError/) as string }],
    });
  });

  it("that cannot start reports the reason in ECS's words", async () => {
    expect(
      await tasks.runToEnd("missing", {
        image: `000000000000.dkr.ecr.${REGION}.amazonaws.com/no-such-repository:1`,
      }),
    ).toMatchObject({
      stopCode: "TaskFailedToStart",
      stoppedReason: expect.stringMatching(/^CannotPullContainerError: /) as string,
    });
    expect(await tasks.runToEnd("wrong", { command: ["/no/such/program"] })).toMatchObject({
      stopCode: "TaskFailedToStart",
      stoppedReason: expect.stringMatching(/^CannotStartContainerError: /) as string,
    });
  });
});

describe("the way out", () => {
  const reach = (tries = 1) => ({
    command: [
      "sh",
      "-c",
      `for i in $(seq ${tries}); do nc -w 3 ${OUTSIDE} 7777 </dev/null 2>/dev/null && exit 0; done; exit 1`,
    ],
  });

  it("exists behind a NAT gateway, and with a public address behind an internet gateway", async () => {
    const behindNat = await tasks.runToEnd("nat", reach(10));
    expect(await tasks.messagesOf("nat", behindNat)).toEqual(["outside"]);
    const open = await tasks.runToEnd("public", reach(10), {
      subnet: await tasks.subnetOf("fileshare-public-a"),
      publicIp: true,
    });
    expect(await tasks.messagesOf("public", open)).toEqual(["outside"]);
  });

  it("does not exist without a public address, nor from a subnet without a route", async () => {
    const closed = await tasks.runToEnd("private", reach(), {
      subnet: await tasks.subnetOf("fileshare-public-a"),
    });
    expect(closed?.containers?.[0]?.exitCode).not.toBe(0);
    const ec2 = new EC2Client(demo.client());
    const { Subnets = [] } = await ec2.send(
      new DescribeSubnetsCommand({ Filters: [{ Name: "tag:Name", Values: ["fileshare-public-a"] }] }),
    );
    const { Subnet } = await ec2.send(
      new CreateSubnetCommand({
        VpcId: Subnets[0]?.VpcId,
        CidrBlock: "172.16.15.192/28",
        AvailabilityZone: `${REGION}a`,
      }),
    );
    const island = await tasks.runToEnd("island", reach(), {
      subnet: Subnet?.SubnetId ?? "",
      publicIp: true,
    });
    expect(island?.containers?.[0]?.exitCode).not.toBe(0);
  });

  it("does not lead to the host, except to the endpoints that tasks need", async () => {
    const task = await tasks.runToEnd("host", {
      command: [
        "sh",
        "-c",
        // At the same time, because each waits for its timeout.
        `for a in 172.17.0.1 100.64.0.1; do for p in 22 ${demo.instance.port} 2375; do ` +
          `(nc -w 2 $a $p </dev/null 2>/dev/null && echo "$a $p") & done; done; wait; echo done`,
      ],
    });
    expect(await tasks.messagesOf("host", task)).toEqual(["done"]);
  });
});
