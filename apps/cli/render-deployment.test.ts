import { findReport, listDeployments } from "@gantry/control-plane/deployment-reports";
import { deploymentReportController } from "@gantry/controllers";
import { Controller, seededIds, silentLogger } from "@gantry/kernel";
import { newWorld } from "@gantry/testkit";
import { expect, it } from "vitest";
import {
  paintOf,
  renderDeployment,
  renderDeploymentPage,
  renderDeployments,
  renderNews,
} from "./render-deployment.ts";

const MINUTE = 60_000;
const plain = paintOf(false);

type World = ReturnType<typeof newWorld>;

/**
 * A controller of reports that reads 1,000 requests in each minute, a tenth of them to the new version, of which a
 * fifth fail. Target group `newGroup` belongs to the new version.
 */
function reportController({ store, clock }: World, newGroup: "g" | "h"): Controller {
  const values = (key: string, name: string): number | undefined => {
    const isNew = key.includes(`targetgroup/${newGroup}/`);
    if (name === "RequestCount") return isNew ? 100 : 900;
    if (name === "HTTPCode_Target_5XX_Count") return isNew ? 20 : undefined;
    return name === "TargetResponseTime" ? (isNew ? 0.25 : 0.012) : undefined;
  };
  const names = [
    "RequestCount",
    "HTTPCode_Target_5XX_Count",
    "TargetConnectionErrorCount",
    "TargetResponseTime",
  ];
  const controller = new Controller(
    deploymentReportController({
      ...{ store, clock, ids: seededIds(9), log: silentLogger },
      metrics: {
        read: async (reads) =>
          reads.map(({ key, from, until, statistics }) => {
            const value = values(key, names.find((name) => key.includes(name)) ?? "");
            if (value === undefined) return [];
            const at = Array.from({ length: (until - from) / MINUTE }, (_, index) => from + index * MINUTE);
            const column = Float64Array.from(at, () => value);
            return [
              { unit: undefined, timestamps: Float64Array.from(at), values: statistics.map(() => column) },
            ];
          }),
      },
    }),
    { clock, log: silentLogger },
  );
  controller.start();
  return controller;
}

/** A canary whose new version answers one request of five with an error, until an alarm rolls it back. */
async function rolledBackCanary() {
  const world = newWorld();
  const rollout = {
    ...({ strategy: "CANARY", bakeTimeMinutes: 0 } as const),
    canary: { percent: 10, bakeMinutes: 5 },
    linear: undefined,
  };
  const deploymentAlarms = { names: ["errors"], rollback: true };
  world.setAlarm("OK");
  world.createService({ desiredCount: 2, rollout, deploymentAlarms }, { balanced: true, image: "v1" });
  await world.clock.advance(MINUTE);
  const { store, clock } = world;
  const controller = reportController(world, "g");
  world.deploy("v2");
  await clock.advance(2.5 * MINUTE);
  const during = findReport(store, "s", clock.now());
  world.setAlarm("ALARM");
  await clock.advance(3 * MINUTE);
  await controller.stop();
  world.stop();
  return { store, during, after: findReport(store, "s", clock.now()), now: clock.now() };
}

/** Replaces random ids. */
const masked = (text: string) =>
  text.replace(/[0-9a-f]{22}|[0-9a-f]{8}(?:-[0-9a-f]+){4}|d-[0-9A-Z]{9}/g, "ID");

it("reports a canary that an alarm rolls back: weights, fleets, failed requests and the reason", async () => {
  const { during, after, store, now } = await rolledBackCanary();
  if (during === undefined || after === undefined) return expect.fail("There is no report.");
  expect(masked(renderDeployment(during, plain))).toMatchInlineSnapshot(`
    "c/s  CANARY  IN_PROGRESS  PRODUCTION_TRAFFIC_SHIFT  for 02:30
    deployment ID, started 2026-01-01T00:01:00.000Z

      old  v1:1  ██████████████████░░  90 %  2/2 healthy  1800 requests, 0 failed, p50 12 ms, p99 12 ms
      new  v2:1  ██░░░░░░░░░░░░░░░░░░  10 %  2/2 healthy  200 requests, 40 (20 %) failed, p50 250 ms, p99 250 ms

      AT      NEW VERSION'S WEIGHT        OLD REQ  ERRORS  P50    P99    NEW REQ  ERRORS     P50     P99
      +01:00  ██░░░░░░░░░░░░░░░░░░  10 %  900      0       12 ms  12 ms  100      20 (20 %)  250 ms  250 ms
      +02:00  ██░░░░░░░░░░░░░░░░░░  10 %  900      0       12 ms  12 ms  100      20 (20 %)  250 ms  250 ms

    Timeline
      +00:00  status    IN_PROGRESS
      +00:00  stage     PRE_SCALE_UP
      +00:00  health    old 2 of 2, new 0 of 0 healthy (2 wanted)
      +00:00  alarm     "errors" is OK
      +00:00  stage     SCALE_UP
      +00:00  health    old 2 of 2, new 0 of 1 healthy (2 wanted)
      +00:00  health    old 2 of 2, new 0 of 2 healthy (2 wanted)
      +00:00  stage     POST_SCALE_UP
      +00:00  health    old 2 of 2, new 2 of 2 healthy (2 wanted)
      +00:00  stage     TEST_TRAFFIC_SHIFT
      +00:00  weights   ░░░░░░░░░░░░░░░░░░░░   0 % of production, 100 % of test traffic to the new version
      +00:00  stage     POST_TEST_TRAFFIC_SHIFT
      +00:00  stage     PRODUCTION_TRAFFIC_SHIFT
      +00:00  weights   ██░░░░░░░░░░░░░░░░░░  10 % of production, 100 % of test traffic to the new version
    "
  `);
  expect(masked(renderDeployment(after, plain))).toMatchInlineSnapshot(`
    "c/s  CANARY  ROLLBACK_SUCCESSFUL  took 02:30
    deployment ID, started 2026-01-01T00:01:00.000Z
    Rolled back at 10 % of the traffic in PRODUCTION_TRAFFIC_SHIFT: the alarm "errors" went into ALARM; 60 of the 300 requests to the new version failed.

      old  v1:1  ████████████████████ 100 %  2/2 healthy  2700 requests, 0 failed, p50 12 ms, p99 12 ms
      new  v2:1  ░░░░░░░░░░░░░░░░░░░░   0 %  0/2 healthy  300 requests, 60 (20 %) failed, p50 250 ms, p99 250 ms

      AT      NEW VERSION'S WEIGHT        OLD REQ  ERRORS  P50    P99    NEW REQ  ERRORS     P50     P99
      +01:00  ██░░░░░░░░░░░░░░░░░░  10 %  900      0       12 ms  12 ms  100      20 (20 %)  250 ms  250 ms
      +02:00  ██░░░░░░░░░░░░░░░░░░  10 %  900      0       12 ms  12 ms  100      20 (20 %)  250 ms  250 ms
      +03:00  ░░░░░░░░░░░░░░░░░░░░   0 %  900      0       12 ms  12 ms  100      20 (20 %)  250 ms  250 ms

    Timeline
      +00:00  status    IN_PROGRESS
      +00:00  stage     PRE_SCALE_UP
      +00:00  health    old 2 of 2, new 0 of 0 healthy (2 wanted)
      +00:00  alarm     "errors" is OK
      +00:00  stage     SCALE_UP
      +00:00  health    old 2 of 2, new 0 of 1 healthy (2 wanted)
      +00:00  health    old 2 of 2, new 0 of 2 healthy (2 wanted)
      +00:00  stage     POST_SCALE_UP
      +00:00  health    old 2 of 2, new 2 of 2 healthy (2 wanted)
      +00:00  stage     TEST_TRAFFIC_SHIFT
      +00:00  weights   ░░░░░░░░░░░░░░░░░░░░   0 % of production, 100 % of test traffic to the new version
      +00:00  stage     POST_TEST_TRAFFIC_SHIFT
      +00:00  stage     PRODUCTION_TRAFFIC_SHIFT
      +00:00  weights   ██░░░░░░░░░░░░░░░░░░  10 % of production, 100 % of test traffic to the new version
      +02:30  status    ROLLBACK_IN_PROGRESS: ECS deployment failed: alarm(s) detected.
      +02:30  weights   ░░░░░░░░░░░░░░░░░░░░   0 % of production, 0 % of test traffic to the new version
      +02:30  alarm     "errors" is ALARM
      +02:30  health    old 2 of 2, new 0 of 0 healthy (2 wanted)
      +02:30  status    ROLLBACK_SUCCESSFUL: ECS deployment failed: alarm(s) detected.
    "
  `);
  expect(after.sentence).toBe(
    'Rolled back at 10 % of the traffic in PRODUCTION_TRAFFIC_SHIFT: the alarm "errors" went into ' +
      "ALARM; 60 of the 300 requests to the new version failed.",
  );
  // Output to a pipe contains each line once.
  const lines = [renderNews(during, undefined, plain), renderNews(after, during, plain)].join("").split("\n");
  expect(lines.toSorted()).toEqual(renderNews(after, undefined, plain).split("\n").toSorted());
  expect(masked(renderDeployments(listDeployments(store), now))).toMatchInlineSnapshot(`
    "DEPLOYMENT              SERVICE  STRATEGY  STATUS               STAGE  NEW    STARTED  REASON
    ID  c/s      CANARY    ROLLBACK_SUCCESSFUL         0 %    5m ago   ECS deployment failed: alarm(s) detected.
    ID  c/s      CANARY    SUCCESSFUL                  100 %  6m ago
    "
  `);
  expect(renderDeployment(after, paintOf(true))).toContain("\u001B[31mROLLBACK_SUCCESSFUL");
});

it("reports a deployment of CodeDeploy that an alarm rolls back: events, hooks, weights and the reason", async () => {
  const world = newWorld();
  const { store, clock } = world;
  world.codeDeploy.createService({ desiredCount: 2 });
  world.setAlarm("OK");
  await clock.advance(MINUTE);
  const controller = reportController(world, "h");
  const routing = { type: "TimeBasedCanary", percent: 10, minutes: 5 } as const;
  world.codeDeploy.deploy("v2", { routing, hooks: { BeforeInstall: "arn:function:check" } });
  await clock.advance(10_000);
  expect(findReport(store, "s", clock.now())).toMatchObject({
    ...{ status: "InProgress", stage: "BeforeInstall", strategy: "CODE_DEPLOY", hasSucceeded: false },
  });
  world.codeDeploy.answer("Succeeded");
  await clock.advance(2.5 * MINUTE);
  world.setAlarm("ALARM");
  await clock.advance(3 * MINUTE);
  await controller.stop();
  world.stop();
  const [back, ended] = world.codeDeploy.deployments();
  const report = findReport(store, ended?.id ?? "", clock.now());
  if (report === undefined) return expect.fail("There is no report.");
  expect(masked(renderDeployment(report, plain))).toMatchInlineSnapshot(`
    "c/s  CODE_DEPLOY  Stopped  took 02:40
    deployment ID, started 2026-01-01T00:01:00.000Z
    Rolled back at 10 % of the traffic in AllowTraffic: the alarm "errors" went into ALARM; 60 of the 300 requests to the new version failed.

      old  v1:1  ████████████████████ 100 %  2/2 healthy  2700 requests, 0 failed, p50 12 ms, p99 12 ms
      new  v2:1  ░░░░░░░░░░░░░░░░░░░░   0 %  0/2 healthy  300 requests, 60 (20 %) failed, p50 250 ms, p99 250 ms

      AT      NEW VERSION'S WEIGHT        OLD REQ  ERRORS  P50    P99    NEW REQ  ERRORS     P50     P99
      +01:00  ██░░░░░░░░░░░░░░░░░░  10 %  900      0       12 ms  12 ms  100      20 (20 %)  250 ms  250 ms
      +02:00  ██░░░░░░░░░░░░░░░░░░  10 %  900      0       12 ms  12 ms  100      20 (20 %)  250 ms  250 ms
      +03:00  ░░░░░░░░░░░░░░░░░░░░   0 %  900      0       12 ms  12 ms  100      20 (20 %)  250 ms  250 ms

    Timeline
      +00:00  status    Created
      +00:00  status    InProgress
      +00:00  health    old 2 of 2, new 0 of 0 healthy (2 wanted)
      +00:00  alarm     "errors" is OK
      +00:00  stage     BeforeInstall
      +00:00  hook      BeforeInstall IN_PROGRESS (ID)
      +00:10  hook      BeforeInstall SUCCEEDED (ID)
      +00:10  stage     Install
      +00:10  health    old 2 of 2, new 0 of 1 healthy (2 wanted)
      +00:10  health    old 2 of 2, new 0 of 2 healthy (2 wanted)
      +00:10  health    old 2 of 2, new 2 of 2 healthy (2 wanted)
      +00:10  stage     AfterInstall
      +00:10  stage     AllowTestTraffic
      +00:10  weights   ░░░░░░░░░░░░░░░░░░░░   0 % of production, 100 % of test traffic to the new version
      +00:10  stage     AfterAllowTestTraffic
      +00:10  stage     BeforeAllowTraffic
      +00:10  stage     AllowTraffic
      +00:10  weights   ██░░░░░░░░░░░░░░░░░░  10 % of production, 100 % of test traffic to the new version
      +02:40  status    Stopped: One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the affected deployments have been stopped. Activated alarms: <errors>
      +02:40  weights   ░░░░░░░░░░░░░░░░░░░░   0 % of production, 0 % of test traffic to the new version
      +02:40  alarm     "errors" is ALARM
      +03:02  health    old 2 of 2, new 0 of 0 healthy (2 wanted)
    "
  `);
  expect(findReport(store, back?.id ?? "", clock.now())).toMatchObject({
    ...{ status: "Succeeded", reason: `Rollback of ${ended?.id}`, hasSucceeded: true, sentence: undefined },
  });
  expect(masked(renderDeployments(listDeployments(store), clock.now()))).toMatchInlineSnapshot(`
    "DEPLOYMENT   SERVICE  STRATEGY     STATUS     STAGE  NEW  STARTED  REASON
    ID  c/s      CODE_DEPLOY  Succeeded         0 %  3m ago   Rollback of ID
    ID  c/s      CODE_DEPLOY  Stopped           0 %  5m ago   One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the affected deployments have been stopped. Activated alarms: <errors>
    "
  `);
});

it("fits a terminal: the newest intervals and events, and no line that is wider", async () => {
  const { during } = await rolledBackCanary();
  if (during === undefined) return expect.fail("There is no report.");
  const [first] = during.intervals;
  const long = { ...during, intervals: Array.from({ length: 40 }, () => first ?? expect.fail()) };
  const page = renderDeploymentPage(long, paintOf(true), { rows: 24, columns: 80 });
  const lines = page.split("\n");
  expect(lines.length).toBeLessThanOrEqual(24);
  const visible = lines.map((line) => line.replaceAll(/\u001B\[\d*m/g, ""));
  expect(Math.max(...visible.map((line) => [...line].length))).toBe(80);
  expect(visible.filter((line) => line.includes("earlier"))).toEqual(["  … 34 earlier", "  … 8 earlier"]);
  expect(visible.at(-2)).toContain("██░░░░░░░░░░░░░░░░░░  10 % of production");
  // A terminal that is high enough shows all.
  expect(renderDeploymentPage(during, plain, { rows: 60, columns: 200 })).toBe(
    renderDeployment(during, plain),
  );
});

it("finds a deployment by its id, a prefix of its id, or its service", async () => {
  const { store, after, now } = await rolledBackCanary();
  const id = after?.id ?? "";
  for (const word of [id, id.slice(0, 8), "s", `${after?.cluster}/s`, after?.arn ?? ""])
    expect(findReport(store, word, now)?.id).toBe(id);
  expect(findReport(store, "nobody", now)).toBeUndefined();
});
