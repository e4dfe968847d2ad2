import {
  ContinueServiceDeploymentCommand,
  ECSClient,
  StopServiceDeploymentCommand,
  UpdateServiceCommand,
  type DeploymentConfiguration,
} from "@aws-sdk/client-ecs";
import {
  DescribeRulesCommand,
  ElasticLoadBalancingV2Client,
  ModifyRuleCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { openDemo } from "./demo.ts";
import { eventually, get } from "./helpers.ts";
import { killsOf } from "./kills-of.ts";
import { createStagedService, newestDeploymentOf, untilDeploymentEnded } from "./staged-service.ts";
import { expectShare, PER_SECOND_MIN, registerVersion, startAsking, versionsOf } from "./versions.ts";

const demo = openDemo(inject("demo"));
const { instance, url, client } = demo;
const HOST = "deployments.example.org";
const SERVICE = "deployments";
const ecs = new ECSClient(client());
const elb = new ElasticLoadBalancingV2Client(client());
let setUp: Awaited<ReturnType<typeof createStagedService>> | undefined;

beforeAll(async () => {
  setUp = await createStagedService(demo, { name: SERVICE, host: HOST, pairs: 2 });
});

afterAll(() => setUp?.remove());

const update = (taskDefinition: string, deploymentConfiguration?: DeploymentConfiguration) =>
  ecs.send(
    new UpdateServiceCommand({
      cluster: "fileshare",
      service: SERVICE,
      taskDefinition,
      deploymentConfiguration,
    }),
  );
const newestDeployment = () => newestDeploymentOf(demo, SERVICE);
/** The versions that answer at the second of the service's load balancers. */
const askSecond = async () => {
  const headers = { host: `second.${HOST}` };
  const answers = Array.from({ length: 60 }, () => get(url, { path: "/", headers }));
  return new Set((await Promise.all(answers)).map(({ body }) => body.trim()));
};
const untilEnded = (status: string) => untilDeploymentEnded(demo, SERVICE, status);

it("moves from one version to the next without a failed request, also while the control plane is killed", async () => {
  const asking = startAsking(demo, HOST);
  await update(await registerVersion(demo, SERVICE, "v2"));
  const kills = ["SCALE_UP", "CLEAN_UP"];
  for (const stage of kills) {
    await eventually(async () => {
      const deployment = await newestDeployment();
      expect(deployment?.lifecycleStage === stage || deployment?.status === "SUCCESSFUL").toBe(true);
    }, 90_000);
    process.kill((await instance.status()).controlPlane.pid, "SIGKILL");
    await instance.up("up");
  }
  await untilEnded("SUCCESSFUL");
  const from = asking.answers.length;
  await new Promise((done) => setTimeout(done, 1_000));
  const { perSecond } = await asking.stop();
  expect(asking.failures, asking.failures.slice(0, 5).join("\n")).toEqual([]);
  expect(perSecond).toBeGreaterThanOrEqual(PER_SECOND_MIN);
  expect(versionsOf(asking.answers)).toEqual(new Set(["v1", "v2"]));
  expect(versionsOf(asking.answers.slice(from))).toEqual(new Set(["v2"]));
  const { Rules } = await elb.send(new DescribeRulesCommand({ RuleArns: [...(setUp?.rules ?? [])] }));
  expect(Rules).toHaveLength(4);
  for (const rule of Rules ?? [])
    expect(rule.Actions?.[0]?.ForwardConfig?.TargetGroups?.map(({ Weight }) => Weight).toSorted()).toEqual([
      0, 100,
    ]);
  expect(await askSecond()).toEqual(new Set(["v2"]));
});

const productionAction = async () => {
  const { Rules } = await elb.send(new DescribeRulesCommand({ RuleArns: [setUp?.rules[0] ?? ""] }));
  return Rules?.[0]?.Actions?.[0]?.ForwardConfig;
};
const productionWeights = async () =>
  (await productionAction())?.TargetGroups?.map(({ Weight }) => Weight).toSorted((a = 0, b = 0) => a - b);
const untilWeights = (...weights: readonly number[]) =>
  eventually(async () => expect(await productionWeights()).toEqual(weights), 30_000);
const STICKINESS = { Enabled: true, DurationSeconds: 600 };

/** Clients that keep the cookie of target group stickiness which they got from a version. */
const cookies = new Map<string, string>();
async function askWith(cookie?: string): Promise<string> {
  const headers = { host: HOST, ...(cookie === undefined ? {} : { cookie: `AWSALBTG=${cookie}` }) };
  const answer = await get(url, { path: "/", headers });
  const version = answer.body.trim();
  const set = /AWSALBTG=([^;]+)/.exec(String(answer.headers["set-cookie"]))?.[1];
  if (set !== undefined) cookies.set(version, set);
  return version;
}
const askManyWith = async (cookie: string | undefined) =>
  new Set(await Promise.all(Array.from({ length: 30 }, () => askWith(cookie))));

it("gives a canary its share, keeps clients by cookie, and returns all traffic when it is stopped", async () => {
  const before = await productionAction();
  const ForwardConfig = { ...before, TargetGroupStickinessConfig: STICKINESS };
  await elb.send(
    new ModifyRuleCommand({ RuleArn: setUp?.rules[0], Actions: [{ Type: "forward", ForwardConfig }] }),
  );
  const asking = startAsking(demo, HOST);
  await update(await registerVersion(demo, SERVICE, "v3"), {
    strategy: "CANARY",
    canaryConfiguration: { canaryPercent: 20, canaryBakeTimeInMinutes: 10 },
  });
  const deployment = await eventually(async () => {
    const newest = await newestDeployment();
    expect(newest?.targetServiceRevision?.requestedProductionTrafficWeight).toBe(20);
    return newest;
  }, 90_000);
  await eventually(async () => {
    const tested = await get(url, { path: "/", headers: { host: HOST, "x-test": "yes" } });
    expect(tested.body.trim()).toBe("v3");
  });
  // The proxy has taken the weights over once the first answers of the canary are there.
  await eventually(async () => expect(versionsOf(asking.answers)).toContain("v3"));
  await new Promise((done) => setTimeout(done, 1_000));
  const from = asking.answers.length;
  await new Promise((done) => setTimeout(done, 5_000));
  const measured = asking.answers.slice(from);
  expectShare(measured.filter(({ version }) => version === "v3").length, measured.length, 0.2);
  expect(await askSecond()).toEqual(new Set(["v2", "v3"]));
  // A client with a cookie stays with its version, whatever the weights are, as long as they are not zero.
  await eventually(async () => {
    await askManyWith(undefined);
    expect([...cookies.keys()].toSorted()).toEqual(["v2", "v3"]);
  });
  for (const version of ["v2", "v3"])
    expect(await askManyWith(cookies.get(version))).toEqual(new Set([version]));
  expect((await productionAction())?.TargetGroupStickinessConfig).toEqual(STICKINESS);
  const serviceDeploymentArn = deployment?.serviceDeploymentArn;
  await ecs.send(new StopServiceDeploymentCommand({ serviceDeploymentArn }));
  await untilEnded("ROLLBACK_SUCCESSFUL");
  expect(await askManyWith(cookies.get("v3"))).toEqual(new Set(["v2"]));
  expect(await askSecond()).toEqual(new Set(["v2"]));
  expect((await productionAction())?.TargetGroupStickinessConfig).toEqual(STICKINESS);
  const after = asking.answers.length;
  await new Promise((done) => setTimeout(done, 1_000));
  expect((await asking.stop()).perSecond).toBeGreaterThanOrEqual(PER_SECOND_MIN);
  expect(asking.failures, asking.failures.slice(0, 5).join("\n")).toEqual([]);
  expect(versionsOf(asking.answers.slice(after))).toEqual(new Set(["v2"]));
});

it("sends no request to an unhealthy version, and rolls its deployment back", async () => {
  const asking = startAsking(demo, HOST);
  await update(await registerVersion(demo, SERVICE, "v4", 9_999), {
    strategy: "BLUE_GREEN",
    bakeTimeInMinutes: 0,
  });
  await untilEnded("ROLLBACK_SUCCESSFUL");
  expect((await asking.stop()).perSecond).toBeGreaterThanOrEqual(PER_SECOND_MIN);
  expect((await newestDeployment())?.deploymentCircuitBreaker?.status).toBe("TRIGGERED");
  expect(asking.failures, asking.failures.slice(0, 5).join("\n")).toEqual([]);
  expect(versionsOf(asking.answers)).toEqual(new Set(["v2"]));
});

/** The proxy is back within two seconds; other work on the machine multiplies that. */
const PROXY_AWAY_MS = 15_000;

/** Waits for a stage's hook to pause the deployment, kills processes, and decides the hook at once. */
async function killAt(stage: string, kill: () => Promise<void>, action: "CONTINUE" | "ROLLBACK") {
  const { serviceDeploymentArn, hookId } = await eventually(async () => {
    const deployment = await newestDeployment();
    const hook = deployment?.lifecycleHookDetails?.find(
      (each) => each.status === "AWAITING_ACTION" && deployment.lifecycleStage === stage,
    );
    expect(hook).toBeDefined();
    return { serviceDeploymentArn: deployment?.serviceDeploymentArn, hookId: hook?.hookId };
  }, 90_000);
  await kill();
  await eventually(() =>
    ecs.send(new ContinueServiceDeploymentCommand({ serviceDeploymentArn, hookId, action })),
  );
}

it("is rolled back by a hook that pauses it, though each process is killed while traffic is split", async () => {
  const kills = killsOf(demo);
  const asking = startAsking(demo, [HOST, `second.${HOST}`]);
  // The hook pauses before each step: before the first, and while traffic is split.
  await update(await registerVersion(demo, SERVICE, "v5"), {
    strategy: "CANARY",
    canaryConfiguration: { canaryPercent: 20, canaryBakeTimeInMinutes: 0 },
    bakeTimeInMinutes: 0,
    lifecycleHooks: [{ targetType: "PAUSE", lifecycleStages: ["PRE_PRODUCTION_TRAFFIC_SHIFT"] }],
  });
  await killAt("PRODUCTION_TRAFFIC_SHIFT", async () => {}, "CONTINUE");
  await untilWeights(20, 80);
  const proxyKilledAt = Date.now();
  const allThree = async () => {
    await kills.proxy();
    await kills.agent();
    await kills.controlPlane();
    expect(await productionWeights()).toEqual([20, 80]);
  };
  await killAt("PRODUCTION_TRAFFIC_SHIFT", allThree, "ROLLBACK");
  await untilEnded("ROLLBACK_SUCCESSFUL");
  const from = asking.answers.length;
  await new Promise((done) => setTimeout(done, 1_000));
  await asking.stop();
  // Clients lose their connections with the proxy alone.
  const unexplained = asking.failures.filter((failure) => {
    const at = Date.parse(failure.slice(0, 24));
    return at < proxyKilledAt || at > proxyKilledAt + PROXY_AWAY_MS;
  });
  expect(unexplained, unexplained.slice(0, 5).join("\n")).toEqual([]);
  expect(versionsOf(asking.answers)).toEqual(new Set(["v2", "v5"]));
  expect(versionsOf(asking.answers.slice(from))).toEqual(new Set(["v2"]));
  expect(await askSecond()).toEqual(new Set(["v2"]));
});

it("rolls with both of its target groups, also while the agent and the control plane are killed", async () => {
  const kills = killsOf(demo);
  const hosts = [HOST, `second.${HOST}`];
  const [before = ""] = await askSecond();
  const asking = startAsking(demo, hosts);
  await update(await registerVersion(demo, SERVICE, "rolled"), { strategy: "ROLLING", lifecycleHooks: [] });
  const newVersionBy = (host: string) =>
    asking.answers.some((answer) => answer.host === host && answer.version === "rolled");
  await kills.agent();
  await eventually(async () => expect(hosts.some(newVersionBy)).toBe(true), 90_000);
  await kills.controlPlane();
  await untilEnded("SUCCESSFUL");
  const from = asking.answers.length;
  await new Promise((done) => setTimeout(done, 1_000));
  expect((await asking.stop()).perSecond).toBeGreaterThanOrEqual(PER_SECOND_MIN);
  expect(asking.failures, asking.failures.slice(0, 5).join("\n")).toEqual([]);
  for (const host of hosts) {
    const answers = asking.answers.filter((answer) => answer.host === host);
    expect(versionsOf(answers)).toEqual(new Set([before, "rolled"]));
  }
  expect(versionsOf(asking.answers.slice(from))).toEqual(new Set(["rolled"]));
});
