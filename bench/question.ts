import type { InstanceSettings } from "@gantry/control-plane";
import type { Clients } from "@gantry/cli/demo/clients";
import type { Clock } from "@gantry/kernel";

/** What a benchmark is given: an instance that is up, and AWS's own clients for it. */
export interface Bench {
  readonly settings: InstanceSettings;
  readonly clients: Clients;
  readonly clock: Clock;
  readonly region: string;
  /** The account's root: what a client by hand signs with. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** One question's answer: a figure, what it is compared to, and what was hoped for. */
export interface Answer {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly baseline: number;
  /** What the baseline is, in words. */
  readonly against: string;
  /** A bound on the ratio of value to baseline, or on the value itself; undefined where the figure is only told. */
  readonly goal:
    | { readonly of: "ratio" | "value"; readonly most: number }
    | { readonly of: "ratio"; readonly least: number }
    | undefined;
}

export interface Question {
  readonly name: string;
  ask(bench: Bench): Promise<readonly Answer[]>;
}

export function ratioOf(answer: Answer): number {
  return answer.value / answer.baseline;
}

export function isMet(answer: Answer): boolean {
  const { goal } = answer;
  if (goal === undefined) return true;
  if ("least" in goal) return ratioOf(answer) >= goal.least;
  return (goal.of === "ratio" ? ratioOf(answer) : answer.value) <= goal.most;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}
