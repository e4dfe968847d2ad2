import { newGroupSimulation, type GroupSimulation } from "../group-simulation.ts";
import { endFaults, type Outcome } from "./schedule.ts";

const STEPS_MAX = 14;
const PAUSE_MAX_MS = 8_000;
const REST_LOOK_MS = 5_000;
/** Time limit for convergence: launches that fail are tried again after up to 15 minutes. */
const REST_WAIT_MS = 40 * 60_000;

/** The possible events, each with its description. */
const EVENTS: readonly (readonly [what: string, act: (world: GroupSimulation) => unknown])[] = [
  ["grow or shrink", (world) => world.setDesired(world.dice.number(0, 4))],
  ["grow or shrink", (world) => world.setDesired(world.dice.number(0, 4))],
  ["refresh", (world) => world.refresh(world.dice.pick([100, 150])).catch(() => {})], // One at a time.
  [
    "terminate an instance",
    (world) =>
      Promise.all(
        world
          .live()
          .slice(0, 1)
          .map(({ id }) => world.terminate(id)),
      ),
  ],
  ["kill the control plane", (world) => world.killControlPlane()],
  ["kill the control plane at a write", (world) => world.crashPoint(crashPoint(world))],
  ["kill the control plane at a write", (world) => world.crashPoint(crashPoint(world))],
  ["kill the agents", (world) => world.killAgent()],
  ["kill an agent at a call", (world) => void (pickNode(world).crashPoint = crashPoint(world))],
  ["a node loses power", (world) => pickNode(world).powerCut()],
  ["cut the connection", (world) => world.cutConnection()],
  ["messages get lost", (world) => world.setLinkFaults({ lost: 0.2, doubled: 0.2, delayed: 0.3 })],
];

function pickNode({ dice, nodes }: GroupSimulation): GroupSimulation["nodes"][number] {
  return dice.pick(nodes);
}

function crashPoint({ dice }: GroupSimulation) {
  return { left: dice.number(1, 12), fate: dice.pick(["dies before", "dies after"] as const) };
}

/**
 * Runs one simulation of an Auto Scaling group, determined by the seed: events affect it and its nodes, then the faults
 * end and it must converge to its desired capacity.
 */
export async function runGroupSchedule(seed: number): Promise<Outcome> {
  const world = await newGroupSimulation({ seed, nodeCount: seed % 2 === 0 ? 1 : 3 });
  const { dice, clock, broken } = world;
  const trace: string[] = [];
  const begin = clock.now();
  const say = (what: string): void => void trace.push(`${String(clock.now() - begin).padStart(8)} ${what}`);
  const steps = dice.number(4, STEPS_MAX);
  for (let step = 0; step < steps && broken.length === 0; step += 1) {
    const [what, act] = dice.pick(EVENTS);
    say(what);
    await act(world);
    await clock.advance(dice.number(1, PAUSE_MAX_MS));
  }
  endFaults(world);
  say("the faults end");
  const deadline = clock.now() + REST_WAIT_MS;
  let rest = await world.unrest();
  while (rest.length > 0 && broken.length === 0 && clock.now() < deadline) {
    await clock.advance(REST_LOOK_MS);
    rest = await world.unrest();
  }
  say(rest.length === 0 ? "at rest" : "no rest");
  world.stop();
  return { seed, trace, problems: [...broken, ...world.bugs, ...rest] };
}
