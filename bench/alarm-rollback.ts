import { request } from "node:http";
import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  PutMetricAlarmCommand,
  PutMetricDataCommand,
} from "@aws-sdk/client-cloudwatch";
import {
  CreateServiceCommand,
  DescribeServiceDeploymentsCommand,
  DescribeServicesCommand,
  ListServiceDeploymentsCommand,
  UpdateServiceCommand,
  type ServiceDeployment,
} from "@aws-sdk/client-ecs";
import { DescribeTargetGroupsCommand } from "@aws-sdk/client-elastic-load-balancing-v2";
import { sleep } from "@gantry/kernel";
import { median, type Bench, type Question } from "./question.ts";
import { serve, type Served } from "./serve.ts";

const SERVICE = "guarded";
const NAMESPACE = "Bench";
const OWN = { name: "own-metric", period: 10 };
const TRAFFIC = { name: "traffic", period: 60 };
const OWN_ROUNDS = 5;
const TRAFFIC_ROUNDS = 2;
const MS_MAX = 2_000;
const LOOK_MS = 100;
/**
 * A breach is sent no later than this before its period ends, so that it is in the period that it was meant
 * for.
 */
const SENT_BEFORE_MS = 1_500;

/**
 * How long after the end of an alarm's period a deployment that names the alarm begins its rollback: for a
 * metric that a client
 * puts, with a period of 10 seconds, and for errors that the load balancer's proxy counts, with a period of
 * a minute.
 */
export const alarmRollback: Question = {
  name: "alarm-rollback",
  async ask(bench) {
    const { region, credentials, settings } = bench;
    const cloudWatch = new CloudWatchClient({
      region,
      credentials,
      endpoint: `http://127.0.0.1:${settings.port}`,
    });
    const served = await serve(bench);
    await putAlarms(bench, cloudWatch, served);
    await createGuarded(bench, served);
    const own = await roundsOf(bench, { ...OWN, count: OWN_ROUNDS, cloudWatch }, (value) =>
      putOwn(cloudWatch, value),
    );
    // nginx answers 404 for a page that it does not have, and nothing else of this benchmark asks for one.
    const traffic = await roundsOf(bench, { ...TRAFFIC, count: TRAFFIC_ROUNDS, cloudWatch }, (value) =>
      value === 0 ? Promise.resolve() : askFor(served.url, "/missing"),
    );
    cloudWatch.destroy();
    return [
      { ...answerOf(own), name: "alarm-rollback-own-metric" },
      { ...answerOf(traffic), name: "alarm-rollback-traffic" },
    ];
  },
};

function answerOf(delays: readonly number[]) {
  return {
    unit: "ms",
    value: Math.max(...delays),
    baseline: median(delays),
    against: `median of ${delays.length}`,
    goal: { of: "value", most: MS_MAX },
  } as const;
}

async function putAlarms(
  { clients: { elb } }: Bench,
  cloudWatch: CloudWatchClient,
  { targetGroupArn }: Served,
): Promise<void> {
  const { TargetGroups: [group] = [] } = await elb.send(
    new DescribeTargetGroupsCommand({ TargetGroupArns: [targetGroupArn] }),
  );
  const alarm = {
    Statistic: "Maximum",
    EvaluationPeriods: 1,
    Threshold: 0,
    ComparisonOperator: "GreaterThanThreshold",
    TreatMissingData: "notBreaching",
  } as const;
  await cloudWatch.send(
    new PutMetricAlarmCommand({
      ...alarm,
      AlarmName: OWN.name,
      Namespace: NAMESPACE,
      MetricName: "Errors",
      Period: OWN.period,
    }),
  );
  await cloudWatch.send(
    new PutMetricAlarmCommand({
      ...alarm,
      AlarmName: TRAFFIC.name,
      Namespace: "AWS/ApplicationELB",
      MetricName: "HTTPCode_Target_4XX_Count",
      Statistic: "Sum",
      Dimensions: [
        { Name: "TargetGroup", Value: targetGroupArn.split(":").at(-1) },
        { Name: "LoadBalancer", Value: group?.LoadBalancerArns?.[0]?.split(":loadbalancer/").at(-1) },
      ],
      Period: TRAFFIC.period,
    }),
  );
}

async function createGuarded(bench: Bench, { subnets, securityGroup }: Served): Promise<void> {
  await bench.clients.ecs.send(
    new CreateServiceCommand({
      cluster: "bench",
      serviceName: SERVICE,
      taskDefinition: "web",
      desiredCount: 1,
      networkConfiguration: {
        awsvpcConfiguration: { subnets: [...subnets], securityGroups: [securityGroup] },
      },
    }),
  );
  await untilDeployment(bench, ({ status }) => status === "SUCCESSFUL");
}

/**
 * Starts a deployment, causes a breach while it bakes, and returns for each round how long after the period
 * the rollback began.
 */
async function roundsOf(
  bench: Bench,
  {
    name,
    period,
    count,
    cloudWatch,
  }: { name: string; period: number; count: number; cloudWatch: CloudWatchClient },
  put: (value: number) => Promise<void>,
): Promise<readonly number[]> {
  const delays: number[] = [];
  for (let round = 0; round < count; round += 1) {
    for (;;) {
      const { MetricAlarms = [] } = await cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: [name] }));
      if (MetricAlarms[0]?.StateValue === "OK") break;
      await put(0);
      await sleep(bench.clock, 1_000);
    }
    await bench.clients.ecs.send(
      new UpdateServiceCommand({
        cluster: "bench",
        service: SERVICE,
        forceNewDeployment: true,
        deploymentConfiguration: {
          alarms: { alarmNames: [name], enable: true, rollback: true },
        },
      }),
    );
    await untilBaking(bench);
    await untilEarlyIn(bench, period * 1_000);
    await put(1);
    const periodEnd = Math.ceil(bench.clock.now() / (period * 1_000)) * period * 1_000;
    const { rollback } = await untilDeployment(bench, (deployment) => deployment.rollback !== undefined);
    delays.push((rollback?.startedAt?.getTime() ?? Number.NaN) - periodEnd);
    await untilDeployment(bench, ({ status }) => status === "ROLLBACK_SUCCESSFUL");
  }
  return delays;
}

/** Waits until the new tasks run alone: the deployment then watches its alarms before it completes. */
async function untilBaking({ clients: { ecs }, clock }: Bench): Promise<void> {
  for (;;) {
    const { services: [service] = [] } = await ecs.send(
      new DescribeServicesCommand({ cluster: "bench", services: [SERVICE] }),
    );
    const [primary, ...earlier] = service?.deployments ?? [];
    const isAlone = earlier.length > 0 && earlier.every(({ runningCount }) => runningCount === 0);
    if (isAlone && primary?.runningCount === 1) return;
    await sleep(clock, LOOK_MS);
  }
}

async function untilEarlyIn({ clock }: Bench, period: number): Promise<void> {
  const left = period - (clock.now() % period);
  if (left < SENT_BEFORE_MS) await sleep(clock, left + 10);
}

/** Waits for a state of the newest deployment. Errors: the deployment ended in another state. */
async function untilDeployment(
  { clients: { ecs }, clock }: Bench,
  isReached: (deployment: ServiceDeployment) => boolean,
): Promise<ServiceDeployment> {
  for (;;) {
    const { serviceDeployments: [newest] = [] } = await ecs.send(
      new ListServiceDeploymentsCommand({ cluster: "bench", service: SERVICE }),
    );
    const { serviceDeployments: [deployment] = [] } = await ecs.send(
      new DescribeServiceDeploymentsCommand({
        serviceDeploymentArns: [newest?.serviceDeploymentArn ?? ""],
      }),
    );
    if (deployment !== undefined && isReached(deployment)) return deployment;
    if (deployment?.finishedAt !== undefined)
      throw new Error(`The deployment ended as ${deployment.status}: ${deployment.statusReason}`);
    await sleep(clock, LOOK_MS);
  }
}

async function putOwn(cloudWatch: CloudWatchClient, value: number): Promise<void> {
  await cloudWatch.send(
    new PutMetricDataCommand({
      Namespace: NAMESPACE,
      MetricData: [{ MetricName: "Errors", Value: value, StorageResolution: 1 }],
    }),
  );
}

function askFor(url: string, path: string): Promise<void> {
  const { host, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, headers: { host } }, (response) => {
      response.resume();
      response.on("end", resolve);
    });
    sent.on("error", reject);
    sent.end();
  });
}
