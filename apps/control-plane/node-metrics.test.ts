import type { UsageSample } from "@gantry/agent-protocol";
import type { Reader, TaskDefinitionRecord, TaskRecord } from "@gantry/state";
import { expect, it } from "vitest";
import { serviceMetrics } from "./node-metrics.ts";

const arn = (path: string) => `arn:aws:ecs:r:0:${path}`;
const MINUTE = 60_000;

/** Tasks by id: the service, and the CPU units that the task definition reserves beside 512 MiB. */
function storeOf(tasks: Readonly<Record<string, { service: string | undefined; cpu: number }>>): Reader {
  return {
    listBy: (_kind: string, _index: string, id: string) => {
      const task = tasks[id];
      if (task === undefined) return [];
      const record = {
        arn: arn(`task/main/${id}`),
        account: "0",
        region: "r",
        clusterArn: arn("cluster/main"),
        serviceArn: task.service && arn(`service/main/${task.service}`),
        taskDefinitionArn: String(task.cpu),
        overrides: {},
      };
      return [record as unknown as TaskRecord]; // What is read of one.
    },
    get: (_kind: string, cpu: string) =>
      ({ spec: { cpu: Number(cpu), memoryMiB: 512, containers: [] } }) as unknown as TaskDefinitionRecord, // As above.
  } as unknown as Reader; // As above.
}

const sample = (id: string, from: number, cpuSeconds: number, memoryMiB = 128): UsageSample => ({
  pod: `pod/${id}`,
  from,
  until: from + 20_000,
  cpuSeconds,
  memoryBytes: memoryMiB * 1024 * 1024,
});
const metricsOf = (store: Reader, usage: readonly UsageSample[]) =>
  serviceMetrics(store, { type: "metrics", session: "s", sequence: 1, usage }).map((point) => ({
    name: point.metric.name,
    service: point.metric.dimensions["ServiceName"],
    at: point.at,
    count: point.sample.count,
    average: point.sample.sum / point.sample.count,
    max: point.sample.max,
  }));

it("is the used share of what the service's tasks reserve, by minute", () => {
  const store = storeOf({ a: { service: "web", cpu: 256 }, b: { service: "web", cpu: 256 } });
  // A quarter of a core is 5 seconds of 20.
  const usage = [sample("a", 0, 5), sample("b", 0, 2.5), sample("a", MINUTE, 10, 512)];
  expect(metricsOf(store, usage)).toEqual([
    { name: "CPUUtilization", service: "web", at: 0, count: 2, average: 75, max: 100 },
    { name: "MemoryUtilization", service: "web", at: 0, count: 2, average: 25, max: 25 },
    { name: "CPUUtilization", service: "web", at: MINUTE, count: 1, average: 200, max: 200 },
    { name: "MemoryUtilization", service: "web", at: MINUTE, count: 1, average: 100, max: 100 },
  ]);
});

it("weighs tasks by what they reserve, as the sum of use over the sum of reservations does", () => {
  const store = storeOf({ a: { service: "web", cpu: 256 }, b: { service: "web", cpu: 768 } });
  const [cpu] = metricsOf(store, [sample("a", 0, 5), sample("b", 0, 0)]);
  expect(cpu).toMatchObject({ average: 25, max: 100 });
});

it("has nothing of tasks without a service, of databases and of pods that nobody knows", () => {
  const store = storeOf({ alone: { service: undefined, cpu: 256 } });
  const other = { ...sample("x", 0, 1), pod: "database/db" };
  expect(metricsOf(store, [sample("alone", 0, 5), sample("unknown", 0, 5), other])).toEqual([]);
});
