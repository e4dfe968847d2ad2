import type { ContainerSpec } from "@gantry/state";
import { expect, it } from "vitest";
import { logDestination } from "./pod-assignment.ts";

const container = (options: Readonly<Record<string, string>>) =>
  ({ name: "c", logConfiguration: { logDriver: "awslogs", options } }) as ContainerSpec; // What decides.

it("takes the mode of a log driver from its options, else from the account's setting", () => {
  expect(logDestination(container({}), "t")?.nonBlocking).toBe(true);
  expect(logDestination(container({}), "t", "blocking")?.nonBlocking).toBe(false);
  expect(logDestination(container({ mode: "non-blocking" }), "t", "blocking")?.nonBlocking).toBe(true);
});
