import { steady, TASKS_EACH } from "./many-services.ts";
import { median, type Question } from "./question.ts";

const SERVICES = 200;
const ROUNDS = 7;

/**
 * The whole control plane with three simulated nodes against one: tasks from nothing to steady state, by the CPU time
 * that placing and assigning them, and what their nodes report, takes. The two take turns.
 */
export const threeNodes: Question = {
  name: "three-nodes",
  async ask() {
    const [one, three]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      one.push(steady(SERVICES).cpuSeconds);
      three.push(steady(SERVICES, 3).cpuSeconds);
    }
    const perTask = 1_000 / (SERVICES * TASKS_EACH);
    return [
      {
        name: "three-nodes-per-task",
        unit: "ms",
        value: median(three) * perTask,
        baseline: median(one) * perTask,
        against: "one node",
        goal: { of: "ratio", most: 1.05 },
      },
    ];
  },
};
