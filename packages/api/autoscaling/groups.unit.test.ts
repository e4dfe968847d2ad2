import * as sdk from "@aws-sdk/client-auto-scaling";
import * as ec2 from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { startGroupWorld } from "@gantry/testkit/group-world";
import { afterAll, describe, expect, it } from "vitest";

// Auto Scaling groups as callers use them, with the controller that carries them out. A node starts and ends instances
// at once, and time is virtual.
const world = await startGroupWorld();
const { groups, machines, store, settle, templateId } = world;
afterAll(() => world.close());
let count = 0;

const create = async (input: Partial<sdk.CreateAutoScalingGroupCommandInput> = {}): Promise<string> => {
  const AutoScalingGroupName = input.AutoScalingGroupName ?? `group-${(count += 1)}`;
  await groups.send(
    new sdk.CreateAutoScalingGroupCommand({
      ...{ MinSize: 0, MaxSize: 9, VPCZoneIdentifier: world.subnets.join(",") },
      ...(input.MixedInstancesPolicy === undefined
        ? { LaunchTemplate: { LaunchTemplateId: templateId, Version: "$Latest" } }
        : {}),
      ...{ ...input, AutoScalingGroupName },
    }),
  );
  await settle();
  return AutoScalingGroupName;
};
const shown = async (name: string) =>
  (await groups.send(new sdk.DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [name] })))
    .AutoScalingGroups?.[0];
const instancesOf = async (name: string) => (await shown(name))?.Instances ?? [];
const idsOf = async (name: string) => (await instancesOf(name)).map(({ InstanceId = "" }) => InstanceId);
const resize = async (AutoScalingGroupName: string, DesiredCapacity: number) => {
  await groups.send(new sdk.SetDesiredCapacityCommand({ AutoScalingGroupName, DesiredCapacity }));
  await settle();
};
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (thrown: Error) => thrown.name,
  );
const report = (id: string, change: object) =>
  store.transact((tx) => {
    const record = tx.get("ec2Instance", id);
    if (record !== undefined) tx.put("ec2Instance", id, { ...record, ...change });
  });

describe("a group", () => {
  it("keeps its desired number of instances over its zones, with its tags", async () => {
    const Tags = [
      { Key: "team", Value: "shop", PropagateAtLaunch: true },
      { Key: "own", Value: "1", PropagateAtLaunch: false },
    ];
    const name = await create({ DesiredCapacity: 4, MinSize: 1, Tags });
    const instances = await instancesOf(name);
    expect(instances).toHaveLength(4);
    expect(instances.every((each) => each.LifecycleState === "InService")).toBe(true);
    const zones = Object.groupBy(instances, (each) => each.AvailabilityZone ?? "");
    expect(
      Object.values(zones)
        .map((each) => each?.length)
        .toSorted(),
    ).toEqual([1, 1, 2]);
    const { Reservations = [] } = await machines.send(
      new ec2.DescribeInstancesCommand({ InstanceIds: [instances[0]?.InstanceId ?? ""] }),
    );
    expect(Reservations[0]?.Instances?.[0]?.Tags).toEqual(
      expect.arrayContaining([
        { Key: "team", Value: "shop" },
        { Key: "aws:autoscaling:groupName", Value: name },
      ]),
    );
    await resize(name, 2);
    expect(new Set((await instancesOf(name)).map((each) => each.AvailabilityZone)).size).toBe(2);
    expect(await codeOf(resize(name, 99))).toBe("ValidationError");
    const { Activities = [] } = await groups.send(
      new sdk.DescribeScalingActivitiesCommand({ AutoScalingGroupName: name }),
    );
    expect(Activities).toHaveLength(6);
    expect(new Set(Activities.map((each) => each.StatusCode))).toEqual(new Set(["Successful"]));
    const remove = (ForceDelete?: boolean) =>
      groups.send(new sdk.DeleteAutoScalingGroupCommand({ AutoScalingGroupName: name, ForceDelete }));
    expect(await codeOf(remove())).toBe("ResourceInUseFault");
    await remove(true);
    await settle();
    expect(await shown(name)).toBeUndefined();
    expect(store.list("groupInstance").filter((each) => each.groupName === name)).toEqual([]);
  });

  it("replaces an instance that stops, or that a caller calls unhealthy, and no other one", async () => {
    const name = await create({ DesiredCapacity: 2, HealthCheckGracePeriod: 60 });
    const [first = "", second = ""] = await idsOf(name);
    report(first, { state: "stopped" });
    await settle();
    expect(await idsOf(name)).not.toContain(first);
    expect(await idsOf(name)).toHaveLength(2);
    const health = (HealthStatus: string, ShouldRespectGracePeriod?: boolean) =>
      groups.send(
        new sdk.SetInstanceHealthCommand({ InstanceId: second, HealthStatus, ShouldRespectGracePeriod }),
      );
    await health("Unhealthy", true);
    await health("Unhealthy");
    await settle();
    expect(await idsOf(name)).toContain(second);
    await health("Unhealthy", false);
    await settle();
    expect(await idsOf(name)).not.toContain(second);
    const [third = ""] = await idsOf(name);
    report(third, { reachable: false });
    await settle(90_000);
    expect(await idsOf(name)).toContain(third);
    await settle(60_000);
    expect(await idsOf(name)).not.toContain(third);
    expect(await idsOf(name)).toHaveLength(2);
  });

  it("registers its instances in target groups, and replaces what the load balancer calls unhealthy", async () => {
    const balancers = new elb.ElasticLoadBalancingV2Client(world.api.client());
    const { TargetGroups } = await balancers.send(
      new elb.CreateTargetGroupCommand({ Name: "web", Protocol: "HTTP", Port: 80, VpcId: world.vpcId }),
    );
    const TargetGroupArn = TargetGroups?.[0]?.TargetGroupArn ?? "";
    const targets = async () =>
      (
        await balancers.send(new elb.DescribeTargetHealthCommand({ TargetGroupArn }))
      ).TargetHealthDescriptions?.map(({ Target }) => Target?.Id) ?? [];
    const name = await create({
      ...{ DesiredCapacity: 2, TargetGroupARNs: [TargetGroupArn], HealthCheckType: "ELB" },
    });
    expect((await targets()).toSorted()).toEqual((await idsOf(name)).toSorted());
    const [first = ""] = await idsOf(name);
    const target = store.list("target").find((each) => each.instanceId === first);
    store.transact((tx) => {
      if (target !== undefined)
        tx.put("target", `${target.targetGroupArn}|${target.address}|${target.port}`, {
          ...target,
          state: "unhealthy",
        });
    });
    await settle();
    expect(await idsOf(name)).not.toContain(first);
    expect((await targets()).toSorted()).toEqual((await idsOf(name)).toSorted());
    const named = { AutoScalingGroupName: name, TargetGroupARNs: [TargetGroupArn] };
    const described = async () =>
      (
        await groups.send(
          new sdk.DescribeLoadBalancerTargetGroupsCommand({ AutoScalingGroupName: name, MaxRecords: 5 }),
        )
      ).LoadBalancerTargetGroups?.map((each) => each.State);
    expect(await described()).toEqual(["Added"]);
    await groups.send(new sdk.DetachLoadBalancerTargetGroupsCommand(named));
    expect(await targets()).toEqual([]);
    expect(await described()).toEqual([]);
    const TrafficSources = [{ Identifier: TargetGroupArn, Type: "elbv2" }];
    const sources = { AutoScalingGroupName: name, TrafficSources, SkipZonalShiftValidation: false };
    await groups.send(new sdk.AttachTrafficSourcesCommand(sources));
    await settle();
    expect(await targets()).toHaveLength(2);
    const query = { AutoScalingGroupName: name, TrafficSourceType: "elbv2", MaxRecords: 5 };
    const { TrafficSources: seen } = await groups.send(new sdk.DescribeTrafficSourcesCommand(query));
    expect(seen).toMatchObject([{ Identifier: TargetGroupArn, State: "Added" }]);
    await groups.send(new sdk.DetachTrafficSourcesCommand(sources));
    const created = await create({ TrafficSources });
    expect((await shown(created))?.TargetGroupARNs).toEqual([TargetGroupArn]);
    await groups.send(new sdk.AttachLoadBalancerTargetGroupsCommand(named));
    await settle();
    expect(await targets()).toHaveLength(2);
    // An instance is registered by a caller too.
    const { Instances } = await machines.send(
      new ec2.RunInstancesCommand({ ...world.LaunchTemplateData, MinCount: 1, MaxCount: 1 }),
    );
    const Targets = [{ Id: Instances?.[0]?.InstanceId ?? "" }];
    await balancers.send(new elb.RegisterTargetsCommand({ TargetGroupArn, Targets }));
    expect(await targets()).toContain(Targets[0]?.Id);
    const wrong = { TargetGroupArn, Targets: [{ Id: "i-0123456789abcdef0" }] };
    expect(await codeOf(balancers.send(new elb.RegisterTargetsCommand(wrong)))).toBe(
      "InvalidTargetException",
    );
  });

  it("waits for lifecycle hooks, until they are completed or time is up", async () => {
    const hook = {
      ...{ LifecycleHookName: "in", LifecycleTransition: "autoscaling:EC2_INSTANCE_LAUNCHING" },
      ...{ HeartbeatTimeout: 60, DefaultResult: "CONTINUE", NotificationMetadata: "m" },
    };
    const name = await create({ DesiredCapacity: 1, LifecycleHookSpecificationList: [hook] });
    const stateOf = async () => (await instancesOf(name))[0]?.LifecycleState;
    expect(await stateOf()).toBe("Pending:Wait");
    await settle(40_000);
    const [InstanceId = ""] = await idsOf(name);
    const action = { AutoScalingGroupName: name, LifecycleHookName: "in", InstanceId };
    await groups.send(new sdk.RecordLifecycleActionHeartbeatCommand(action));
    await settle(40_000);
    expect(await stateOf()).toBe("Pending:Wait");
    await settle(30_000);
    expect(await stateOf()).toBe("InService");
    expect(
      await codeOf(
        groups.send(new sdk.CompleteLifecycleActionCommand({ ...action, LifecycleActionResult: "CONTINUE" })),
      ),
    ).toBe("ValidationError");
    const out = {
      ...{ AutoScalingGroupName: name, LifecycleHookName: "out", HeartbeatTimeout: 300 },
      ...{ LifecycleTransition: "autoscaling:EC2_INSTANCE_TERMINATING", DefaultResult: "ABANDON" },
    };
    await groups.send(new sdk.PutLifecycleHookCommand(out));
    const LifecycleHookNames = ["out"];
    const { LifecycleHooks } = await groups.send(
      new sdk.DescribeLifecycleHooksCommand({ AutoScalingGroupName: name, LifecycleHookNames }),
    );
    expect(LifecycleHooks).toMatchObject([{ HeartbeatTimeout: 300, DefaultResult: "ABANDON" }]);
    await resize(name, 0);
    expect(await stateOf()).toBe("Terminating:Wait");
    const token = store.listBy("groupInstance", "instance", InstanceId)[0]?.waiting?.token;
    await groups.send(
      new sdk.CompleteLifecycleActionCommand({
        ...{ AutoScalingGroupName: name, LifecycleHookName: "out", LifecycleActionToken: token },
        LifecycleActionResult: "CONTINUE",
      }),
    );
    await settle();
    expect(await instancesOf(name)).toEqual([]);
    await groups.send(
      new sdk.DeleteLifecycleHookCommand({ AutoScalingGroupName: name, LifecycleHookName: "out" }),
    );
  });

  it("replaces its instances by a refresh, never below the healthy minimum", async () => {
    const name = await create({ DesiredCapacity: 4 });
    const before = await idsOf(name);
    let least = 4;
    const unwatch = store.watch(() => {
      const own = store.list("groupInstance").filter((each) => each.groupName === name);
      least = Math.min(least, own.filter(({ state }) => state === "InService").length);
    });
    const Preferences = { MinHealthyPercentage: 75, InstanceWarmup: 30, SkipMatching: false };
    const start = new sdk.StartInstanceRefreshCommand({
      ...{ AutoScalingGroupName: name, Strategy: "Rolling", Preferences },
    });
    const { InstanceRefreshId = "" } = await groups.send(start);
    expect(await codeOf(groups.send(start))).toBe("InstanceRefreshInProgressFault");
    await settle(600_000);
    unwatch();
    const query = { AutoScalingGroupName: name, InstanceRefreshIds: [InstanceRefreshId], MaxRecords: 5 };
    const { InstanceRefreshes } = await groups.send(new sdk.DescribeInstanceRefreshesCommand(query));
    expect(InstanceRefreshes).toMatchObject([{ Status: "Successful", PercentageComplete: 100 }]);
    expect((await idsOf(name)).filter((id) => before.includes(id))).toEqual([]);
    expect(least).toBe(3);
    const LaunchTemplateData = world.LaunchTemplateData;
    await machines.send(
      new ec2.CreateLaunchTemplateVersionCommand({ LaunchTemplateId: templateId, LaunchTemplateData }),
    );
    await groups.send(
      new sdk.StartInstanceRefreshCommand({
        ...{
          AutoScalingGroupName: name,
          Preferences: {
            MinHealthyPercentage: 100,
            MaxHealthyPercentage: 125,
            InstanceWarmup: 60,
            SkipMatching: true,
          },
        },
      }),
    );
    await settle(30_000);
    expect(await idsOf(name)).toHaveLength(5);
    await groups.send(new sdk.CancelInstanceRefreshCommand({ AutoScalingGroupName: name }));
    await settle();
    expect(await idsOf(name)).toHaveLength(4);
    const { InstanceRefreshes: all } = await groups.send(
      new sdk.DescribeInstanceRefreshesCommand({ AutoScalingGroupName: name }),
    );
    expect(all?.[0]?.Status).toBe("Cancelled");
    expect(
      await codeOf(groups.send(new sdk.CancelInstanceRefreshCommand({ AutoScalingGroupName: name }))),
    ).toBe("ActiveInstanceRefreshNotFoundFault");
  });
});

describe("a controller that is killed", () => {
  it.each(["before", "after"] as const)(
    "%s any call neither loses nor doubles an instance",
    async (point) => {
      const name = await create({});
      let calls = 0;
      // Every second call ends the controller, just before or just after it is carried out.
      world.faults[point] = () => {
        calls += 1;
        if (calls % 2 === 1) throw new Error("killed");
      };
      await resize(name, 3);
      for (let kill = 0; kill < 6; kill += 1) {
        await world.stop();
        world.start();
        await settle(60_000);
      }
      world.faults[point] = () => {};
      await settle(1_200_000);
      const own = () =>
        store
          .list("ec2Instance")
          .filter(({ tags, state }) => tags["aws:autoscaling:groupName"] === name && state === "running");
      expect(
        own()
          .map(({ id }) => id)
          .toSorted(),
      ).toEqual((await idsOf(name)).toSorted());
      expect(own()).toHaveLength(3);
      await resize(name, 0);
      await settle(60_000);
      expect(own()).toEqual([]);
    },
  );
});

describe("a group whose node is lost", () => {
  it("replaces instances whose node is lost for two minutes, but not because the control plane was down", async () => {
    const name = await create({ DesiredCapacity: 1, HealthCheckGracePeriod: 0 });
    const [first = ""] = await idsOf(name);
    report(first, { nodeId: "lost" });
    const setNode = (state: "CONNECTED" | "DISCONNECTED") =>
      world.store.transact((tx) =>
        tx.put("node", "lost", {
          ...{ id: "lost", hostname: "lost", cpu: 1, memoryMiB: 1, registeredAt: 0, agentPid: 1 },
          ...{ state, lastContactAt: world.clock.now() },
        }),
      );
    setNode("DISCONNECTED");
    await settle(90_000);
    setNode("CONNECTED");
    await settle(90_000);
    expect(await idsOf(name)).toEqual([first]);
    // A control plane that starts after an hour waits for the nodes to connect.
    await world.stop();
    setNode("DISCONNECTED");
    await world.clock.advance(3_600_000);
    world.start();
    await settle(90_000);
    expect(await idsOf(name)).toEqual([first]);
    await settle(180_000);
    expect(await idsOf(name)).not.toContain(first);
    expect(await idsOf(name)).toHaveLength(1);
    world.store.transact((tx) => tx.delete("node", "lost"));
  });
});
