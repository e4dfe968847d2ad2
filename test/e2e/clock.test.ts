import { spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CloudWatchClient,
  DeleteAlarmsCommand,
  DescribeAlarmsCommand,
  PutMetricAlarmCommand,
} from "@aws-sdk/client-cloudwatch";
import {
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  StopServiceDeploymentCommand,
  UpdateServiceCommand,
  type DeploymentConfiguration,
} from "@aws-sdk/client-ecs";
import {
  DescribeLoadBalancersCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import type { ClockStatus, DeploymentReport } from "@gantry/control-plane";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { openDemo } from "./demo.ts";
import { eventually, PROJECT } from "./helpers.ts";
import { killsOf } from "./kills-of.ts";
import { expectToSurviveKills, startGate } from "./stage-kills.ts";
import { createStagedService, newestDeploymentOf, untilDeploymentEnded } from "./staged-service.ts";
import { expectStored, storeBytes } from "./stored-metrics.ts";
import {
  answersOfCanary,
  createServiceRole,
  expectShare,
  FAILING,
  registerVersion,
  startAsking,
  versionsOf,
} from "./versions.ts";

const MINUTE = 60_000;
const HOST = "rehearsal.example.org";
const SERVICE = "rehearsal";
const GUARDED = "guarded";
const GUARDED_HOST = "guarded.example.org";
const FUNCTION = "arn:aws:lambda:eu-south-1:000000000000:function:check";
/**
 * Sends 10 % of the traffic to the new version for five minutes, then all of it for a bake time of five
 * minutes.
 */
const CANARY = {
  strategy: "CANARY",
  canaryConfiguration: { canaryPercent: 10, canaryBakeTimeInMinutes: 5 },
  bakeTimeInMinutes: 5,
} as const;
const demo = openDemo(inject("demo"));
const ecs = new ECSClient(demo.client());
const elb = new ElasticLoadBalancingV2Client(demo.client());
const cloudWatch = new CloudWatchClient(demo.client());
const clock = async (...words: readonly string[]) =>
  JSON.parse(await demo.instance.gantry("clock", ...words, "--json")) as ClockStatus; // Our own output.

afterEach(() => clock("speed", "1"));

describe("the platform's clock", () => {
  it("advances, refuses what is too fast, and returns to real time without a jump backwards", async () => {
    expect(await clock()).toMatchObject({ aheadMs: 0, speed: 1 });
    const { aheadMs } = await clock("advance", "2s");
    expect(aheadMs).toBe(2_000);
    expect(await demo.instance.gantry("clock")).toMatch(/Z, 2s ahead of real time\n$/);
    expect(await demo.instance.gantry("status")).toContain("ahead of real time");
    await expect(clock("speed", "1000")).rejects.toThrow("120");
    let last = await clock("reset");
    expect(last.speed).toBe(0.5);
    await eventually(async () => {
      const next = await clock();
      expect(next.now).toBeGreaterThan(last.now);
      expect(next.now).toBeGreaterThanOrEqual(next.real);
      last = next;
      expect(next).toMatchObject({ aheadMs: 0, speed: 1 });
    });
  });
});

/** Follows the service's newest deployment as a user does, until it has ended. */
function follow(...options: readonly string[]) {
  const words = ["deployments", "show", SERVICE, "--follow", ...options, "--state-dir", demo.instance.folder];
  const child = spawn(join(PROJECT, "gantry"), words, { stdio: ["ignore", "pipe", "inherit"] });
  const chunks: { readonly at: number; readonly text: string }[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push({ at: Date.now(), text: chunk.toString() }));
  const status = new Promise<number | null>((resolve) => child.on("close", resolve));
  return { chunks, status, output: () => chunks.map(({ text }) => text).join("") };
}

describe("a canary with steps of five minutes", () => {
  let service: Awaited<ReturnType<typeof createStagedService>> | undefined;
  beforeAll(async () => {
    service = await createStagedService(demo, { name: SERVICE, host: HOST });
  });
  afterAll(() => service?.remove());

  const deploy = async (version: string) =>
    ecs.send(
      new UpdateServiceCommand({
        cluster: "fileshare",
        service: SERVICE,
        taskDefinition: await registerVersion(demo, SERVICE, version),
        deploymentConfiguration: CANARY,
      }),
    );

  it("is rehearsed in seconds under load, and followed by the command line", async () => {
    const asking = startAsking(demo, HOST);
    const began = Date.now();
    await clock("speed", "60");
    // Two of the platform's minutes: requests before the first version served belong to no interval of this
    // deployment.
    await new Promise((done) => setTimeout(done, 2_000));
    await deploy("v2");
    const [lines, reports] = [follow(), follow("--json")];
    expect(await Promise.all([lines.status, reports.status])).toEqual([0, 0]);
    const until = Date.now();
    await new Promise((done) => setTimeout(done, 1_000));
    await asking.stop();
    expect(asking.failures, asking.failures.slice(0, 5).join("\n")).toEqual([]);

    const seen = reports
      .output()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as DeploymentReport); // Our own output.
    const last = seen.at(-1) ?? expect.fail("There is no report.");
    expect(last).toMatchObject({ status: "SUCCESSFUL", weight: 100 });
    const rehearsedMs = (last.finishedAt ?? 0) - last.startedAt;
    expect(rehearsedMs).toBeGreaterThanOrEqual(10 * MINUTE);
    expect(until - began).toBeLessThan(rehearsedMs / 3);
    const weights = last.timeline.flatMap((event) => (event.type === "traffic" ? [event.production] : []));
    expect(weights).toEqual([0, 10, 100]);
    for (const fleet of last.fleets) expect(fleet.total).toMatchObject({ errors: 0 });
    expect(last.fleets.map(({ total }) => (total?.requests ?? 0) > 0)).toEqual([true, true]);

    const canary = answersOfCanary(asking.answers, "v2");
    expect(canary.length).toBeGreaterThan(150);
    expectShare(canary.filter(({ version }) => version === "v2").length, canary.length, 0.1);
    expect(versionsOf(asking.answers.filter(({ at }) => at > until))).toEqual(new Set(["v2"]));

    expect(lines.output()).toMatch(/\+\d\d:\d\d {2}stage {5}PRODUCTION_TRAFFIC_SHIFT\n/);
    expect(lines.output()).toMatch(/weights {3}██░+ {2}10 % of production/);
    expect(lines.output()).toMatch(/traffic {3}old: \d+ requests, 0 failed/);
    expect(lines.output()).toMatch(/status {4}SUCCESSFUL\n/);
    // Output to a pipe is appended: no line comes twice.
    const events = lines
      .output()
      .split("\n")
      .filter((line) => / (stage|status) /.test(line));
    expect(new Set(events).size).toBe(events.length);
  });

  it("reports in one sentence why it was rolled back", async () => {
    await clock("speed", "10");
    await deploy("v3");
    const lines = follow();
    const deployment = await eventually(async () => {
      const newest = await newestDeploymentOf(demo, SERVICE);
      expect(newest?.targetServiceRevision?.requestedProductionTrafficWeight).toBe(10);
      return newest;
    }, 90_000);
    const { serviceDeploymentArn } = deployment ?? {};
    await ecs.send(new StopServiceDeploymentCommand({ serviceDeploymentArn }));
    expect(await lines.status).toBe(1);
    expect(lines.output()).toMatch(
      /\nRolled back at 10 % of the traffic in PRODUCTION_TRAFFIC_SHIFT: .*\.\n$/,
    );
    const listed = await demo.instance.gantry("deployments");
    expect(listed).toMatch(/fileshare\/rehearsal +CANARY +ROLLBACK_SUCCESSFUL/);
    expect(listed).toMatch(/fileshare\/rehearsal +CANARY +SUCCESSFUL/);
  });
});

describe("hooks and alarms of native strategies", () => {
  let service: Awaited<ReturnType<typeof createStagedService>> | undefined;
  const hooksFile = join(demo.instance.folder, "hooks.json");
  /** The version that serves after the deployments so far. */
  let serving = "v2";
  beforeAll(async () => {
    service = await createStagedService(demo, { name: GUARDED, host: GUARDED_HOST, pairs: 2 });
  });
  afterAll(async () => {
    rmSync(hooksFile, { force: true });
    await cloudWatch.send(new DeleteAlarmsCommand({ AlarmNames: [GUARDED] })).catch(() => {});
    await service?.remove();
  });
  const deploy = async (version: string, deploymentConfiguration: DeploymentConfiguration) =>
    ecs.send(
      new UpdateServiceCommand({
        cluster: "fileshare",
        service: GUARDED,
        taskDefinition: await registerVersion(demo, GUARDED, version),
        deploymentConfiguration,
      }),
    );

  /** Maps the hook's function to a task that ends with an exit code once it has the event of its stage. */
  async function nameHookTask(exitCode: number): Promise<void> {
    const { taskDefinition } = await ecs.send(
      new RegisterTaskDefinitionCommand({
        family: `${GUARDED}-hook`,
        requiresCompatibilities: ["FARGATE"],
        networkMode: "awsvpc",
        cpu: "256",
        memory: "512",
        containerDefinitions: [
          {
            name: "check",
            image: "busybox",
            command: [
              "sh",
              "-c",
              `echo "$GANTRY_HOOK_EVENT" | grep POST_SCALE_UP && exit ${exitCode}; exit 9`,
            ],
          },
        ],
      }),
    );
    const { subnets, securityGroups } =
      (await demo.fileshare())?.networkConfiguration?.awsvpcConfiguration ?? expect.fail("The demo is up.");
    const task = {
      cluster: "fileshare",
      taskDefinition: `${taskDefinition?.family}:${taskDefinition?.revision}`,
      subnets,
      securityGroups,
    };
    writeFileSync(hooksFile, JSON.stringify({ [FUNCTION]: { task } }));
  }

  async function hookExitCodes(): Promise<readonly (number | undefined)[]> {
    const of = { cluster: "fileshare", family: `${GUARDED}-hook`, desiredStatus: "STOPPED" } as const;
    const { taskArns = [] } = await ecs.send(new ListTasksCommand(of));
    if (taskArns.length === 0) return [];
    const { tasks = [] } = await ecs.send(
      new DescribeTasksCommand({ cluster: "fileshare", tasks: taskArns }),
    );
    return tasks.map(({ containers }) => containers?.[0]?.exitCode).toSorted();
  }

  it("run a hook as a task, whose exit code lets the deployment go on or takes it back", async () => {
    const roleArn = await createServiceRole(demo, `${GUARDED}-hook`, {
      service: "ecs.amazonaws.com",
      policy: "service-role/AWSLambdaRole",
    });
    const hooked = {
      strategy: "BLUE_GREEN",
      bakeTimeInMinutes: 0,
      lifecycleHooks: [{ hookTargetArn: FUNCTION, roleArn, lifecycleStages: ["POST_SCALE_UP"] }],
    } satisfies DeploymentConfiguration;
    const asking = startAsking(demo, GUARDED_HOST);
    await nameHookTask(0);
    await deploy("v2", hooked);
    await untilDeploymentEnded(demo, GUARDED, "SUCCESSFUL");
    expect(await hookExitCodes()).toEqual([0]);
    await nameHookTask(3);
    await deploy("v3", hooked);
    await untilDeploymentEnded(demo, GUARDED, "ROLLBACK_SUCCESSFUL");
    expect(await hookExitCodes()).toEqual([0, 3]);
    await asking.stop();
    expect(asking.failures, asking.failures.slice(0, 5).join("\n")).toEqual([]);
    expect(versionsOf(asking.answers)).toEqual(new Set(["v1", "v2"]));
  });

  it("go on when the control plane, the agent or the proxy is killed, at every stage", async () => {
    await clock("speed", "60");
    const gate = await startGate();
    writeFileSync(hooksFile, JSON.stringify({ [FUNCTION]: gate.url }));
    const roleArn = await createServiceRole(demo, `${GUARDED}-gate`, {
      service: "ecs.amazonaws.com",
      policy: "service-role/AWSLambdaRole",
    });
    serving = await expectToSurviveKills(demo, {
      service: GUARDED,
      hosts: [GUARDED_HOST, `second.${GUARDED_HOST}`],
      gate,
      hook: { hookTargetArn: FUNCTION, roleArn },
    });
    gate.close();
  });

  it("take a canary back by an alarm, at the cost that its weight explains", async () => {
    const { LoadBalancers: [balancer] = [] } = await elb.send(
      new DescribeLoadBalancersCommand({ Names: ["fileshare"] }),
    );
    await clock("speed", "20");
    await cloudWatch.send(
      new PutMetricAlarmCommand({
        AlarmName: GUARDED,
        Namespace: "AWS/ApplicationELB",
        MetricName: "HTTPCode_Target_5XX_Count",
        Dimensions: [
          { Name: "LoadBalancer", Value: balancer?.LoadBalancerArn?.split(":loadbalancer/").at(-1) },
        ],
        Statistic: "Sum",
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 5,
        ComparisonOperator: "GreaterThanThreshold",
        TreatMissingData: "notBreaching",
      }),
    );
    await eventually(async () => {
      const { MetricAlarms } = await cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: [GUARDED] }));
      expect(MetricAlarms?.[0]?.StateValue).toBe("OK");
    }, 60_000);
    const asking = startAsking(demo, GUARDED_HOST);
    await deploy(FAILING, {
      ...CANARY,
      lifecycleHooks: [],
      alarms: { alarmNames: [GUARDED], enable: true, rollback: true },
    });
    await untilDeploymentEnded(demo, GUARDED, "ROLLBACK_SUCCESSFUL");
    const [settled, after] = [asking.failures.length, asking.answers.length];
    await new Promise((done) => setTimeout(done, 2_000));
    await asking.stop();
    expect(asking.failures.length).toBe(settled);
    expect(versionsOf(asking.answers.slice(after))).toEqual(new Set([serving]));
    expect(asking.failures.filter((failure) => failure.slice(25, 28) !== "500")).toEqual([]);
    const failedAt = asking.failures.map((failure) => Date.parse(failure.slice(0, 24)));
    const [first = 0, last = 0] = [failedAt[0], failedAt.at(-1)];
    const served = asking.answers.filter(({ at }) => at >= first && at <= last).length;
    expectShare(failedAt.length, served + failedAt.length, 0.1);
    const listed = await demo.instance.gantry("deployments", "show", GUARDED, "--json");
    expect((JSON.parse(listed) as DeploymentReport).sentence).toContain(`the alarm "${GUARDED}"`); // Our own output.
  });
});

describe("what is stored", () => {
  it("is measured once a day in a bucket, and in a file system as soon as an agent starts", async () => {
    const stored = await storeBytes(demo);
    // It measures again after 15 minutes of real time, or as another agent.
    await killsOf(demo).agent();
    const { now } = await clock("advance", "1d");
    await clock("speed", "20");
    await expectStored(demo, stored, now);
    await stored.remove();
  });
});

// Attacks: whoever holds a credential that has expired in real time tries it on a platform whose clock was
// moved, and
// one that is valid must not fail. The same in the process, for all ways of moving it: moved-
// clock.unit.test.ts.
describe("credentials beside a moved clock", () => {
  it("expire after their duration in real time", async () => {
    const sts = new STSClient(demo.client());
    const trust = {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { AWS: "000000000000" }, Action: "sts:AssumeRole" }],
    };
    const { Role } = await new IAMClient(demo.client()).send(
      new CreateRoleCommand({ RoleName: SERVICE, AssumeRolePolicyDocument: JSON.stringify(trust) }),
    );
    const { Credentials } = await sts.send(
      new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: SERVICE, DurationSeconds: 900 }),
    );
    const bucket = `s3://rehearsal-${demo.name}`;
    await demo.aws("s3", "mb", bucket);
    const presign = (seconds: number) =>
      demo.aws("s3", "presign", `${bucket}/missing`, "--expires-in", String(seconds));
    const [short, long] = [(await presign(3)).trim(), (await presign(120)).trim()];
    await clock("advance", "2d");
    await clock("reset");
    await new Promise((done) => setTimeout(done, 4_000));
    expect((await fetch(long)).status).toBe(404);
    expect((await fetch(short)).status).toBe(403);
    const session = {
      accessKeyId: Credentials?.AccessKeyId ?? "",
      secretAccessKey: Credentials?.SecretAccessKey ?? "",
      sessionToken: Credentials?.SessionToken ?? "",
    };
    const inSession = new STSClient({ ...demo.client(), credentials: session });
    expect((await inSession.send(new GetCallerIdentityCommand({}))).Arn).toContain(
      `assumed-role/${SERVICE}/`,
    );
    const [container = ""] = await demo.taskContainers();
    expect(await demo.namesAndCredentials(container, { seconds: 1, tries: 1 })).toMatchObject({
      failures: [],
    });
    await demo.aws("s3", "rb", bucket);
  });
});
