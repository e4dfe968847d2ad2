import type { RolloutSpec } from "@gantry/state";
import { newWorld, runSchedule } from "@gantry/testkit";
import { describe, expect, it } from "vitest";
import { BLUE_GREEN, follow, MINUTE_MS, newest, newStagedWorld } from "./staged-world.ts";

describe("a service with several load balancers, on virtual time", () => {
  const ROLLOUTS: readonly RolloutSpec[] = [
    BLUE_GREEN,
    { ...BLUE_GREEN, strategy: "CANARY", canary: { percent: 10, bakeMinutes: 1 } },
    { ...BLUE_GREEN, strategy: "LINEAR", linear: { percent: 50, bakeMinutes: 1 } },
  ];
  /** The second port of the container, which the second pair of target groups is for. */
  const SECOND_PORT = 81;

  /** The weights of each production rule, by the names of its target groups. */
  const weightsOf = (world: ReturnType<typeof newWorld>) =>
    (world.taskSets()[0]?.loadBalancers ?? []).map(({ advanced }) => {
      const { actions = [] } = world.store.get("rule", advanced?.productionListenerRule) ?? {};
      const targets = actions.flatMap((action) => (action.type === "forward" ? action.targets : []));
      return Object.fromEntries(targets.map((each) => [each.targetGroupArn.split("/")[1], each.weight]));
    });

  it.each(ROLLOUTS)("moves the traffic of each in the same steps: $strategy", async (rollout) => {
    const world = await newStagedWorld(rollout, {}, { pairs: 2 });
    const before = weightsOf(world);
    const seen = new Set<string>();
    let targetsMax = 0;
    world.store.watch(() => {
      seen.add(JSON.stringify(weightsOf(world)));
      targetsMax = Math.max(targetsMax, world.store.list("target").length);
    });
    world.deploy("v2");
    await world.clock.advance(10 * MINUTE_MS);
    // Each of two tasks of both fleets is a target of a group of each pair.
    expect(targetsMax).toBe(8);
    expect(newest(world)?.status).toBe("SUCCESSFUL");
    const after = weightsOf(world);
    expect(after.map((each) => Object.values(each).toSorted())).toEqual([
      [0, 100],
      [0, 100],
    ]);
    for (const [index, weights] of after.entries()) expect(weights).not.toEqual(before[index]);
    expect(seen.size).toBeGreaterThanOrEqual(rollout.strategy === "BLUE_GREEN" ? 2 : 3);
    expect(world.invariants.broken).toEqual([]);
  });

  it("moves none while the targets of one are unhealthy, and keeps the old fleet", async () => {
    const world = await newStagedWorld(BLUE_GREEN, {}, { pairs: 2 });
    const tasks = world.runningTasks().map((task) => task.arn);
    const before = weightsOf(world);
    const second = world.taskSets()[0]?.loadBalancers[1];
    const [node] = world.nodes;
    if (node !== undefined)
      node.proxy.failingGroup = [second?.targetGroupArn, second?.advanced?.alternateTargetGroupArn].find(
        (group) => group !== second?.servingTargetGroupArn,
      );
    const seen = follow(world);
    world.deploy("v2");
    await world.clock.advance(20 * MINUTE_MS);
    expect(seen.at(-1)).toBe("ROLLBACK_IN_PROGRESS 0/0");
    expect(seen.filter((line) => !line.endsWith(" 0/0"))).toEqual([]);
    expect(newest(world)?.status).toBe("ROLLBACK_SUCCESSFUL");
    expect(weightsOf(world)).toEqual(before);
    expect(world.runningTasks().map((task) => task.arn)).toEqual(tasks);
    expect(world.invariants.broken).toEqual([]);
  });

  it("rolls with two target groups, without a moment below the minimum at either", async () => {
    const world = newWorld();
    world.createService({ desiredCount: 3 }, { balanced: true, pairs: 2, image: "v1" });
    await world.clock.advance(MINUTE_MS);
    const healthyBy = new Map<number, number>();
    world.store.watch(({ kind }) => {
      if (kind !== "target") return;
      for (const port of [80, SECOND_PORT]) {
        const healthy = world.store
          .list("target")
          .filter((each) => each.port === port && each.state === "healthy").length;
        healthyBy.set(port, Math.min(healthyBy.get(port) ?? Infinity, healthy));
      }
    });
    world.deploy("v2");
    await world.clock.advance(5 * MINUTE_MS);
    expect(newest(world)?.status).toBe("SUCCESSFUL");
    expect(Object.fromEntries(healthyBy)).toEqual({ 80: 3, [SECOND_PORT]: 3 });
    expect(world.store.list("target").map(({ port }) => port)).toEqual(
      expect.arrayContaining([80, 80, 80, SECOND_PORT, SECOND_PORT, SECOND_PORT]),
    );
    expect(world.runningTasks().every((task) => task.taskDefinitionArn.includes("v2"))).toBe(true);
    expect(world.invariants.broken).toEqual([]);
  });
});

const SEEDS = 40;

const shown = ({ seed, trace, problems }: Awaited<ReturnType<typeof runSchedule>>): string =>
  problems.length === 0 ? "" : [`seed ${seed}`, ...trace, ...problems].join("\n");

it(`the invariants of traffic hold in ${SEEDS} runs of a service with two load balancers`, async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1)
    expect(shown(await runSchedule(seed, { staged: true, pairs: 2 }))).toBe("");
});
