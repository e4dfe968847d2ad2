import type { BatchNumber, MetricPoint } from "@gantry/content";
import { VirtualClock } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import { expect, it } from "vitest";
import { minuteMetricsController } from "./minute-metrics.ts";

const START = Date.UTC(2026, 0, 1);
const clusterArn = "arn:aws:ecs:r:0:cluster/main";
const serviceArn = "arn:aws:ecs:r:0:service/main/web";

/** A cluster with a service of three tasks, of which one is pending and one has stopped. */
const storeWith = (insights: string): Reader =>
  ({
    list: (kind: string) =>
      kind === "cluster"
        ? [
            {
              arn: clusterArn,
              name: "main",
              account: "0",
              region: "r",
              status: "ACTIVE",
              settings: [{ name: "containerInsights", value: insights }],
            },
          ]
        : [],
    listBy: (kind: string) => {
      if (kind === "task")
        return ["RUNNING", "PENDING", "STOPPED"].map((lastStatus) => ({ lastStatus, serviceArn }));
      if (kind === "service")
        return [{ arn: serviceArn, name: "web", status: "ACTIVE", spec: { desiredCount: 3 } }];
      return [{}];
    },
  }) as unknown as Reader; // Only these fields are read.

function newWorld(insights: string) {
  const clock = new VirtualClock(START + 30_000);
  const added: (readonly [readonly MetricPoint[], BatchNumber])[] = [];
  const controller = minuteMetricsController({
    store: storeWith(insights),
    clock,
    add: async (points, batch) => added.push([points, batch]) > 0,
  });
  return { clock, added, controller };
}

it("counts tasks and services of clusters with Container Insights", async () => {
  const { added, controller } = newWorld("enabled");
  await controller.reconcile("minute");
  const [points = []] = added[0] ?? [];
  expect(
    points.map(({ metric, at, sample }) => [
      metric.name,
      ...Object.values(metric.dimensions),
      at - START,
      sample.sum,
    ]),
  ).toEqual([
    ["TaskCount", "main", -60_000, 1],
    ["ServiceCount", "main", -60_000, 1],
    ["DesiredTaskCount", "main", "web", -60_000, 3],
    ["RunningTaskCount", "main", "web", -60_000, 1],
    ["PendingTaskCount", "main", "web", -60_000, 1],
    ["DeploymentCount", "main", "web", -60_000, 1],
    ["TaskSetCount", "main", "web", -60_000, 1],
  ]);
  const off = newWorld("disabled");
  await off.controller.reconcile("minute");
  expect(off.added[0]?.[0]).toEqual([]);
});

it("publishes soon after each minute, under the number of the minute", async () => {
  const { clock, added, controller } = newWorld("disabled");
  expect(await controller.reconcile("minute")).toBe(30_200);
  await clock.advance(30_200);
  expect(await controller.reconcile("minute")).toBe(60_000);
  expect(added.map(([, batch]) => batch.sequence - START / 60_000)).toEqual([0, 1]);
});
