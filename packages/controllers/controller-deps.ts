import type { Clock, Ids, Logger } from "@gantry/kernel";
import type { Kind, Store } from "@gantry/state";

/** The dependencies of every controller. */
export interface ControllerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
}

/** Watches one kind of record: the changed keys of that kind, mapped to the keys a controller works on. */
export function watchKinds(
  store: Store,
  mapping: Partial<Record<Kind, (key: string) => Iterable<string>>>,
): (changed: (key: string) => void) => () => void {
  return (changed) =>
    store.watch((change) => {
      const keysOf = mapping[change.kind];
      if (keysOf !== undefined) for (const key of keysOf(change.key)) changed(key);
    });
}
