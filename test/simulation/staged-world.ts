import { newWorld } from "@gantry/testkit";
import type { RolloutSpec, ServiceRecord } from "@gantry/state";
import { expect } from "vitest";

export const MINUTE_MS = 60_000;
export const BLUE_GREEN: RolloutSpec = {
  strategy: "BLUE_GREEN",
  bakeTimeMinutes: 1,
  canary: undefined,
  linear: undefined,
};

/** A world in which version 1 of a service serves, behind one pair of target groups or two. */
export async function newStagedWorld(
  rollout: RolloutSpec,
  spec: Partial<ServiceRecord["spec"]> = {},
  { pairs = 1 }: { pairs?: 1 | 2 } = {},
) {
  const world = newWorld();
  const circuitBreaker = { enable: true, rollback: true };
  world.createService(
    { desiredCount: 2, rollout, circuitBreaker, ...spec },
    { balanced: true, pairs, image: "v1" },
  );
  await world.clock.advance(MINUTE_MS);
  expect(world.deployments().map((each) => each.status)).toEqual(["SUCCESSFUL"]);
  return world;
}

/** The stages and weights that a deployment goes through. */
export function follow(world: Awaited<ReturnType<typeof newStagedWorld>>) {
  const seen: string[] = [];
  world.store.watch(() => {
    const ongoing = world.deployments().find((each) => each.finishedAt === undefined);
    if (ongoing === undefined) return;
    const line =
      `${ongoing.status === "IN_PROGRESS" ? ongoing.lifecycleStage : ongoing.status} ` +
      `${ongoing.traffic?.test}/${ongoing.traffic?.production}`;
    if (seen.at(-1) !== line) seen.push(line);
  });
  return seen;
}

/** The newest deployment of a world's service. */
export const newest = (world: ReturnType<typeof newWorld>) =>
  world.deployments().toSorted((a, b) => b.createdAt - a.createdAt)[0];
