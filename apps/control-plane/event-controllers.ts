import { deliveryController, scheduleController, type ControllerDeps } from "@gantry/controllers";
import type { LogStore } from "@gantry/content";
import type { Reconciler } from "@gantry/kernel";
import type { Dispatcher } from "@gantry/wire";

interface EventControllersDeps extends ControllerDeps {
  readonly dispatcher: Pick<Dispatcher, "call">;
  readonly logs: Pick<LogStore, "createStream" | "append">;
}

/** The controllers of EventBridge and its Scheduler, with what they call: the API, and the log store. */
export function eventControllers({ dispatcher, logs, ...deps }: EventControllersDeps): readonly Reconciler[] {
  return [
    scheduleController(deps),
    deliveryController({
      ...deps,
      callApi: (call) => dispatcher.call(call),
      putLog(groupArn, stream, message) {
        const now = deps.clock.now();
        logs.createStream(groupArn, stream, now);
        logs.append(groupArn, stream, [{ timestamp: now, message }], now);
      },
    }),
  ];
}
