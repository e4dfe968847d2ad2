import { newWorld } from "@gantry/testkit";
import { describe, expect, it } from "vitest";

// The world's node has 4 cores and 8,192 MiB, its tasks 0.25 vCPU and 512 MiB each.
const waitingOf = (world: ReturnType<typeof newWorld>) =>
  world.tasks().filter((task) => task.desiredStatus === "RUNNING" && task.placement === undefined);
const unplaced = (events: readonly string[]) => events.filter((each) => each.includes("unable to place"));

// Before: all tasks started, and the machine had promised more than it has.
describe("tasks without room on a node", () => {
  it("wait, and the service reports it once in the words of Fargate", async () => {
    const world = newWorld({ overcommit: { cpu: 1, memory: 1 } });
    world.createService({ desiredCount: 20 });
    await world.clock.advance(60_000);
    expect(world.runningTasks()).toHaveLength(16);
    expect(waitingOf(world)).toHaveLength(4);
    expect(unplaced(world.events())).toEqual([
      "(service s) was unable to place a task. Reason: Capacity is unavailable at this time. Please " +
        "try again later or in a different availability zone. For more information, see the " +
        "Troubleshooting section of the Amazon ECS Developer Guide.",
    ]);
    world.stop();
  });

  it("start at once when another task has stopped", async () => {
    const world = newWorld({ overcommit: { cpu: 1, memory: 1 } });
    const held = Array.from({ length: 16 }, () => world.runTask("other"));
    await world.clock.advance(10_000);
    world.createService({ desiredCount: 1 });
    await world.clock.advance(10_000);
    expect(waitingOf(world)).toHaveLength(1);
    world.kill(held[0]);
    let waitedMs = 0;
    for (; waitingOf(world).length > 0 && waitedMs < 60_000; waitedMs += 10) {
      await world.clock.advance(10);
      const stopped = world.store.get("task", held[0]?.arn ?? "")?.lastStatus === "STOPPED";
      // Before its end nothing is free; from then on nothing waits, not even for the next look of a timer.
      if (stopped) expect(waitingOf(world)).toHaveLength(0);
    }
    expect(waitingOf(world)).toHaveLength(0);
    await world.clock.advance(10_000);
    expect(world.runningTasks()).toHaveLength(1);
    world.stop();
  });

  // Before: memberOf was refused, and such tasks were placed anywhere.
  it("that satisfies their placement constraints wait, and start when one does", async () => {
    const world = newWorld();
    world.createService({ desiredCount: 2 });
    world.store.transact((tx) => {
      for (const service of tx.list("service")) {
        const placementRules = {
          ...{ distinctInstance: false, strategies: [], memberOf: ["task:group =~ family.*"] },
        };
        tx.put("service", service.arn, { ...service, spec: { ...service.spec, placementRules } });
      }
    });
    await world.clock.advance(60_000);
    expect(world.runningTasks().filter((task) => task.serviceArn !== undefined)).toHaveLength(0);
    expect(unplaced(world.events())).toHaveLength(1);
    world.runTask("other");
    await world.clock.advance(10_000);
    expect(world.runningTasks().filter((task) => task.serviceArn !== undefined)).toHaveLength(2);
    world.stop();
  });

  it("never start if one alone exceeds the machine, and do not affect the running version", async () => {
    const world = newWorld({ overcommit: { cpu: 100, memory: 100 } });
    world.createService({ desiredCount: 2 });
    await world.clock.advance(30_000);
    world.deploy("large");
    world.resize("large", { cpu: 256, memoryMiB: 8_193 });
    await world.clock.advance(10 * 60_000);
    expect(world.runningTasks().map((task) => task.taskDefinitionArn.includes("good"))).toEqual([true, true]);
    expect(unplaced(world.events())).toEqual([
      expect.stringContaining("Reason: The requested MEMORY configuration is above your limit."),
    ]);
    world.deploy("better");
    await world.clock.advance(60_000);
    expect(world.runningTasks().every((task) => task.taskDefinitionArn.includes("better"))).toBe(true);
    expect(world.taskSets()).toHaveLength(1);
    world.stop();
  });

  it("are counted after an upgrade from placements without reservations", async () => {
    const world = newWorld({ overcommit: { cpu: 1, memory: 1 } });
    world.createService({ desiredCount: 16 });
    await world.clock.advance(30_000);
    world.store.transact((tx) => {
      for (const task of tx.list("task")) {
        const { reserved: _later, ...placement } = task.placement ?? { nodeId: "", networkInterfaceId: "" };
        tx.put("task", task.arn, { ...task, placement });
      }
    });
    expect(world.store.sumBy("task", "reservedMemory", "n")).toBe(0);
    world.killControlPlane();
    await world.clock.advance(10_000);
    expect(world.store.sumBy("task", "reservedMemory", "n")).toBe(16 * 512);
    world.stop();
  });
});
