import { newWorld } from "@gantry/testkit";
import { describe, expect, it } from "vitest";

/** A world of nodes with a service of the strategy DAEMON. */
function daemonWorld(nodeCount: 2 | 3) {
  const world = newWorld({ nodeCount, checked: false });
  startDaemon(world);
  const places = () => world.runningTasks().map((task) => task.placement?.nodeId ?? "");
  return { ...world, places };
}

function startDaemon(world: ReturnType<typeof newWorld>, memberOf: readonly string[] = []): void {
  world.createService({ desiredCount: 1 });
  world.store.transact((tx) => {
    for (const service of tx.list("service"))
      tx.put("service", service.arn, {
        ...service,
        spec: {
          ...service.spec,
          ...{ schedulingStrategy: "DAEMON", desiredCount: 0, minimumHealthyPercent: 0, maximumPercent: 100 },
          placementRules: { distinctInstance: false, strategies: [], memberOf },
        },
      });
  });
}

// Before: the scheduling strategy DAEMON was refused.
describe("a daemon service", () => {
  it("runs one task on each node, through a deployment too", async () => {
    const world = daemonWorld(3);
    await world.clock.advance(30_000);
    expect(new Set(world.places()).size).toBe(3);
    expect(world.runningTasks()).toHaveLength(3);
    world.deploy("better");
    let most = 0;
    for (let step = 0; step < 100; step += 1) {
      await world.clock.advance(500);
      most = Math.max(most, world.tasks().filter((task) => task.desiredStatus === "RUNNING").length);
    }
    expect(most).toBe(3);
    expect(new Set(world.places()).size).toBe(3);
    expect(world.runningTasks().every((task) => task.taskDefinitionArn.includes("better"))).toBe(true);
    world.stop();
  });

  it("runs no task on a node that does not satisfy its placement constraints", async () => {
    const world = newWorld({ nodeCount: 3, checked: false });
    await world.clock.advance(1_000);
    const [out = ""] = world.nodes.map(({ id }) => id);
    world.store.transact((tx) => {
      const node = tx.get("node", out);
      if (node !== undefined) tx.put("node", out, { ...node, labels: { spare: "yes" } });
    });
    startDaemon(world, ["attribute:spare not_exists"]);
    await world.clock.advance(20_000);
    expect(world.store.list("service")[0]?.spec.desiredCount).toBe(2);
    const places = world.runningTasks().map((task) => task.placement?.nodeId);
    expect(places).toHaveLength(2);
    expect(places).not.toContain(out);
    world.stop();
  });

  it("follows nodes that leave and join", async () => {
    const world = daemonWorld(2);
    await world.clock.advance(30_000);
    const [left = ""] = world.places();
    const node = world.store.get("node", left);
    world.nodes.find(({ id }) => id === left)?.stop();
    world.store.transact((tx) => tx.delete("node", left));
    await world.clock.advance(5_000);
    const wanted = () => world.tasks().filter((task) => task.desiredStatus === "RUNNING");
    expect(wanted().map((task) => task.placement?.nodeId)).not.toContain(left);
    expect(world.store.list("service")[0]?.spec.desiredCount).toBe(1);
    if (node === undefined) throw new Error("A node that runs a task is there.");
    world.store.transact((tx) => tx.put("node", left, { ...node, state: "CONNECTED" }));
    await world.clock.advance(5_000);
    expect(world.store.list("service")[0]?.spec.desiredCount).toBe(2);
    expect(wanted().map((task) => task.placement?.nodeId)).toContain(left);
    world.stop();
  });
});
