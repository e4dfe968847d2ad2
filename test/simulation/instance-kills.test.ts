import { newInstanceSimulation, type InstanceSimulation } from "@gantry/testkit/instance-simulation";
import { describe, expect, it } from "vitest";
import { VICTIMS } from "./victims.ts";

// `kill -9` of the control plane and the agent at every step of an instance, its volumes, snapshots, images and
// interfaces. Nothing stays under way for ever, nothing is lost, and nothing is left that was to end.

const MINUTE_MS = 60_000;
const LOOK_MS = 5_000;
const WAIT_MAX_MS = 30 * MINUTE_MS;

/** A moment of an instance, by what the records say. */
const MOMENTS: Readonly<Record<string, (world: InstanceSimulation) => boolean>> = {
  "an instance starts": (world) => hasState(world, "pending"),
  "an instance stops": (world) => hasState(world, "stopping"),
  "an instance ends": (world) => hasState(world, "shutting-down"),
  "an instance reboots": ({ store }) => store.list("ec2Instance").some(({ rebooting }) => rebooting),
  "a volume has no file": ({ store }) =>
    store.list("volume").some(({ isRoot, storedBytes }) => isRoot === false && storedBytes === undefined),
  "a volume is attached": ({ store }) => isMoving(store.list("volume"), "attaching"),
  "a volume is detached": ({ store }) => isMoving(store.list("volume"), "detaching"),
  "an interface is attached": ({ store }) => isMoving(store.list("networkInterface"), "attaching"),
  "an interface is detached": ({ store }) => isMoving(store.list("networkInterface"), "detaching"),
  "a snapshot is pending": ({ store }) =>
    store.list("snapshot").some(({ completedAt }) => completedAt === undefined),
};
const hasState = ({ store }: InstanceSimulation, wanted: string): boolean =>
  store.list("ec2Instance").some(({ state }) => state === wanted);
const isMoving = (
  records: readonly { readonly attachment?: { readonly state?: string | undefined } | undefined }[],
  state: string,
): boolean => records.some(({ attachment }) => attachment?.state === state);

const named = ({ instanceId }: InstanceSimulation) => ({ InstanceIds: [instanceId] });

async function addVolume({ call, instanceId, store }: InstanceSimulation): Promise<string> {
  const AvailabilityZone = store.get("ec2Instance", instanceId)?.availabilityZone;
  const { VolumeId } = await call<{ VolumeId: string }>("CreateVolume", { AvailabilityZone, Size: 1 });
  await call("AttachVolume", { VolumeId, InstanceId: instanceId, Device: "/dev/sdf" });
  return VolumeId;
}

async function addInterface({ call, instanceId, store }: InstanceSimulation): Promise<string> {
  const SubnetId = store.get("ec2Instance", instanceId)?.subnetId;
  const made = await call<{ NetworkInterface: { NetworkInterfaceId: string } }>("CreateNetworkInterface", {
    SubnetId,
  });
  const { NetworkInterfaceId } = made.NetworkInterface;
  await call("AttachNetworkInterface", { NetworkInterfaceId, InstanceId: instanceId, DeviceIndex: 1 });
  return NetworkInterfaceId;
}

const stateOf = ({ store, instanceId }: InstanceSimulation) => store.get("ec2Instance", instanceId)?.state;

interface Event {
  readonly act: (world: InstanceSimulation) => Promise<unknown>;
  /** What is wrong in the end; empty where nothing is. */
  readonly check: (world: InstanceSimulation) => Record<string, boolean>;
}

/** What happens to an instance, and what must be so in the end. */
const EVENTS: Readonly<Record<string, Event>> = {
  "gets and loses a volume and an interface": {
    async act(world) {
      const VolumeId = await addVolume(world);
      const eni = await addInterface(world);
      await world.clock.advance(10_000);
      await world.call("DetachVolume", { VolumeId });
      const AttachmentId = world.store.get("networkInterface", eni)?.attachment?.id;
      await world.call("DetachNetworkInterface", { AttachmentId });
      // It is available only once it is detached.
      await world.call("DeleteNetworkInterface", { NetworkInterfaceId: eni });
    },
    check: ({ store }) => ({
      "one interface is left": store.list("networkInterface").length === 1,
      "the volume is available": store.list("volume").filter(({ attachment }) => !attachment).length === 1,
    }),
  },
  "with two interfaces and a volume is stopped, started and rebooted": {
    async act(world) {
      await addVolume(world);
      await addInterface(world);
      await world.call("StopInstances", named(world));
      await world.call("StartInstances", named(world));
      await world.call("RebootInstances", named(world));
    },
    check: (world) => ({
      "it runs": stateOf(world) === "running",
      "it has both interfaces":
        world.store.listBy("networkInterface", "owner", world.instanceId).length === 2,
      "it has both volumes":
        world.store.list("volume").filter(({ attachment }) => attachment?.instanceId === world.instanceId)
          .length === 2,
    }),
  },
  "becomes an image and ends, and another starts from it": {
    async act(world) {
      await addVolume(world);
      const { ImageId } = await world.call<{ ImageId: string }>("CreateImage", {
        ...{ InstanceId: world.instanceId, Name: "own" },
      });
      await world.call("TerminateInstances", named(world));
      await world.call("RunInstances", {
        ...{ ImageId, InstanceType: "t3.small", SubnetId: "subnet-1", MinCount: 1, MaxCount: 1 },
      });
    },
    check: ({ store }) => ({
      "the image is left": store.list("machineImage").length === 1,
      "it has both snapshots": store.list("snapshot").length === 2,
      "another runs": store
        .list("ec2Instance")
        .some(({ state, ownImage }) => state === "running" && ownImage),
    }),
  },
  "with two interfaces and a volume ends while its root is copied": {
    async act(world) {
      await addInterface(world);
      await addVolume(world);
      const { rootVolumeId } = world.store.get("ec2Instance", world.instanceId) ?? {};
      await world.call("CreateSnapshot", { VolumeId: rootVolumeId });
      await world.call("TerminateInstances", named(world));
    },
    check: (world) => ({
      "it has ended": (stateOf(world) ?? "terminated") === "terminated",
      "the interface is available": world.store
        .list("networkInterface")
        .every(({ owner }) => owner.type === "none"),
      "the volume is available": world.store
        .list("volume")
        .every(({ attachment }) => attachment === undefined),
      "the snapshot is complete": world.store.list("snapshot").length === 1,
    }),
  },
};

/** Runs one cell. Returns what is wrong; empty where nothing is. */
async function runCell(cell: {
  readonly event: Event;
  readonly moment: (world: InstanceSimulation) => boolean;
  readonly victim: (world: InstanceSimulation) => void;
}): Promise<{ readonly problem: string; readonly struck: boolean }> {
  const world = await newInstanceSimulation();
  await world.clock.advance(MINUTE_MS);
  const begun = await world.unrest();
  let struck = false;
  world.store.watch(() => {
    if (struck || !cell.moment(world)) return;
    struck = true;
    // A process dies between two of its writes, or at one of them, not within a transaction.
    world.clock.after(0, () => cell.victim(world));
  });
  await cell.event.act(world);
  const deadline = world.clock.now() + WAIT_MAX_MS;
  await world.clock.advance(MINUTE_MS);
  let rest = await world.unrest();
  while (rest.length > 0 && world.clock.now() < deadline) {
    await world.clock.advance(LOOK_MS);
    rest = await world.unrest();
  }
  const missed = Object.entries(cell.event.check(world)).flatMap(([name, holds]) =>
    holds ? [] : `not: ${name}`,
  );
  world.stop();
  const problem = [...begun.map((each) => `before: ${each}`), ...world.bugs, ...rest, ...missed].join("; ");
  return { problem, struck };
}

/** There is no load balancer. */
const VICTIMS_OF_INSTANCES = Object.entries(VICTIMS).filter(([name]) => name !== "proxy");

describe("an instance", () => {
  it.each(Object.entries(EVENTS))(
    "that %s survives a kill of each process at every step",
    async (_, event) => {
      const problems: string[] = [];
      const seen = new Set<string>();
      for (const [name, moment] of Object.entries(MOMENTS))
        for (const [victimName, victim] of VICTIMS_OF_INSTANCES) {
          const { problem, struck } = await runCell({ event, moment, victim });
          if (struck) seen.add(name);
          // A moment that does not come is not tried with each victim.
          else if (victimName === VICTIMS_OF_INSTANCES[0]?.[0]) break;
          if (problem !== "") problems.push(`${name}, ${victimName}: ${problem}`);
        }
      expect(problems).toEqual([]);
      expect(seen.size).toBeGreaterThan(3);
    },
  );
});
