import { readFileSync } from "node:fs";
import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CloudWatchClient,
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  GetMetricStatisticsCommand,
  ListMetricsCommand,
  PutMetricAlarmCommand,
} from "@aws-sdk/client-cloudwatch";
import {
  CreateListenerCommand,
  DeleteListenerCommand,
  DescribeLoadBalancersCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  UpdateClusterSettingsCommand,
} from "@aws-sdk/client-ecs";
import { CreateTopicCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { expect, inject, it } from "vitest";
import { databaseOf } from "./database-metrics.ts";
import { openDemo } from "./demo.ts";
import { eventually, run, startLoop } from "./helpers.ts";
import { createSlowService } from "./slow-service.ts";

const demo = openDemo(inject("demo"));
const { client, name } = demo;
const cloudWatch = new CloudWatchClient(client());
const Dimensions = [
  { Name: "ClusterName", Value: "fileshare" },
  { Name: "ServiceName", Value: "fileshare" },
];
const MINUTE = 60_000;
const LATE_REPORT_MS = 15_000;
const untilMinute = () => sleep(MINUTE - (Date.now() % MINUTE));

/** Seconds of CPU that the tasks have used so far, by the kernel's own counters. */
function cpuSeconds(taskIds: readonly string[]): number {
  const root = "/sys/fs/cgroup";
  const of = (id: string): number => {
    const group = `gantry-${name}/${id}`;
    try {
      return Number(readFileSync(`${root}/cpuacct/${group}/cpuacct.usage`, "utf8")) / 1e9;
    } catch {
      const stat = readFileSync(`${root}/${group}/cpu.stat`, "utf8");
      return Number(/usage_usec (\d+)/.exec(stat)?.[1]) / 1e6;
    }
  };
  return taskIds.reduce((sum, id) => sum + of(id), 0);
}

async function statistics(MetricName: string, minute: number, container?: string) {
  const { Datapoints = [] } = await cloudWatch.send(
    new GetMetricStatisticsCommand({
      Namespace: container === undefined ? "AWS/ECS" : "ECS/ContainerInsights",
      MetricName,
      Dimensions:
        container === undefined ? Dimensions : [...Dimensions, { Name: "ContainerName", Value: container }],
      StartTime: new Date(minute),
      EndTime: new Date(minute + MINUTE),
      Period: 60,
      Statistics: ["Average", "SampleCount", "Maximum"],
    }),
  );
  return Datapoints[0];
}

async function enhancedInsights(ecs: ECSClient, value: "enhanced" | "disabled"): Promise<void> {
  const settings = [{ name: "containerInsights" as const, value }];
  await ecs.send(new UpdateClusterSettingsCommand({ cluster: "fileshare", settings }));
}

/** A topic, and a queue that gets what is published to it. */
async function createTopic(name: string) {
  const [sns, sqs] = [new SNSClient(client()), new SQSClient(client())];
  const { TopicArn = "" } = await sns.send(new CreateTopicCommand({ Name: name }));
  const Statement = { Effect: "Allow", Principal: "*", Action: "sqs:SendMessage", Resource: "*" };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: { Policy } }));
  const Endpoint = TopicArn.replace(":sns:", ":sqs:");
  const Attributes = { RawMessageDelivery: "true" };
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint, Attributes }));
  return {
    arn: TopicArn,
    next: () =>
      eventually(async () => {
        const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }));
        return JSON.parse(Messages?.[0]?.Body ?? expect.fail("There is no message yet.")) as object; // CloudWatch's.
      }, 60_000),
  };
}

const FILLED_BYTES = 64 * 1_024 * 1_024;

/** A task that wrote a file stores what the engine counts of its one container: its image and what it wrote. */
async function expectStoredBytes(container: string, minute: number): Promise<void> {
  const [written = 0, all = 0] = (
    await run("docker", ["inspect", "--size", "-f", "{{.SizeRw}} {{.SizeRootFs}}", container])
  )
    .split(" ")
    .map(Number);
  expect(written).toBeGreaterThanOrEqual(FILLED_BYTES);
  const { Datapoints: [stored] = [] } = await cloudWatch.send(
    new GetMetricStatisticsCommand({
      ...{ Namespace: "ECS/ContainerInsights", MetricName: "EphemeralStorageUtilized", Dimensions },
      ...{ StartTime: new Date(minute), EndTime: new Date(minute + MINUTE), Period: 60 },
      Statistics: ["Maximum"],
    }),
  );
  expectNear(stored?.Maximum, all / 1_024 ** 3);
}

/** The readings of the test and of the node are moments apart, in which the usage may change. */
function expectNear(measured: number | undefined, expected: number): void {
  expect(Math.abs((measured ?? 0) / expected - 1), `${measured} and ${expected}`).toBeLessThan(0.02);
}

/** The demo's tasks have one container each: it uses what the control group of its task says. */
async function expectContainerUsage(container: string, minute: number, cpuUnits: number): Promise<void> {
  const cpu = await statistics("ContainerCpuUtilized", minute, container);
  expectNear(cpu?.Average, cpuUnits);
  const memory = await statistics("ContainerMemoryUtilization", minute, container);
  expect(memory?.Average).toBeGreaterThan(1);
  expect(memory?.Maximum).toBeLessThan(100);
}

// These tests wait for the ends of minutes, and run at the same time.
it.concurrent("measures a service's CPU by its control groups, and alarms soon after the minute", async () => {
  const ecs = new ECSClient(client());
  const { taskArns = [] } = await ecs.send(
    new ListTasksCommand({ cluster: "fileshare", serviceName: "fileshare" }),
  );
  const { tasks = [] } = await ecs.send(new DescribeTasksCommand({ cluster: "fileshare", tasks: taskArns }));
  const cores = tasks.reduce((sum, task) => sum + Number(task.cpu) / 1_024, 0);
  const ids = taskArns.map((arn) => arn.split("/").at(-1) ?? "");
  const [container = ""] = await demo.taskContainers();
  await run("docker", [
    "exec",
    "-u",
    "0",
    container,
    "sh",
    "-c",
    `head -c ${FILLED_BYTES} /dev/zero > /filled`,
  ]);
  await enhancedInsights(ecs, "enhanced");
  const topic = await createTopic("busy");
  await cloudWatch.send(
    new PutMetricAlarmCommand({
      AlarmName: "busy",
      Namespace: "AWS/ECS",
      MetricName: "CPUUtilization",
      Dimensions,
      Statistic: "Maximum",
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 10,
      ComparisonOperator: "GreaterThanThreshold",
      AlarmActions: [topic.arn, "arn:aws:sns:eu-south-1:000000000000:nobody"],
    }),
  );
  const burn = run("docker", [
    "exec",
    container,
    "node",
    "-e",
    "const until = Date.now() + 130_000; while (Date.now() < until);",
  ]);
  await untilMinute();
  const minute = Math.round(Date.now() / MINUTE) * MINUTE;
  const before = cpuSeconds(ids);
  await untilMinute();
  const used = cpuSeconds(ids) - before;
  const expected = (used / 60 / cores) * 100;
  // A node reports three times a minute; the last report comes just after the minute.
  const cpu = await eventually(async () => {
    const found = (await statistics("CPUUtilization", minute)) ?? expect.fail();
    expect(found.SampleCount).toBe(3 * ids.length);
    return found;
  });
  expectNear(cpu.Average, expected);
  await expectContainerUsage(tasks[0]?.containers?.[0]?.name ?? "", minute, (used / 60 / ids.length) * 1_024);
  await expectStoredBytes(container, minute);
  await enhancedInsights(ecs, "disabled");
  const memory = await statistics("MemoryUtilization", minute);
  expect(memory?.Average).toBeGreaterThan(1);
  expect(memory?.Maximum).toBeLessThan(100);

  // Each task of the demo mounts its file system.
  const { Metrics = [] } = await cloudWatch.send(
    new ListMetricsCommand({ Namespace: "AWS/EFS", MetricName: "ClientConnections" }),
  );
  const { Datapoints: connections = [] } = await cloudWatch.send(
    new GetMetricStatisticsCommand({
      ...{ Namespace: "AWS/EFS", MetricName: "ClientConnections", Dimensions: Metrics[0]?.Dimensions },
      ...{ StartTime: new Date(minute), EndTime: new Date(minute + MINUTE), Period: 60, Statistics: ["Sum"] },
    }),
  );
  expect(connections[0]?.Sum).toBeCloseTo(ids.length);

  const { MetricAlarms = [] } = await eventually(async () => {
    const found = await cloudWatch.send(
      new DescribeAlarmsCommand({ AlarmNames: ["busy"], StateValue: "ALARM" }),
    );
    expect(found.MetricAlarms).toHaveLength(1);
    return found;
  }, 90_000);
  const changedAt = MetricAlarms[0]?.StateTransitionedTimestamp?.getTime() ?? 0;
  // Below two seconds where nothing else runs.
  expect(changedAt % MINUTE).toBeLessThan(30_000);
  await eventually(async () => {
    const { AlarmHistoryItems = [] } = await cloudWatch.send(
      new DescribeAlarmHistoryCommand({ AlarmName: "busy", HistoryItemType: "Action" }),
    );
    expect(
      AlarmHistoryItems.map(({ HistorySummary = "" }) => HistorySummary.split(" ")[0]).toSorted(),
    ).toEqual(["Failed", "Successfully"]);
  });
  expect(await topic.next()).toMatchObject({ AlarmName: "busy", NewStateValue: "ALARM" });
  await burn;
}, 400_000);

it.concurrent("counts the requests of a load balancer exactly, also while its configuration is reloaded", async () => {
  const elb = new ElasticLoadBalancingV2Client(client());
  const { LoadBalancers = [] } = await elb.send(new DescribeLoadBalancersCommand({ Names: ["fileshare"] }));
  const arn = LoadBalancers[0]?.LoadBalancerArn ?? "";
  const { targetGroupArn = "" } = (await demo.fileshare())?.loadBalancers?.[0] ?? {};
  // The load balancer has other target groups, whose requests come from another test.
  const ofGroup = [
    { Name: "LoadBalancer", Value: arn.slice(arn.indexOf("app/")) },
    { Name: "TargetGroup", Value: targetGroupArn.split(":").at(-1) },
  ];
  const sums = async (names: readonly string[], from: number) => {
    const { MetricDataResults = [] } = await cloudWatch.send(
      new GetMetricDataCommand({
        StartTime: new Date(from),
        EndTime: new Date(from + 3 * MINUTE),
        MetricDataQueries: names.map((MetricName, index) => ({
          Id: `q${index}`,
          MetricStat: {
            Metric: { Namespace: "AWS/ApplicationELB", MetricName, Dimensions: ofGroup },
            Period: 60,
            Stat: "Sum",
          },
        })),
      }),
    );
    return MetricDataResults.map(({ Values = [] }) => Values.reduce((sum, value) => sum + value, 0));
  };
  await untilMinute();
  const minute = Math.round(Date.now() / MINUTE) * MINUTE;
  // Nodes report their counts up to the moment of the report: late on a busy machine.
  await sleep(LATE_REPORT_MS);
  const loop = startLoop(demo.url, "/health");
  await sleep(3_000);
  // A listener more: the proxy takes a new configuration.
  const { Listeners = [] } = await elb.send(
    new CreateListenerCommand({
      LoadBalancerArn: arn,
      Protocol: "HTTP",
      Port: 8099,
      DefaultActions: [{ Type: "fixed-response", FixedResponseConfig: { StatusCode: "200" } }],
    }),
  );
  await sleep(8_000);
  const { count: total, failures } = await loop.stop();
  expect(failures).toEqual([]);
  await elb.send(new DeleteListenerCommand({ ListenerArn: Listeners[0]?.ListenerArn }));
  const counted = await eventually(async () => {
    // On a busy machine the last requests come with a later report.
    const [requests = 0, good = 0] = await sums(["RequestCount", "HTTPCode_Target_2XX_Count"], minute);
    expect(requests).toBe(total);
    return { requests, good };
  }, 90_000);
  expect(counted.good).toBe(counted.requests);
  const { Datapoints = [] } = await cloudWatch.send(
    new GetMetricStatisticsCommand({
      Namespace: "AWS/ApplicationELB",
      MetricName: "TargetResponseTime",
      Dimensions: ofGroup,
      StartTime: new Date(minute),
      EndTime: new Date(minute + MINUTE),
      Period: 60,
      Statistics: ["SampleCount"],
      ExtendedStatistics: ["p50", "p99"],
    }),
  );
  expect(Datapoints[0]?.SampleCount).toBe(counted.requests);
  expect(Datapoints[0]?.ExtendedStatistics?.["p99"]).toBeGreaterThanOrEqual(
    Datapoints[0]?.ExtendedStatistics?.["p50"] ?? Infinity,
  );
}, 400_000);

/** The nearest rank. */
const percentile = (values: readonly number[], percent: number): number =>
  values.toSorted((a, b) => a - b)[Math.ceil((values.length * percent) / 100) - 1] ?? Number.NaN;

const SLOW_CLIENTS = 6;
const SLOW_MS = 25_000;

it.concurrent("has the percentiles of the response time that clients measure", async () => {
  const { dimensions, ask: askSlow, remove } = await createSlowService(demo);
  await untilMinute();
  const minute = Math.round(Date.now() / MINUTE) * MINUTE;
  await sleep(LATE_REPORT_MS);
  const seconds: number[] = [];
  const until = Date.now() + SLOW_MS;
  const agent = new Agent({ keepAlive: true, maxSockets: SLOW_CLIENTS });
  const ask = async () => {
    while (Date.now() < until) {
      const began = performance.now();
      expect((await askSlow(agent)).status).toBe(200);
      seconds.push((performance.now() - began) / 1_000);
    }
  };
  await Promise.all(Array.from({ length: SLOW_CLIENTS }, ask));
  agent.destroy();
  const measured = await eventually(async () => {
    const { Datapoints = [] } = await cloudWatch.send(
      new GetMetricStatisticsCommand({
        ...{ Namespace: "AWS/ApplicationELB", MetricName: "TargetResponseTime", Dimensions: dimensions },
        ...{ StartTime: new Date(minute), EndTime: new Date(minute + MINUTE), Period: 60 },
        Statistics: ["SampleCount"],
        ExtendedStatistics: ["p50", "p90"],
      }),
    );
    expect(Datapoints[0]?.SampleCount).toBe(seconds.length);
    return Datapoints[0]?.ExtendedStatistics ?? {};
  }, 90_000);
  for (const percent of [50, 90])
    expect(
      Math.abs((measured[`p${percent}`] ?? 0) / percentile(seconds, percent) - 1),
      `p${percent}: ${measured[`p${percent}`]} and ${percentile(seconds, percent)} s`,
    ).toBeLessThan(0.1);
  await remove();
}, 400_000);

it.concurrent("measures a database by its control group, its connections and its files", async () => {
  const database = await databaseOf(demo);
  const working = database.work();
  await untilMinute();
  const minute = Math.round(Date.now() / MINUTE) * MINUTE;
  const before = database.cpuSeconds();
  await untilMinute();
  const used = database.cpuSeconds() - before;
  const [connections, stored] = [await database.connections(), await database.storedBytes()];
  const cpu = await eventually(async () => {
    const found = await database.metric("CPUUtilization", minute);
    expect(found.SampleCount).toBeCloseTo(1);
    return found;
  });
  // Of the two processors of its class.
  const expected = (used / 60 / 2) * 100;
  expect(Math.abs((cpu.Average ?? 0) / expected - 1), `${cpu.Average} and ${expected} %`).toBeLessThan(0.1);
  expect((await database.metric("DatabaseConnections", minute)).Maximum).toBe(connections);
  expect(connections).toBeGreaterThan(0);
  const { Average: free = 0 } = await database.metric("FreeStorageSpace", minute);
  expect(Math.abs((database.allocatedBytes - free) / stored - 1), `${free} bytes free`).toBeLessThan(0.02);
  await working;
}, 400_000);

it("lists the service's metrics to the AWS command line", async () => {
  // Other services of the shared platform have metrics too.
  const dimensions = Dimensions.map(({ Name, Value }) => `Name=${Name},Value=${Value}`);
  const listed = JSON.parse(
    await demo.aws("cloudwatch", "list-metrics", "--namespace", "AWS/ECS", "--dimensions", ...dimensions),
  ) as { Metrics: unknown[] };
  expect(listed.Metrics).toEqual(
    ["CPUUtilization", "MemoryUtilization"].map((MetricName) => ({
      Namespace: "AWS/ECS",
      MetricName,
      Dimensions,
    })),
  );
  const { Metrics } = await cloudWatch.send(new ListMetricsCommand({ Namespace: "AWS/ECS", Dimensions }));
  expect(Metrics).toEqual(listed.Metrics);
});
