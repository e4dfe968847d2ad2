import {
  loadService,
  type Dispatcher,
  type ServiceDescriptor,
  type ServiceModule,
  type Shape,
} from "@gantry/wire";
import { expect, it } from "vitest";
import { DESCRIPTORS, registerServices, type ServicesDeps } from "./services.ts";

const services = new Map<ServiceDescriptor, () => Promise<ServiceModule>>();
const nothing: unknown = new Proxy({}, { get: () => nothing });
registerServices(
  {
    register: (descriptor: ServiceDescriptor, load: () => Promise<ServiceModule>) =>
      void services.set(descriptor, load),
  } as unknown as Dispatcher,
  nothing as ServicesDeps,
); // Operations are only named here, never called.

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
it.each(Object.entries(DESCRIPTORS))("every constraint of %s names a member", async (_name, descriptor) => {
  const module = await (services.get(descriptor) ?? expect.fail("is registered"))();
  const { operations, constraints } = loadService(descriptor, module);
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
