import {
  archiveController,
  connectionController,
  deliveryController,
  destinationCaller,
  destinationController,
  replayController,
  scheduleController,
  type DestinationDeps,
  type InvokeDeps,
} from "@gantry/controllers";
import type { LogStore } from "@gantry/content";
import type { Reconciler } from "@gantry/kernel";
import type { Dispatcher } from "@gantry/wire";

interface EventControllersDeps extends DestinationDeps {
  readonly dispatcher: Pick<Dispatcher, "call">;
  readonly logs: Pick<LogStore, "createStream" | "append" | "events" | "expire">;
}

/** The controllers of EventBridge and its Scheduler, with what they call: the API, and the log store. */
export function eventControllers({ dispatcher, logs, ...deps }: EventControllersDeps): readonly Reconciler[] {
  const invoking: InvokeDeps = {
    ...deps,
    callApi: (call) => dispatcher.call(call),
    callDestination: destinationCaller(deps),
    putLog(groupArn, stream, message) {
      const now = deps.clock.now();
      logs.createStream(groupArn, stream, now);
      logs.append(groupArn, stream, [{ timestamp: now, message }], now);
    },
  };
  return [
    scheduleController(deps),
    archiveController({ ...deps, expireEvents: (group, before) => logs.expire(group, before) }),
    replayController({
      ...deps,
      archivedEvents: (group, after, limit) =>
        logs.events(group, {
          ...{ streams: undefined, from: 0, until: Number.MAX_SAFE_INTEGER, order: "ascending" },
          ...{ after, limit },
        }),
    }),
    connectionController(deps),
    deliveryController(invoking),
    destinationController(invoking),
  ];
}
