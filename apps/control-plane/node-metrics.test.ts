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
    taskDefinition: (cpu) => ({
      family: "web",
      spec: {
        cpu: Number(cpu),
        memoryMiB: 512,
        containers: [
          { name: "app", cpu: 0, healthCheck: {} },
          { name: "side", cpu: 64, memoryReservationMiB: 128 },
        ],
        volumes: [{ efs: { fileSystemId: "fs-1" } }],
      },
    }),
    cluster: () => ({ settings: [{ name: "containerInsights", value: insights }] }),
    service: () => ({ spec: { fineMetrics } }),
    fileSystem: (id) => ({ account: "0", region: "r", id }),
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
          containers: [{ name: "app", health: "UNHEALTHY" }],
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
async function metricsOf(store: Reader, usage: readonly UsageSample[], namespace = "AWS/ECS") {
  const points = await usageMetrics(store, { type: "metrics", session: "s", sequence: 1, usage });
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
const byName = (points: Awaited<ReturnType<typeof metricsOf>>) =>
  // Weights of one third are not exact.
  Object.fromEntries(points.map(({ name, average }) => [name, Math.round(average * 1e6) / 1e6]));

describe("AWS/ECS", () => {
  it("is the used share of what the tasks of a service, and of its cluster, reserve", async () => {
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
    expect(await metricsOf(store, usage)).toEqual([
      { name: "CPUUtilization main", ...common, count: 3, average: 50, max: 100 },
      { name: "MemoryUtilization main", ...common, count: 3, average: 50, max: 100 },
      { name: "CPUUtilization main web", ...common, count: 2, average: 75, max: 100 },
      { name: "MemoryUtilization main web", ...common, count: 2, average: 25, max: 25 },
    ]);
  });

  it("weighs tasks by what they reserve, as the sum of use over the sum of reservations does", async () => {
    const store = storeOf({ tasks: { a: { service: "web", cpu: 256 }, b: { service: "web", cpu: 768 } } });
    expect(
      byName(await metricsOf(store, [sample("a", 0, 5), sample("b", 0, 0)]))["CPUUtilization main web"],
    ).toBe(25);
  });

  it("keeps by 20 seconds what the service's monitoring asks for", async () => {
    const store = storeOf({ tasks: { a: { service: "web", cpu: 256 } }, fineMetrics: ["CPUUtilization"] });
    const points = await metricsOf(store, [sample("a", 0, 5), sample("a", 20_000 - 3, 2.5)]);
    expect(
      points
        .filter(({ highResolution }) => highResolution)
        .map(({ name, at, average }) => [name, at, average]),
    ).toEqual([
      ["CPUUtilization main web", 0, 100],
      ["CPUUtilization main web", 20_000, 50],
    ]);
  });

  it("ignores databases and pods without a record", async () => {
    const other = { ...sample("x", 0, 1), pod: "database/db" };
    expect(await metricsOf(storeOf({}), [sample("unknown", 0, 5), other])).toEqual([]);
  });
});

it("serves other requests between the tasks of a large batch", async () => {
  const many = Array.from({ length: 100 }, (_, index) => String(index));
  const tasks = Object.fromEntries(many.map((id) => [id, { service: "web", cpu: 256 }]));
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns += 1;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  const usage = many.map((id) => sample(id, 0, 5));
  const points = await metricsOf(storeOf({ tasks, insights: "enhanced" }), usage, "ECS/ContainerInsights");
  isDone = true;
  expect(turns).toBeGreaterThanOrEqual(3);
  const all = points.filter(({ name }) => name === "CpuUtilized main");
  expect(all.reduce((sum, each) => sum + each.count, 0)).toBeCloseTo(100 / 3, 9);
});

describe("ECS/ContainerInsights", () => {
  const tasks = { a: { service: "web", cpu: 256 }, b: { service: "web", cpu: 256 } };
  const counters = {
    rxBytes: 2_000,
    txBytes: 4_000,
    readBytes: 10,
    writeBytes: 30,
    ephemeralBytes: 512 * MIB,
  };
  const usage = [sample("a", 0, 5, counters), sample("b", 0, 0, counters), sample("a", 20_000, 5, counters)];
  const namespace = "ECS/ContainerInsights";

  it("has no metrics of a cluster that has it disabled", async () => {
    expect(await metricsOf(storeOf({ tasks }), usage, namespace)).toEqual([]);
  });

  it("is what tasks use and reserve, by cluster, family and service", async () => {
    const points = await metricsOf(storeOf({ tasks, insights: "enabled" }), usage.slice(0, 2), namespace);
    expect(byName(points)).toMatchObject({
      "CpuUtilized main": 128,
      "CpuReserved main web": 256,
      "MemoryUtilized main": 128,
      "MemoryReserved main": 512,
      "EphemeralStorageReserved main": 20,
      "EphemeralStorageUtilized main": 0.5,
      "EphemeralStorageUtilized main web": 0.5,
      "NetworkRxBytes main": 100,
      "NetworkTxBytes main web": 200,
      "StorageReadBytes main": 10,
      "StorageWriteBytes main": 30,
    });
    expect(points.some(({ name }) => name.endsWith(" a"))).toBe(false);
  });

  it("counts each task once a minute: its three samples weigh a third each", async () => {
    const all = [0, 20_000, 40_000].flatMap((from) => [
      sample("a", from, 5, counters),
      sample("b", from, 0, counters),
    ]);
    const points = (await metricsOf(storeOf({ tasks, insights: "enabled" }), all, namespace)).filter(
      ({ name }) => name === "CpuUtilized main",
    );
    expect(points.reduce((sum, { count }) => sum + count, 0)).toBeCloseTo(2, 9);
    expect(points.reduce((sum, { count, average }) => sum + count * average, 0)).toBeCloseTo(256, 9);
  });

  it("is published for each task with enhanced observability", async () => {
    expect(byName(await metricsOf(storeOf({ tasks, insights: "enhanced" }), usage, namespace))).toMatchObject(
      {
        "CpuUtilized main web a": 256,
        "TaskCpuUtilization main web a": 100,
        "TaskCpuUtilization main web b": 0,
        "TaskMemoryUtilization main web a": 25,
        "EphemeralStorageUtilized main web a": 0.5,
        "TaskEphemeralStorageUtilization main web a": 2.5,
      },
    );
  });

  it("is published for each container with enhanced observability, by AWS's sets of dimensions", async () => {
    const containers = [
      { name: "app", cpuSeconds: 2.5, memoryBytes: 64 * MIB, readBytes: 4, writeBytes: 6 },
      { name: "side", cpuSeconds: 0.625, memoryBytes: 32 * MIB, restarts: 2 },
      { name: "unknown", cpuSeconds: 1 },
    ];
    const points = await metricsOf(
      storeOf({ tasks, insights: "enhanced" }),
      [sample("a", 0, 5, { ...counters, containers })],
      namespace,
    );
    const values = byName(points);
    expect(values).toMatchObject({
      // By ClusterName, ContainerName, ServiceName and TaskId; an app without a reservation has its task's.
      "ContainerCpuUtilized main app web a": 128,
      "ContainerCpuReserved main app web a": 256,
      "ContainerCpuUtilization main app web a": 50,
      "ContainerMemoryUtilized main app web": 64,
      "ContainerMemoryReserved main side web": 128,
      "ContainerMemoryUtilization main side web a": 25,
      "ContainerStorageReadBytes main app web": 4,
      "ContainerStorageWriteBytes main app web": 6,
      "ContainerCpuUtilization main side web": 50,
      "ContainerCpuUtilization main web": 50,
      "ContainerNetworkRxBytes main web a": 100,
      "ContainerNetworkTxBytes main": 200,
      "UnHealthyContainerHealthStatus main app web": 1,
      "RestartCount main side web a": 2,
      "RestartCount main web": 2,
    });
    const namesOf = (metric: string) =>
      points.map(({ name }) => name).filter((name) => name.startsWith(`${metric} `));
    expect(namesOf("ContainerMemoryUtilized")).toEqual([
      "ContainerMemoryUtilized main",
      ...["app", "side"].flatMap((name) =>
        ["", " a"].flatMap((task) => [
          `ContainerMemoryUtilized main ${name} web${task}`,
          `ContainerMemoryUtilized main ${name} web${task}`,
        ]),
      ),
    ]);
    // The side has no health check, and the app no restart policy.
    expect(namesOf("UnHealthyContainerHealthStatus").some((name) => name.includes("side"))).toBe(false);
    expect(namesOf("RestartCount").some((name) => name.includes("app"))).toBe(false);
    expect(Object.keys(values).some((name) => name.includes("unknown"))).toBe(false);
    const standard = await metricsOf(
      storeOf({ tasks, insights: "enabled" }),
      [sample("a", 0, 5, { ...counters, containers })],
      namespace,
    );
    expect(standard.filter(({ name }) => name.startsWith("Container"))).toEqual([]);
  });
});

it("has AWS/RDS metrics of the databases that the records know", async () => {
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
  expect(byName(await metricsOf(store, usage, "AWS/RDS"))).toEqual({
    "CPUUtilization orders": 10,
    "DatabaseConnections orders": 3,
    "FreeStorageSpace orders": 19 * 1024 ** 3,
    "NetworkReceiveThroughput orders": 2,
  });
});

describe("AWS/EFS", () => {
  it("counts the tasks whose definitions mount a file system, and has its bytes where measured", async () => {
    const store = storeOf({ tasks: { a: { service: "web", cpu: 256 }, b: { service: "web", cpu: 256 } } });
    const of = (id: string, from: number, storedBytes?: number) =>
      sample(id, from, 0, {
        fileSystems: [{ id: "fs-1", ...(storedBytes === undefined ? {} : { storedBytes }) }, { id: "fs-2" }],
      });
    const usage = [0, 20_000, 40_000].flatMap((from) => [
      of("a", from, from === 0 ? 5_000 : undefined),
      of("b", from),
    ]);
    const points = (await usageMetrics(store, { type: "metrics", session: "s", sequence: 1, usage })).filter(
      ({ metric }) => metric.namespace === "AWS/EFS",
    );
    const sums = new Map<string, number>();
    for (const { metric, sample: each } of points) {
      const name = [metric.name, ...Object.values(metric.dimensions)].join(" ");
      sums.set(name, (sums.get(name) ?? 0) + each.sum);
    }
    expect([...sums].map(([name, sum]) => [name, Math.round(sum * 1e6) / 1e6])).toEqual([
      ["ClientConnections fs-1", 2],
      ["StorageBytes fs-1 Total", 5_000],
      ["StorageBytes fs-1 Standard", 5_000],
    ]);
  });
});
