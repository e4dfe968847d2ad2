import { DESCRIPTORS, registerServices, type ServicesDeps } from "@gantry/api";
import { randomIds, SystemClock } from "@gantry/kernel";
import { MemoryStore } from "@gantry/state";
import type { Dispatcher, LoadedService, ServiceDescriptor, ServiceModule } from "@gantry/wire";
import { loadService } from "@gantry/wire/service";

export type ServiceName = keyof typeof DESCRIPTORS;
export const SERVICE_NAMES = Object.keys(DESCRIPTORS) as readonly ServiceName[]; // Its own keys.

const modules = new Map<ServiceDescriptor, () => Promise<ServiceModule>>();
const nothing: unknown = new Proxy({}, { get: () => nothing });

/**
 * The tables of a service: its operations with their shapes, and its permissions on an empty store. No
 * handler can run.
 */
export async function loadedService(name: ServiceName): Promise<LoadedService> {
  if (modules.size === 0)
    registerServices(
      {
        register: (descriptor: ServiceDescriptor, load: () => Promise<ServiceModule>) =>
          void modules.set(descriptor, load),
      } as unknown as Dispatcher,
      {
        ...(nothing as ServicesDeps),
        store: new MemoryStore(),
        clock: new SystemClock(),
        ids: randomIds(),
      },
    ); // Only permissions are called; they read the store.
  const module = await modules.get(DESCRIPTORS[name])?.();
  if (module === undefined) throw new Error(`${name} is not registered.`);
  return loadService(DESCRIPTORS[name], module);
}
