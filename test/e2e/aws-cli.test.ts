import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DescribeTasksCommand, ECSClient } from "@aws-sdk/client-ecs";
import { DescribeSecurityGroupsCommand, DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { describe, expect, inject, it } from "vitest";
import { openDemo } from "./demo.ts";
import { eventually, get, routerPid, run } from "./helpers.ts";

const { url, environment, client, aws, fileshare } = openDemo(inject("demo"));

describe("the AWS CLI", () => {
  it("runs a task: register, run, wait, curl, logs, stop", async () => {
    const folder = mkdtempSync(join(tmpdir(), "gantry-cli-"));
    const definition = join(folder, "webserver.json");
    // The talk's sample with its comma mended; its numbers stay strings, which the CLI's own check would refuse.
    writeFileSync(
      definition,
      '{ "family": "webserver", "containerDefinitions": [ { "name": "web", "image": "nginx", "memory": ' +
        '"100", "cpu": "99" } ], "requiresCompatibilities": [ "FARGATE" ], "networkMode": "awsvpc", ' +
        '"memory": "512", "cpu": "256" }',
    );
    const config = join(folder, "aws-config");
    writeFileSync(config, "[default]\nparameter_validation = false\n");
    const lenient = { ...environment, AWS_CONFIG_FILE: config };
    await aws("ecs", "create-cluster", "--cluster-name", "talk");
    const registered = JSON.parse(
      await run(
        "aws",
        ["ecs", "register-task-definition", "--cli-input-json", `file://${definition}`],
        lenient,
      ),
    ) as {
      taskDefinition: { revision: number; containerDefinitions: { memory: number }[] };
    }; // The CLI's output.
    expect(registered.taskDefinition).toMatchObject({
      revision: 1,
      containerDefinitions: [{ memory: 100, cpu: 99 }],
    });
    const { Subnets = [] } = await new EC2Client(client()).send(
      new DescribeSubnetsCommand({ Filters: [{ Name: "tag:Name", Values: ["fileshare-private-a"] }] }),
    );
    const { SecurityGroups = [] } = await new EC2Client(client()).send(
      new DescribeSecurityGroupsCommand({ Filters: [{ Name: "group-name", Values: ["fileshare-alb"] }] }),
    );
    const network = `awsvpcConfiguration={subnets=[${Subnets[0]?.SubnetId}],securityGroups=[${SecurityGroups[0]?.GroupId}]}`;
    const { tasks } = JSON.parse(
      await aws(
        "ecs",
        "run-task",
        "--cluster",
        "talk",
        "--task-definition",
        "webserver",
        "--launch-type",
        "FARGATE",
        "--network-configuration",
        network,
      ),
    ) as { tasks: { taskArn: string }[] }; // As above.
    const arn = tasks[0]?.taskArn ?? "";
    await aws("ecs", "wait", "tasks-running", "--cluster", "talk", "--tasks", arn);
    const [task] =
      (await new ECSClient(client()).send(new DescribeTasksCommand({ cluster: "talk", tasks: [arn] })))
        .tasks ?? [];
    const address = task?.containers?.[0]?.networkInterfaces?.[0]?.privateIpv4Address ?? "";
    const pid = await routerPid(Subnets[0]?.VpcId ?? "");
    // A task runs before its server listens.
    const page = () => run("nsenter", ["-t", pid, "-n", "curl", "-s", "-m", "5", `http://${address}/`]);
    await eventually(async () => expect(await page()).toContain("nginx"));
    await aws("ecs", "stop-task", "--cluster", "talk", "--task", arn, "--reason", "done");
    await aws("ecs", "wait", "tasks-stopped", "--cluster", "talk", "--tasks", arn);
    const [stopped] =
      (await new ECSClient(client()).send(new DescribeTasksCommand({ cluster: "talk", tasks: [arn] })))
        .tasks ?? [];
    expect(stopped).toMatchObject({
      lastStatus: "STOPPED",
      stopCode: "UserInitiated",
      stoppedReason: "done",
    });
  });

  it("waits for services, load balancers, targets, databases, interfaces, buckets, objects and roles", async () => {
    const service = await fileshare();
    const group = service?.loadBalancers?.[0]?.targetGroupArn ?? "";
    await aws("ecs", "wait", "services-stable", "--cluster", "fileshare", "--services", "fileshare");
    await aws("elbv2", "wait", "load-balancer-available", "--names", "fileshare");
    await aws("elbv2", "wait", "load-balancer-exists", "--names", "fileshare");
    await aws("elbv2", "wait", "target-in-service", "--target-group-arn", group);
    await aws("rds", "wait", "db-instance-available", "--db-instance-identifier", "fileshare");
    await aws("ec2", "wait", "vpc-available", "--filters", "Name=tag:Name,Values=fileshare");
    await aws("ec2", "wait", "subnet-available", "--filters", "Name=tag:Name,Values=fileshare-private-a");
    await aws("ec2", "wait", "nat-gateway-available", "--filter", "Name=state,Values=available");
    await aws("s3api", "wait", "bucket-exists", "--bucket", "fileshare-000000000000");
    await aws(
      "s3api",
      "wait",
      "object-not-exists",
      "--bucket",
      "fileshare-000000000000",
      "--key",
      "never/there",
    );
    await aws("iam", "wait", "role-exists", "--role-name", "fileshare-task");
    await expect(
      run("aws", ["elbv2", "wait", "load-balancers-deleted", "--names", "never-there"], environment),
    ).resolves.toBe("");

    const { subnets = [], securityGroups = [] } = service?.networkConfiguration?.awsvpcConfiguration ?? {};
    const network = `awsvpcConfiguration={subnets=[${subnets[0]}],securityGroups=[${securityGroups[0]}]}`;
    const create = [
      "ecs",
      "create-service",
      "--cluster",
      "fileshare",
      "--service-name",
      "waited",
      "--task-definition",
      "webserver",
      "--desired-count",
      "2",
    ];
    await aws(...create, "--launch-type", "FARGATE", "--network-configuration", network);
    await aws("ecs", "wait", "services-stable", "--cluster", "fileshare", "--services", "waited");
    const { services } = JSON.parse(
      await aws("ecs", "describe-services", "--cluster", "fileshare", "--services", "waited"),
    ) as {
      services: { runningCount: number }[];
    }; // The CLI's output.
    expect(services[0]?.runningCount).toBe(2);
    await aws("ecs", "delete-service", "--cluster", "fileshare", "--service", "waited", "--force");
    await aws("ecs", "wait", "services-inactive", "--cluster", "fileshare", "--services", "waited");
  });

  it("reads the website's logs while it runs", async () => {
    const marker = `/no-such-page-${Date.now()}`;
    await get(url, { path: marker });
    await eventually(async () => {
      const { events = [] } = await new CloudWatchLogsClient(client()).send(
        new FilterLogEventsCommand({ logGroupName: "/ecs/fileshare-app", filterPattern: `"${marker}"` }),
      );
      expect(events.length).toBeGreaterThan(0);
    });
    const { logStreams } = JSON.parse(
      await aws(
        "logs",
        "describe-log-streams",
        "--log-group-name",
        "/ecs/fileshare-app",
        "--order-by",
        "LastEventTime",
      ),
    ) as { logStreams: { logStreamName: string }[] }; // The CLI's output.
    const stream = logStreams[0]?.logStreamName ?? "";
    expect(stream).toMatch(/^app\/fileshare-app\/[0-9a-f]{32}$/);
    expect(
      await aws(
        "logs",
        "get-log-events",
        "--log-group-name",
        "/ecs/fileshare-app",
        "--log-stream-name",
        stream,
      ),
    ).toContain("Server listening");
  });
});
