import type { UsageSample } from "@gantry/agent-protocol";
import type { MetricPoint } from "@gantry/content";
import type { Reader } from "@gantry/state";
import { describe, expect, it } from "vitest";
import { groupMetrics } from "./group-metrics.ts";
import { instanceMetrics, statusCheckMetrics } from "./instance-metrics.ts";

const PLACE = { account: "0", region: "r" };
const MINUTE = 60_000;

interface World {
  readonly instances?: Readonly<Record<string, object>>;
  /** The states of the group's instances, by their ids. */
  readonly members?: Readonly<Record<string, string>>;
  readonly metrics?: readonly string[];
  readonly node?: "CONNECTED" | "DISCONNECTED";
}

function storeOf({ instances = {}, members = {}, metrics = [], node = "CONNECTED" }: World): Reader {
  const machine = (id: string) => ({
    ...{ ...PLACE, id, imageId: "ami-1", instanceType: "t3.nano", settings: {}, nodeId: "n1" },
    ...{ state: "running", reachable: true, rebooting: false, launchedAt: 0, ...instances[id] },
  });
  const group = {
    ...{ ...PLACE, arn: "g", name: "web", metrics, desired: 3 },
    settings: { minSize: 1, maxSize: 5 },
  };
  const lists: Record<string, () => readonly object[]> = {
    ec2Instance: () => Object.keys(instances).map(machine),
    autoScalingGroup: () => [group],
  };
  return {
    get: (kind: string, key: string | undefined) => {
      if (kind === "node") return { id: key, state: node };
      return kind === "ec2Instance" && key !== undefined && key in instances ? machine(key) : undefined;
    },
    list: (kind: string) => lists[kind]?.() ?? [],
    listBy: (_kind: string, index: string, value: string) =>
      Object.entries(members)
        .filter(([id]) => index === "group" || id === value)
        .map(([id, state]) => ({
          ...{ groupName: "web", state },
          instanceId: state === "Launching" ? undefined : id,
        })),
  } as unknown as Reader; // Only these fields are read.
}

const sample = (id: string, from: number, cpuSeconds: number, more: Partial<UsageSample> = {}) => ({
  ...{ pod: `pod/${id}`, from, until: from + 20_000, cpuSeconds, memoryBytes: 1, ...more },
});
const shown = (points: readonly MetricPoint[]) =>
  points.map(({ metric, at, sample: { count, sum, max } }) => ({
    name: [metric.name, ...Object.entries(metric.dimensions).flat()].join(" "),
    ...{ at, count: Math.round(count * 1e6) / 1e6, sum: Math.round(sum * 1e6) / 1e6, max },
  }));
const measure = (store: Reader, usage: readonly UsageSample[]) =>
  shown(instanceMetrics(store, { type: "metrics", session: "s", sequence: 1, usage }));
const DETAILED = { settings: { Monitoring: { Enabled: true } } };

describe("AWS/EC2", () => {
  it("is measured by the minute with detailed monitoring, also by image and type", () => {
    const store = storeOf({ instances: { "i-1": DETAILED }, members: { "i-1": "InService" } });
    // A t3.nano has two virtual processors: 20 seconds of the 40 that they have.
    const usage = [0, 20_000, 40_000, 60_000].map((from) =>
      sample("i-1", from, 20, { rxBytes: 100, txBytes: 40 }),
    );
    const points = measure(store, usage);
    const names = [
      ...["InstanceId i-1", "AutoScalingGroupName web", "ImageId ami-1", "InstanceType t3.nano"].map(
        (each) => `CPUUtilization ${each}`,
      ),
      "CPUUtilization",
    ];
    for (const name of names)
      expect(points.filter((each) => each.name === name)).toEqual([
        { name, at: 0, count: 1, sum: 50, max: 50 },
        { name, at: MINUTE, count: 0.333333, sum: 16.666667, max: 50 },
      ]);
    // The sum over a minute is the bytes of the minute.
    const network = (metric: string) => points.find(({ name }) => name === `${metric} InstanceId i-1`);
    expect(network("NetworkIn")).toMatchObject({ count: 1, sum: 300, max: 300 });
    expect(network("NetworkOut")).toMatchObject({ count: 1, sum: 120, max: 120 });
  });

  it("is measured by five minutes without it, by instance and group alone", () => {
    const store = storeOf({ instances: { "i-1": {}, "i-2": {} }, members: { "i-1": "InService" } });
    const usage = Array.from({ length: 15 }, (_, index) => sample("i-1", 5 * MINUTE + index * 20_000, 4));
    const other = sample("i-2", 5 * MINUTE, 4);
    expect(measure(store, [...usage, other])).toEqual([
      { name: "CPUUtilization InstanceId i-1", at: 5 * MINUTE, count: 5, sum: 50, max: 10 },
      { name: "CPUUtilization AutoScalingGroupName web", at: 5 * MINUTE, count: 5, sum: 50, max: 10 },
      { name: "CPUUtilization InstanceId i-2", at: 5 * MINUTE, count: 0.333333, sum: 3.333333, max: 10 },
    ]);
  });

  it("counts packets by five minutes, and what disks did where the node counts it", () => {
    const counted = { rxPackets: 10, txPackets: 5, readBytes: 4_096, writeBytes: 8_192 };
    const store = storeOf({ instances: { "i-1": DETAILED } });
    const own = (more: Partial<UsageSample>) =>
      measure(
        store,
        [0, 20_000, 40_000].map((from) => sample("i-1", 6 * MINUTE + from, 1, { ...counted, ...more })),
      )
        .filter(({ name }) => /^(?:Network|EBS)\w+ InstanceId i-1$/.test(name))
        .map(({ name, at, sum }) => `${name.split(" ")[0]} ${at / MINUTE} ${sum}`);
    const packets = ["NetworkPacketsIn 5 30", "NetworkPacketsOut 5 15"];
    expect(own({})).toEqual(packets);
    expect(own({ readOps: 1, writeOps: 2 })).toEqual([
      ...packets,
      ...["EBSReadBytes 6 12288", "EBSWriteBytes 6 24576", "EBSReadOps 6 3", "EBSWriteOps 6 6"],
    ]);
  });

  it("is at most 100 percent, and has nothing of what is no instance", () => {
    const store = storeOf({ instances: { "i-1": {} } });
    expect(measure(store, [sample("i-1", 0, 80)])).toMatchObject([{ max: 100 }]);
    expect(measure(store, [sample("i-9", 0, 4), sample("0123", 0, 4), sample("db-1", 0, 4)])).toEqual([]);
  });

  it("has the status checks of running instances by the minute", () => {
    const failing = (world: World, realNow = 10 * MINUTE) =>
      shown(statusCheckMetrics(storeOf(world), 60 * MINUTE, realNow)).map(
        ({ name, sum }) => `${name} ${sum}`,
      );
    const members = { "i-1": "InService" };
    expect(failing({ instances: { "i-1": {} }, members })).toEqual([
      "StatusCheckFailed InstanceId i-1 0",
      "StatusCheckFailed AutoScalingGroupName web 0",
      "StatusCheckFailed_Instance InstanceId i-1 0",
      "StatusCheckFailed_Instance AutoScalingGroupName web 0",
      "StatusCheckFailed_System InstanceId i-1 0",
      "StatusCheckFailed_System AutoScalingGroupName web 0",
    ]);
    const unreachable = { "i-1": { reachable: false } };
    expect(failing({ instances: unreachable })).toEqual([
      "StatusCheckFailed InstanceId i-1 1",
      "StatusCheckFailed_Instance InstanceId i-1 1",
      "StatusCheckFailed_System InstanceId i-1 0",
    ]);
    expect(failing({ instances: unreachable }, MINUTE)).toEqual([]);
    expect(failing({ instances: { "i-1": {} }, node: "DISCONNECTED" })).toEqual([
      "StatusCheckFailed InstanceId i-1 1",
      "StatusCheckFailed_Instance InstanceId i-1 0",
      "StatusCheckFailed_System InstanceId i-1 1",
    ]);
    for (const state of ["pending", "stopped", "terminated"])
      expect(failing({ instances: { "i-1": { state } } })).toEqual([]);
    expect(failing({ instances: { "i-1": { rebooting: true } } })).toEqual([]);
  });
});

it("AWS/AutoScaling has the enabled metrics of groups", () => {
  const members = {
    ...{ "i-1": "InService", "i-2": "InService", "i-3": "Pending:Wait", "i-4": "Standby" },
    ...{ "i-5": "Terminating:Wait", "i-6": "Launching" },
  };
  const names = ["MinSize", "MaxSize", "DesiredCapacity"].map((name) => `Group${name}`);
  const states = ["InService", "Pending", "Standby", "Terminating", "Total"];
  const metrics = [
    ...names,
    ...states.map((state) => `Group${state}Instances`),
    ...["GroupInServiceCapacity", "WarmPoolTotalCapacity"],
  ];
  const points = shown(groupMetrics(storeOf({ members, metrics }), MINUTE));
  expect(points.map(({ name, sum }) => `${name} ${sum}`)).toEqual(
    [
      ...["GroupMinSize 1", "GroupMaxSize 5", "GroupDesiredCapacity 3", "GroupInServiceInstances 2"],
      ...["GroupPendingInstances 1", "GroupStandbyInstances 1", "GroupTerminatingInstances 1"],
      ...["GroupTotalInstances 5", "GroupInServiceCapacity 2"],
    ].map((text) => text.replace(" ", " AutoScalingGroupName web ")),
  );
  expect(groupMetrics(storeOf({ members }), MINUTE)).toEqual([]);
});
