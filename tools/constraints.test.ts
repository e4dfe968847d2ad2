import type { Shape } from "@gantry/wire";
import { expect, it } from "vitest";
import { loadedService, SERVICE_NAMES } from "../test/attacks/loaded-services.ts";

/** Whether an input has the member at a path; lists add nothing to it. */
function hasMember(shape: Shape | undefined, path: readonly string[]): boolean {
  const [first, ...rest] = path;
  if (first === undefined) return true;
  if (shape?.type === "list") return hasMember(shape.element.shape, path);
  if (shape?.type !== "structure") return false;
  const member = shape.members.find(({ name }) => name === first);
  return member !== undefined && hasMember(member.shape, rest);
}

// Before: EventBridge's `PutRule/Name` and `CreateEventBus/Name` named members of a structure that no input has.
it.each(SERVICE_NAMES)("every constraint of %s names a member", async (name) => {
  const { operations, constraints } = await loadedService(name);
  const dead = Object.keys(constraints).filter((key) => {
    const [operation = "", member] = key.split(".");
    if (member !== undefined) {
      const named = operations.get(operation);
      return named?.handler === undefined || !hasMember(named.input, [member]);
    }
    return ![...operations.values()].some(
      ({ handler, input }) => handler !== undefined && hasMember(input, key.split("/")),
    );
  });
  expect(dead).toEqual([]);
});
