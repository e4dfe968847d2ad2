import { addServiceEvent, serviceEventsOf, type Transaction } from "@gantry/state";
import type { ControllerDeps } from "../controller-deps.ts";
import type { ServiceView } from "./service-action.ts";

/** Adds one event for each outage: tasks of the service wait for an engine that does not answer. */
export function recordWaiting(tx: Transaction, { ids }: ControllerDeps, { service, now }: ServiceView): void {
  const silent = tx.list("node").filter((node) => node.engine?.answers === false);
  if (silent.length === 0) return;
  const waiting = tx
    .listBy("task", "service", service.arn)
    .filter((task) => task.lastStatus !== task.desiredStatus && task.lastStatus !== "STOPPED");
  for (const node of silent) {
    if (!waiting.some((task) => (task.placement?.nodeId ?? node.id) === node.id)) continue;
    const since = new Date(node.engine?.since ?? now).toISOString();
    const message =
      `(service ${service.name}) is waiting for the container engine of node ${node.hostname}, which has ` +
      `not answered since ${since}. Restart the engine there, e.g. with "systemctl restart docker".`;
    const isSaid = serviceEventsOf(tx, service.arn).some((event) => event.message === message);
    if (!isSaid) addServiceEvent(tx, service, { ids, message, now });
  }
}
