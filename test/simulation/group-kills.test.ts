import { newGroupSimulation, type GroupSimulation } from "@gantry/testkit/group-simulation";
import { runGroupSchedule } from "@gantry/testkit/simulation/group-schedule";
import { describe, expect, it } from "vitest";
import { VICTIMS } from "./victims.ts";

// `kill -9` of the control plane and the agent at every step of an Auto Scaling group. The group ends up with
// the desired number of instances, it never has more than its maximum, and no instance is lost or launched twice.

const MINUTE_MS = 60_000;
const LOOK_MS = 5_000;
const WAIT_MAX_MS = 30 * MINUTE_MS;
const SEEDS = 40;

/** A moment of a group, by what its records say. */
const MOMENTS: Readonly<Record<string, (world: GroupSimulation) => boolean>> = {
  "a launch is recorded": (world) => world.records().some(({ instanceId }) => instanceId === undefined),
  "an instance is launched": (world) => world.live().some(({ state }) => state === "pending"),
  "an instance runs": (world) =>
    world.live().some(({ id, state }) => state === "running" && !isInService(world, id)),
  "an instance is to end": (world) => world.records().some(({ state }) => state.startsWith("Terminating")),
  "an instance ends": (world) => hasState(world, "shutting-down"),
  "an instance has ended": (world) => hasState(world, "terminated"),
};
const hasState = ({ store }: GroupSimulation, wanted: string): boolean =>
  store.list("ec2Instance").some(({ state }) => state === wanted);
const isInService = (world: GroupSimulation, id: string): boolean =>
  world.records().some((each) => each.instanceId === id && each.state === "InService");

/** There is no load balancer. */
const VICTIMS_OF_GROUPS = Object.entries(VICTIMS).filter(([name]) => name !== "proxy");

/** What happens to a group of two instances, and which moments come then. */
const EVENTS: Readonly<
  Record<string, { readonly act: (world: GroupSimulation) => Promise<unknown>; readonly desired: number }>
> = {
  "grows and shrinks": {
    async act(world) {
      await world.setDesired(4);
      world.clock.after(20_000, () => void world.setDesired(1));
    },
    desired: 1,
  },
  "is refreshed": { act: (world) => world.refresh(100), desired: 2 },
  "is refreshed with more instances": { act: (world) => world.refresh(150), desired: 2 },
  "loses an instance": { act: (world) => world.terminate(world.live()[0]?.id ?? ""), desired: 2 },
  "is deleted": { act: (world) => world.remove(), desired: 0 },
};

/** Runs one cell. Returns what is wrong; empty where nothing is. */
async function runCell(cell: {
  readonly event: string;
  readonly moment: string;
  readonly victim: (world: GroupSimulation) => void;
}): Promise<{ readonly problem: string; readonly struck: boolean }> {
  const { act = async () => {}, desired = 0 } = EVENTS[cell.event] ?? {};
  const world = await newGroupSimulation();
  await world.clock.advance(MINUTE_MS);
  const begun = await world.unrest();
  let struck = false;
  world.store.watch(() => {
    if (struck || MOMENTS[cell.moment]?.(world) !== true) return;
    struck = true;
    // Not within the transaction that brings the moment about: a process dies between two of its writes, or at
    // one of them.
    world.clock.after(0, () => cell.victim(world));
  });
  await act(world);
  const deadline = world.clock.now() + WAIT_MAX_MS;
  await world.clock.advance(MINUTE_MS);
  let rest = await world.unrest();
  while (rest.length > 0 && world.clock.now() < deadline && world.broken.length === 0) {
    await world.clock.advance(LOOK_MS);
    rest = await world.unrest();
  }
  const count = world.live().length;
  world.stop();
  const problem = [
    ...begun.map((each) => `before: ${each}`),
    ...world.broken,
    ...world.bugs,
    ...rest,
    ...(count === desired ? [] : [`${count} instances of ${desired}`]),
    ...(desired === 0 && world.group() !== undefined ? ["the group is left"] : []),
  ].join("; ");
  return { problem, struck };
}

describe("an Auto Scaling group", () => {
  it.each(Object.keys(EVENTS))("that %s survives a kill of each process at every step", async (event) => {
    const problems: string[] = [];
    const seen = new Set<string>();
    for (const moment of Object.keys(MOMENTS))
      for (const [name, victim] of VICTIMS_OF_GROUPS) {
        const { problem, struck } = await runCell({ event, moment, victim });
        if (struck) seen.add(moment);
        if (problem !== "") problems.push(`${moment}, ${name}: ${problem}`);
      }
    expect(problems).toEqual([]);
    expect(seen.size).toBeGreaterThan(2);
  });

  it("keeps its desired capacity in random histories", async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { trace, problems } = await runGroupSchedule(seed);
      expect(problems.length === 0 ? [] : [`seed ${seed}`, ...trace, ...problems]).toEqual([]);
    }
  });
});
