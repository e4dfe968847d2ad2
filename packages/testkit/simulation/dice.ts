import { seededRandom } from "@gantry/kernel";

/** A seeded random number generator with the operations that schedules need. */
export interface Dice {
  /** A random integer from `least` to `most`, both included. */
  number(least: number, most: number): number;
  chance(probability: number): boolean;
  pick<T>(choices: readonly T[]): T;
}

export function newDice(seed: number): Dice {
  const next = seededRandom((seed + 1) * 2_654_435_761);
  for (let warm = 0; warm < 8; warm += 1) next();
  const number = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1));
  return {
    number,
    chance: (probability) => next() < probability,
    pick<T>(choices: readonly T[]): T {
      const chosen = choices[number(0, choices.length - 1)];
      if (chosen === undefined) throw new Error("There is nothing to pick from.");
      return chosen;
    },
  };
}
