import type { UsageSample } from "@gantry/agent-protocol";
import type { DatabaseInstanceRecord, Reader } from "@gantry/state";
import { describe, expect, it } from "vitest";
import { usageMetrics } from "./node-metrics.ts";

const arn = (path: string) => `arn:aws:ecs:r:0:${path}`;
const MIB = 1024 * 1024;

interface World {
  readonly tasks?: Readonly<Record<string, { service: string | undefined; cpu: number }>>;
  readonly insights?: string;
  readonly fineMetrics?: readonly string[];
  readonly databases?: readonly Partial<DatabaseInstanceRecord>[];
}

/** Tasks by id: the service, and the CPU units that the task definition reserves in addition to 512 MiB. */
function storeOf({ tasks = {}, insights = "disabled", fineMetrics, databases = [] }: World): Reader {
  const records: Record<string, (key: string) => object> = {
    taskDefinition: (cpu) => ({ family: "web", spec: { cpu: Number(cpu), memoryMiB: 512, containers: [] } }),
    cluster: () => ({ settings: [{ name: "containerInsights", value: insights }] }),
    service: () => ({ spec: { fineMetrics } }),
  };
  return {
    listBy: (_kind: string, _index: string, id: string) => {
      const task = tasks[id];
      if (task === undefined) return [];
      return [
        {
          arn: arn(`task/main/${id}`),
          account: "0",
          region: "r",
          clusterArn: arn("cluster/main"),
          serviceArn: task.service && arn(`service/main/${task.service}`),
          taskDefinitionArn: String(task.cpu),
          overrides: {},
        },
      ];
    },
    list: () => databases,
    get: (kind: string, key: string) => records[kind]?.(key),
  } as unknown as Reader; // Only these fields are read.
}

const sample = (
  id: string,
  from: number,
  cpuSeconds: number,
  more: Partial<UsageSample> = {},
): UsageSample => ({
  pod: `pod/${id}`,
  from,
  until: from + 20_000,
  cpuSeconds,
  memoryBytes: 128 * MIB,
  ...more,
});

/** The metrics by name and dimensions, each with its values. */
function metricsOf(store: Reader, usage: readonly UsageSample[], namespace = "AWS/ECS") {
  const points = usageMetrics(store, { type: "metrics", session: "s", sequence: 1, usage });
  return points
    .filter(({ metric }) => metric.namespace === namespace)
    .map(({ metric, at, highResolution, sample: { count, sum, max } }) => ({
      name: [metric.name, ...Object.values(metric.dimensions)].join(" "),
      at,
      highResolution,
      count,
      average: sum / count,
      max,
    }));
}
const byName = (points: ReturnType<typeof metricsOf>) =>
  // Weights of one third are not exact.
  Object.fromEntries(points.map(({ name, average }) => [name, Math.round(average * 1e6) / 1e6]));

describe("AWS/ECS", () => {
  it("is the used share of what the tasks of a service, and of its cluster, reserve", () => {
    const store = storeOf({
      tasks: {
        a: { service: "web", cpu: 256 },
        b: { service: "web", cpu: 256 },
        c: { service: undefined, cpu: 256 },
      },
    });
    // A quarter of a core is 5 seconds of 20.
    const usage = [sample("a", 0, 5), sample("b", 0, 2.5), sample("c", 0, 0, { memoryBytes: 512 * MIB })];
    const common = { at: 0, highResolution: false };
    expect(metricsOf(store, usage)).toEqual([
      { name: "CPUUtilization main", ...common, count: 3, average: 50, max: 100 },
      { name: "MemoryUtilization main", ...common, count: 3, average: 50, max: 100 },
      { name: "CPUUtilization main web", ...common, count: 2, average: 75, max: 100 },
      { name: "MemoryUtilization main web", ...common, count: 2, average: 25, max: 25 },
    ]);
  });

  it("weighs tasks by what they reserve, as the sum of use over the sum of reservations does", () => {
    const store = storeOf({ tasks: { a: { service: "web", cpu: 256 }, b: { service: "web", cpu: 768 } } });
    expect(byName(metricsOf(store, [sample("a", 0, 5), sample("b", 0, 0)]))["CPUUtilization main web"]).toBe(
      25,
    );
  });

  it("keeps by 20 seconds what the service's monitoring asks for", () => {
    const store = storeOf({ tasks: { a: { service: "web", cpu: 256 } }, fineMetrics: ["CPUUtilization"] });
    const points = metricsOf(store, [sample("a", 0, 5), sample("a", 20_000 - 3, 2.5)]);
    expect(
      points
        .filter(({ highResolution }) => highResolution)
        .map(({ name, at, average }) => [name, at, average]),
    ).toEqual([
      ["CPUUtilization main web", 0, 100],
      ["CPUUtilization main web", 20_000, 50],
    ]);
  });

  it("has nothing of databases and of pods that nobody knows", () => {
    const other = { ...sample("x", 0, 1), pod: "database/db" };
    expect(metricsOf(storeOf({}), [sample("unknown", 0, 5), other])).toEqual([]);
  });
});

describe("ECS/ContainerInsights", () => {
  const tasks = { a: { service: "web", cpu: 256 }, b: { service: "web", cpu: 256 } };
  const counters = { rxBytes: 2_000, txBytes: 4_000, readBytes: 10, writeBytes: 30 };
  const usage = [sample("a", 0, 5, counters), sample("b", 0, 0, counters), sample("a", 20_000, 5, counters)];
  const namespace = "ECS/ContainerInsights";

  it("has nothing of a cluster that does not ask for it", () => {
    expect(metricsOf(storeOf({ tasks }), usage, namespace)).toEqual([]);
  });

  it("is what tasks use and reserve, by cluster, family and service", () => {
    const points = metricsOf(storeOf({ tasks, insights: "enabled" }), usage.slice(0, 2), namespace);
    expect(byName(points)).toMatchObject({
      "CpuUtilized main": 128,
      "CpuReserved main web": 256,
      "MemoryUtilized main": 128,
      "MemoryReserved main": 512,
      "EphemeralStorageReserved main": 20,
      "NetworkRxBytes main": 100,
      "NetworkTxBytes main web": 200,
      "StorageReadBytes main": 10,
      "StorageWriteBytes main": 30,
    });
    expect(points.some(({ name }) => name.endsWith(" a"))).toBe(false);
  });

  it("counts each task once a minute: its three samples weigh a third each", () => {
    const all = [0, 20_000, 40_000].flatMap((from) => [
      sample("a", from, 5, counters),
      sample("b", from, 0, counters),
    ]);
    const points = metricsOf(storeOf({ tasks, insights: "enabled" }), all, namespace).filter(
      ({ name }) => name === "CpuUtilized main",
    );
    expect(points.reduce((sum, { count }) => sum + count, 0)).toBeCloseTo(2, 9);
    expect(points.reduce((sum, { count, average }) => sum + count * average, 0)).toBeCloseTo(256, 9);
  });

  it("is by task too with enhanced observability", () => {
    expect(byName(metricsOf(storeOf({ tasks, insights: "enhanced" }), usage, namespace))).toMatchObject({
      "CpuUtilized main web a": 256,
      "TaskCpuUtilization main web a": 100,
      "TaskCpuUtilization main web b": 0,
      "TaskMemoryUtilization main web a": 25,
    });
  });
});

it("has AWS/RDS metrics of the databases that the records know", () => {
  const store = storeOf({
    databases: [
      {
        resourceId: "db-A",
        account: "0",
        region: "r",
        identifier: "orders",
        instanceClass: "db.t3.micro",
        allocatedStorageGiB: 20,
      },
    ],
  });
  const usage = [
    sample("db-A", 0, 4, { connections: 3, storedBytes: 1024 ** 3, rxBytes: 40 }),
    sample("db-B", 0, 1),
  ];
  expect(byName(metricsOf(store, usage, "AWS/RDS"))).toEqual({
    "CPUUtilization orders": 10,
    "DatabaseConnections orders": 3,
    "FreeStorageSpace orders": 19 * 1024 ** 3,
    "NetworkReceiveThroughput orders": 2,
  });
});
