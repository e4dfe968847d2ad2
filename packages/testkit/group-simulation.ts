import { machineImages } from "@gantry/api/common/machine-images";
import { silentLogger } from "@gantry/kernel";
import { groupCalls, operationsOver } from "./simulation/group-calls.ts";
import { checkGroupInvariants, groupUnrest, liveInstances } from "./simulation/group-invariants.ts";
import { PLACE } from "./simulation/place.ts";
import { newWorld } from "./world.ts";

/** The group of the world. */
const NAME = "web";

/**
 * A world with an Auto Scaling group of one to four instances, which nodes run as containers of their fake engines. The
 * operations of EC2 run over the store of the control plane that calls them, so that it can be killed within a call.
 */
export async function newGroupSimulation({
  seed = 1,
  nodeCount = 1,
}: { readonly seed?: number; readonly nodeCount?: 1 | 2 | 3 } = {}) {
  const world = newWorld({ seed, nodeCount, checked: false, callsOf: groupCalls });
  const { store, clock, ids } = world;
  // The platform builds the image of instances where a node asks for it.
  for (const { engine } of world.nodes) engine.addImage("machine");
  const broken = checkGroupInvariants(world);
  const run = operationsOver({ store, clock, ids, log: silentLogger });
  const named = { AutoScalingGroupName: NAME };
  const groups = (operation: string, input: Record<string, unknown> = {}) =>
    run("autoscaling", operation, { ...named, ...input });
  const newVersion = { ImageId: machineImages(PLACE.region)[0]?.id, InstanceType: "t3.nano" };
  store.transact((tx) =>
    tx.put("securityGroup", "sg-1", {
      ...{ ...PLACE, id: "sg-1", vpcId: "vpc-1", name: "default", description: "", rules: [], tags: {} },
    }),
  );
  await run("ec2", "CreateLaunchTemplate", { LaunchTemplateName: NAME, LaunchTemplateData: newVersion });
  await groups("CreateAutoScalingGroup", {
    ...{ MinSize: 0, MaxSize: 4, DesiredCapacity: 2, VPCZoneIdentifier: "subnet-1" },
    LaunchTemplate: { LaunchTemplateName: NAME, Version: "$Latest" },
  });
  return {
    ...world,
    broken,
    group: () => store.list("autoScalingGroup").find(({ name }) => name === NAME),
    records: () => store.list("groupInstance"),
    live: () => liveInstances(store, NAME),
    unrest: () => groupUnrest(world),
    setDesired: (DesiredCapacity: number) => groups("SetDesiredCapacity", { DesiredCapacity }),
    /** Starts a rolling replacement, with the maximum of healthy instances in percent. */
    refresh(MaxHealthyPercentage: number): Promise<object> {
      const Preferences = { MinHealthyPercentage: 50, MaxHealthyPercentage, InstanceWarmup: 0 };
      return groups("StartInstanceRefresh", { Preferences });
    },
    remove: () => groups("DeleteAutoScalingGroup", { ForceDelete: true }),
    /** Ends an instance behind the group's back, as TerminateInstances of its owner does. */
    terminate: (id: string) => run("ec2", "TerminateInstances", { InstanceIds: [id] }),
  };
}

export type GroupSimulation = Awaited<ReturnType<typeof newGroupSimulation>>;
