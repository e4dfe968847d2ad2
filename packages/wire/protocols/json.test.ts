import { expect, it } from "vitest";
import type { Member, Shape } from "../shape.ts";
import { writeJsonBody } from "./json.ts";

const member = (name: string, shape: Shape): Member => ({
  name,
  required: false,
  own: {},
  traits: {},
  shape,
});
const TASK: Shape = {
  type: "structure",
  name: "Task",
  union: false,
  traits: {},
  members: [member("arn", { type: "string" })],
};
const TASKS: Shape = { type: "list", traits: {}, element: member("member", TASK) };
const ANSWER: Shape = {
  type: "structure",
  name: "Answer",
  union: false,
  traits: {},
  members: [member("tasks", TASKS), member("stopped", TASKS)],
};
const task = (arn: string): object => Object.freeze({ arn });
const text = (value: object): string => Buffer.from(writeJsonBody(ANSWER, value)).toString();

it("caches the text of frozen values, and serializes others again", () => {
  const [a, b] = [task("a"), task("b")];
  const first = writeJsonBody(ANSWER, { tasks: [a, b], stopped: [] });
  expect(Buffer.from(first).toString()).toBe('{"tasks":[{"arn":"a"},{"arn":"b"}],"stopped":[]}');
  expect(writeJsonBody(ANSWER, { tasks: [a, b], stopped: [] })).toBe(first);
  expect(text({ tasks: [a, task("c")], stopped: [] })).toBe(
    '{"tasks":[{"arn":"a"},{"arn":"c"}],"stopped":[]}',
  );
  expect(text({ tasks: [a], stopped: [b] })).toBe('{"tasks":[{"arn":"a"}],"stopped":[{"arn":"b"}]}');
  expect(text({ tasks: [a] })).toBe('{"tasks":[{"arn":"a"}]}');
  expect(text({ tasks: [], stopped: [] })).toBe('{"tasks":[],"stopped":[]}');
});

it("caches nothing that may change", () => {
  const live = { arn: "a" };
  expect(text({ tasks: [live] })).toBe('{"tasks":[{"arn":"a"}]}');
  live.arn = "b";
  expect(text({ tasks: [live] })).toBe('{"tasks":[{"arn":"b"}]}');
});
