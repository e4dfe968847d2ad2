import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Dispatcher, ServiceDescriptor, ServiceModule } from "@gantry/wire";
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

// UPDATE_SUPPORT=1 writes the lists.
it.each(Object.entries(DESCRIPTORS))("%s lists its operations in SUPPORT.md", async (name, descriptor) => {
  const path = join(import.meta.dirname, name, "SUPPORT.md");
  const text = readFileSync(path, "utf8");
  const { operations } = await (services.get(descriptor) ?? expect.fail("is registered"))();
  const list = Object.keys(operations).toSorted().join(", ");
  const wanted = text.replace(/(## Operations\n\n)[^\n]*/, `$1${list}`);
  if (process.env["UPDATE_SUPPORT"] !== undefined) writeFileSync(path, wanted);
  else expect(text).toBe(wanted);
});
