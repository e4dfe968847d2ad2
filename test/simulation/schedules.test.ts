import { runSchedule } from "@gantry/testkit";
import { describe, expect, it } from "vitest";

const SEEDS = 600;
const SEEDS_OF_NODES = 300;

/** Seeds that failed once, each with what was wrong. `./gantry test --soak 10m` looks for more. */
const ONCE_FAILED: Readonly<Record<number, string>> = {
  8: "the clock set back: a deployment was declared healthy again and again, without end",
  28: "a slow engine started a container of a task that had been reported as stopped",
  63: "an agent that came after tried again what had been reported as not to be started",
  106: "a warm interface that came back started a task that had been reported as ended",
  135: "a task that was stopping went back to draining",
  146: "a new agent made every old task look sick, and a deployment stopped them all",
  4: "an address was free while an interface that came late still held it",
  764: "an agent that had not been told everything took a running task for a stray",
  1215: "what kept a pod from starting was reported before it was written down",
  182: "a task that was stopping went back to draining, behind a load balancer",
  954: "a task without its namespace was started twice",
};

const shown = ({ seed, trace, problems }: Awaited<ReturnType<typeof runSchedule>>): string =>
  problems.length === 0 ? "" : [`seed ${seed}`, ...trace, ...problems].join("\n");

describe("the invariants hold at every step and the world converges", () => {
  it(`in ${SEEDS} runs`, async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) expect(shown(await runSchedule(seed))).toBe("");
  });

  it.each(Object.entries(ONCE_FAILED))("in the run of seed %s: %s", async (seed) => {
    expect(shown(await runSchedule(Number(seed)))).toBe("");
  });

  it(`in ${SEEDS_OF_NODES} runs of three nodes`, async () => {
    for (let seed = 1; seed <= SEEDS_OF_NODES; seed += 1)
      expect(shown(await runSchedule(seed, { nodeCount: 3 }))).toBe("");
  });

  it("is the same run for the same seed", async () => {
    expect(await runSchedule(7)).toEqual(await runSchedule(7));
  });
});
