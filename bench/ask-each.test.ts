import { expect, it } from "vitest";
import { askEach, QUESTION_MAX_MS } from "./ask-each.ts";
import type { Answer, Bench, Question } from "./question.ts";

const answerOf = (name: string): Answer => ({
  name,
  unit: "ms",
  value: 1,
  baseline: 1,
  against: "itself",
  goal: undefined,
});
const answers = (name: string): Question => ({ name, ask: () => Promise.resolve([answerOf(name)]) });

/** Asks the questions on a clock whose timers `pass` runs. Collects what is reported. */
function start(questions: readonly Question[]) {
  const timers = new Set<{ delayMs: number; run: () => void }>();
  const clock = {
    now: () => 0,
    after: (delayMs: number, run: () => void) => {
      const timer = { delayMs, run };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
  };
  const seen: string[] = [];
  const asked = askEach(questions, { clock } as unknown as Bench, {
    // The questions use the clock alone.
    step: (_name, work) => work(),
    answer: ({ name }) => seen.push(name),
    failure: (sentence) => seen.push(sentence),
  });
  const pass = (ms: number) => {
    for (const timer of timers) if (timer.delayMs <= ms) timer.run();
  };
  return { asked, seen, pass, timers };
}

it("asks the next question after one that fails", async () => {
  const fails: Question = { name: "second", ask: () => Promise.reject(new Error("The port is taken.")) };
  const { asked, seen, timers } = start([answers("first"), fails, answers("third")]);
  expect(await asked).toEqual({ failed: 1, isAbandoned: false });
  expect(seen).toEqual(["first", "The benchmark second failed: The port is taken.", "third"]);
  expect(timers.size).toBe(0);
});

it("ends with a question that does not end in time", async () => {
  const hangs: Question = { name: "second", ask: () => new Promise(() => {}) };
  const { asked, seen, pass, timers } = start([answers("first"), hangs, answers("third")]);
  await expect.poll(() => seen.length === 1 && timers.size === 1).toBe(true);
  pass(QUESTION_MAX_MS - 1);
  pass(QUESTION_MAX_MS);
  expect(await asked).toEqual({ failed: 1, isAbandoned: true });
  expect(seen).toEqual(["first", "The benchmark second failed: it did not end within 15 minutes."]);
});
