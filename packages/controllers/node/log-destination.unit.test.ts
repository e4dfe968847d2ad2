import type { ContainerSpec } from "@gantry/state";
import { expect, it } from "vitest";
import { logDestination } from "./pod-assignment.ts";

const TASK = { arn: "arn:aws:ecs:eu-south-1:000000000000:task/default/t", placement: undefined };
const container = (options: Readonly<Record<string, string>>) =>
  ({ name: "c", logConfiguration: { logDriver: "awslogs", options } }) as ContainerSpec; // What decides.

it("takes the mode of a log driver from its options, else from the account's setting", () => {
  expect(logDestination(container({}), TASK)?.nonBlocking).toBe(true);
  expect(logDestination(container({}), TASK, "blocking")?.nonBlocking).toBe(false);
  expect(logDestination(container({ mode: "non-blocking" }), TASK, "blocking")?.nonBlocking).toBe(true);
});
