import { RestRouter } from "./rest-router.ts";
import { loadService, type LoadedService, type ServiceDescriptor, type ServiceModule } from "./service.ts";

/** A loaded service, and what finds its operations by method and path. */
export type RoutedService = LoadedService & { readonly router: RestRouter };

/** A service whose code is loaded with its first request, or when it is warmed. */
export class Registration {
  readonly descriptor: ServiceDescriptor;
  /** What `load` resolved with, once it has. */
  loaded: RoutedService | undefined;
  readonly #load: () => Promise<ServiceModule>;
  #loading: Promise<RoutedService> | undefined;

  constructor(descriptor: ServiceDescriptor, load: () => Promise<ServiceModule>) {
    this.descriptor = descriptor;
    this.#load = load;
  }

  /** Loads the service once. Errors: those of its module. */
  load(): Promise<RoutedService> {
    return (this.#loading ??= this.#load().then((module) => {
      const service = loadService(this.descriptor, module);
      return (this.loaded = { ...service, router: new RestRouter(service.operations.values()) });
    }));
  }
}
