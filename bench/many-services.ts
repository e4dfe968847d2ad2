import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { PROJECT, RUNTIME_FLAGS } from "@gantry/cli/project";
import { present } from "@gantry/kernel";
import type { Question } from "./question.ts";

interface Outcome {
  readonly seconds: number;
  /** Of the process alone: what other programs of the machine do does not count. */
  readonly cpuSeconds: number;
  readonly p99Ms: number;
  readonly memoryMiB: number;
}

export const TASKS_EACH = 10;
const ROUNDS = 3;
const [FEW, MANY] = [50, 500];

/**
 * The whole control plane and an agent over the fake engine: five thousand tasks in five hundred services,
 * against a tenth of them.
 */
export const manyServices: Question = {
  name: "many-services",
  async ask() {
    const [few, many] = [typical(FEW), typical(MANY)];
    const against = `${FEW * TASKS_EACH} tasks`;
    return [
      // Linear: a tenth of the tasks take a tenth of the time; a fifth is left for what grows with the logarithm.
      {
        name: "steady-state-per-task",
        unit: "ms",
        value: (many.seconds * 1_000) / (MANY * TASKS_EACH),
        baseline: (few.seconds * 1_000) / (FEW * TASKS_EACH),
        against,
        goal: { of: "ratio", most: 1.2 },
      },
      {
        name: "steady-state-5000-tasks",
        unit: "s",
        value: many.seconds,
        baseline: few.seconds,
        against,
        goal: undefined,
      },
      { name: "reconcile-p99", unit: "ms", value: many.p99Ms, baseline: few.p99Ms, against, goal: undefined },
      {
        name: "memory-5000-tasks",
        unit: "MiB",
        value: many.memoryMiB,
        baseline: few.memoryMiB,
        against,
        goal: { of: "value", most: 300 },
      },
    ];
  },
};

/** The middle one of several runs, by time. */
function typical(services: number): Outcome {
  const outcomes = Array.from({ length: ROUNDS }, () => steady(services)).toSorted(
    (a, b) => a.seconds - b.seconds,
  );
  return present(outcomes[ROUNDS >> 1], "There is a run in the middle.");
}

/** From nothing to steady state, in a process of its own: its memory is what it took. */
export function steady(services: number, nodes: 1 | 3 = 1): Outcome {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      "--expose-gc",
      ...RUNTIME_FLAGS,
      join(PROJECT, "bench/steady-state.ts"),
      String(services),
      String(TASKS_EACH),
      String(nodes),
    ],
    { encoding: "utf8" },
  );
  if (stdout.trim() === "") throw new Error(`The simulation said nothing: ${stderr}`);
  return JSON.parse(stdout) as Outcome; // The script's own line.
}
