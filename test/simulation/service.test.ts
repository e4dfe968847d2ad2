import { newWorld } from "@gantry/testkit";
import { describe, expect, it } from "vitest";

describe("a service, on virtual time", () => {
  it("starts the desired tasks and reports its steady state", async () => {
    const world = newWorld();
    world.createService({ desiredCount: 3 });
    await world.clock.advance(30_000);
    expect(world.runningTasks()).toHaveLength(3);
    expect(world.events()).toContain("(service s) has reached a steady state.");
    expect(world.taskSets()[0]?.rollout.state).toBe("COMPLETED");
  });

  it("replaces a task whose container exits", async () => {
    const world = newWorld();
    world.createService({ desiredCount: 2 });
    await world.clock.advance(30_000);
    const [victim] = world.runningTasks();
    world.kill(victim);
    await world.clock.advance(5_000);
    expect(world.runningTasks()).toHaveLength(2);
    expect(world.tasks().find((task) => task.arn === victim?.arn)).toMatchObject({
      lastStatus: "STOPPED",
      stopCode: "EssentialContainerExited",
    });
  });

  it("rolls to a new version without ever having fewer than the minimum", async () => {
    const world = newWorld();
    world.createService({ desiredCount: 4 });
    await world.clock.advance(30_000);
    world.deploy("better");
    let fewest = 4;
    let most = 0;
    for (let step = 0; step < 300; step += 1) {
      await world.clock.advance(100);
      const active = world
        .tasks()
        .filter((task) => task.lastStatus === "RUNNING" && task.desiredStatus === "RUNNING");
      fewest = Math.min(fewest, active.length);
      most = Math.max(
        most,
        world.tasks().filter((task) => task.lastStatus !== "STOPPED" && task.desiredStatus === "RUNNING")
          .length,
      );
    }
    expect(fewest).toBeGreaterThanOrEqual(4);
    expect(most).toBeLessThanOrEqual(8);
    expect(world.runningTasks().every((task) => task.taskDefinitionArn.includes("better"))).toBe(true);
    expect(world.taskSets()).toHaveLength(1);
  });

  // Before: the node's connection was closed at every hello, and the node was told nothing any more.
  it("keeps a task whose assignment cannot be made from broken records, and continues with the others", async () => {
    const world = newWorld();
    world.createService({ desiredCount: 2 });
    await world.clock.advance(30_000);
    const id = world.runningTasks()[0]?.placement?.networkInterfaceId ?? "";
    world.store.transact((tx) => {
      const eni = tx.get("networkInterface", id);
      if (eni !== undefined) tx.put("networkInterface", id, { ...eni, subnetId: "subnet-gone" });
    });
    const before = world.runningTasks();
    world.killControlPlane();
    await world.clock.advance(30_000);
    expect(world.runningTasks()).toEqual(before);
    expect(world.bugs.join()).toContain("An assignment cannot be made");
    world.scale(3);
    await world.clock.advance(10_000);
    expect(world.runningTasks()).toHaveLength(3);
  });

  // Before: such a task stayed PENDING, and nothing but the node's status said why.
  it("stops a task whose assignment the node refuses, with the reason", async () => {
    const world = newWorld();
    world.createService({ desiredCount: 1 }, { image: "an image" });
    await world.clock.advance(5_000);
    const reason = expect.stringMatching(/^ResourceInitializationError: the node refused .*image/) as string;
    expect(world.tasks()[0]).toMatchObject({
      lastStatus: "STOPPED",
      stopCode: "TaskFailedToStart",
      stoppedReason: reason,
      containers: [{ lastStatus: "STOPPED" }],
    });
    expect(world.events()).toContainEqual(expect.stringMatching(/failed to start: ResourceInit.*refused/));
    world.stop();
  });

  it("keeps the old version while a new one cannot start, slows down, and reports the reason", async () => {
    const world = newWorld();
    world.createService({ desiredCount: 2 });
    await world.clock.advance(30_000);
    world.engine.behaviour = (image) => (image === "bad" ? "fails" : "runs");
    world.deploy("bad");
    await world.clock.advance(120_000);
    expect(world.runningTasks().map((task) => task.taskDefinitionArn)).toEqual([
      expect.stringContaining("good"),
      expect.stringContaining("good"),
    ]);
    const messages = world.events();
    expect(
      messages.some((message) => message.includes("unable to consistently start tasks successfully")),
    ).toBe(true);
    expect(messages.some((message) => message.includes("CannotPullContainerError"))).toBe(true);
    expect(world.tasks().length).toBeLessThan(40);
  });

  it("rolls back by the circuit breaker, which also sees tasks that crash after they started", async () => {
    const world = newWorld();
    world.createService({ desiredCount: 2, circuitBreaker: { enable: true, rollback: true } });
    await world.clock.advance(30_000);
    world.engine.behaviour = (image) => (image === "bad" ? "crashes" : "runs");
    world.deploy("bad");
    await world.clock.advance(120_000);
    expect(world.runningTasks()).toHaveLength(2);
    expect(world.runningTasks().every((task) => task.taskDefinitionArn.includes("good"))).toBe(true);
    expect(world.events().some((message) => message.includes("rolling back to deployment"))).toBe(true);
  });

  it("scales in and releases the addresses", async () => {
    const world = newWorld();
    world.createService({ desiredCount: 5 });
    await world.clock.advance(30_000);
    world.scale(1);
    await world.clock.advance(60_000);
    expect(world.runningTasks()).toHaveLength(1);
    expect(world.store.list("networkInterface").filter((eni) => eni.owner.type === "task")).toHaveLength(1);
  });
});
