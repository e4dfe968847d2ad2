import { messageOf, type Clock } from "@gantry/kernel";
import type { Answer, Bench, Question } from "./question.ts";

/** How long one question may take. The longest takes about four minutes on two idle cores. */
export const QUESTION_MAX_MS = 15 * 60_000;

/** A question did not end in time. */
class TimeLimitError extends Error {
  override readonly name = "TimeLimitError";
}

export interface Asked {
  /** Questions that failed or took too long. */
  readonly failed: number;
  /** Whether a question took too long. Its work goes on in this process, and the questions after it were not asked. */
  readonly isAbandoned: boolean;
}

/**
 * Asks each question and hands over its answers. A question that fails is reported, and the next one is asked.
 * A question that takes longer than `QUESTION_MAX_MS` is the last one: what it still does would disturb the others.
 */
export async function askEach(
  questions: readonly Question[],
  bench: Bench,
  on: {
    readonly step: <T>(name: string, work: () => Promise<T>) => Promise<T>;
    readonly answer: (answer: Answer) => void;
    readonly failure: (sentence: string) => void;
  },
): Promise<Asked> {
  let failed = 0;
  for (const question of questions)
    try {
      const ask = (): Promise<readonly Answer[]> => withinLimit(bench.clock, question.ask(bench));
      for (const answer of await on.step(`Measuring ${question.name}`, ask)) on.answer(answer);
    } catch (thrown) {
      failed += 1;
      on.failure(`The benchmark ${question.name} failed: ${messageOf(thrown)}`);
      if (thrown instanceof TimeLimitError) return { failed, isAbandoned: true };
    }
  return { failed, isAbandoned: false };
}

/** Errors: TimeLimitError where the work takes too long; the work goes on. */
function withinLimit<T>(clock: Clock, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const minutes = QUESTION_MAX_MS / 60_000;
    const timer = clock.after(QUESTION_MAX_MS, () =>
      reject(new TimeLimitError(`it did not end within ${minutes} minutes.`)),
    );
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
