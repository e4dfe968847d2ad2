import { elapsedSince } from "@gantry/kernel";
import {
  addServiceEvent,
  containerInstanceId,
  serviceEventsOf,
  type TaskRecord,
  type Transaction,
} from "@gantry/state";
import type { ControllerDeps } from "../controller-deps.ts";
import type { Refusal } from "./placement-candidate.ts";

/** The same event is not added again for so long, as long as ECS's own retries wait at most. */
const REPEAT_AFTER_MS = 15 * 60_000;
const MORE = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
const SHORT: Readonly<Record<Refusal["reason"], string>> = {
  "RESOURCE:CPU": "has insufficient CPU units available",
  "RESOURCE:MEMORY": "has insufficient memory available",
  "RESOURCE:ENI": 'encountered error "RESOURCE:ENI"',
  AGENT: "doesn't have the agent connected",
  ATTRIBUTE: "is missing an attribute required by your task",
  LOCATION: 'encountered error "LOCATION"',
};

/** Adds an event to the service of a task: the task waits for a node, and why, in ECS's words. */
export function recordUnplaced(
  tx: Transaction,
  { ids, clock }: Pick<ControllerDeps, "ids" | "clock">,
  task: TaskRecord,
  refusals: readonly Refusal[],
): void {
  const service = task.serviceArn === undefined ? undefined : tx.get("service", task.serviceArn);
  if (service === undefined) return;
  const now = clock.now();
  const message = `(service ${service.name}) ${describeUnplaced(task, refusals)} ${MORE}`;
  const isSaid = serviceEventsOf(tx, service.arn).some(
    (event) => event.message === message && elapsedSince(event.createdAt, now) < REPEAT_AFTER_MS,
  );
  if (!isSaid) addServiceEvent(tx, service, { ids, message, now });
}

/** Source: Amazon ECS Developer Guide, "Amazon ECS service event messages". */
function describeUnplaced({ launchType }: TaskRecord, refusals: readonly Refusal[]): string {
  // The closest match is a node that is large enough for the task and only lacks room now.
  const closest = refusals.find((each) => !each.isPermanent) ?? refusals[0];
  if (launchType === "EC2") {
    const match =
      closest === undefined
        ? "Reason: No Container Instances were found in your cluster."
        : `The closest matching (container-instance ${containerInstanceId(closest.nodeId)}) ${SHORT[closest.reason]}.`;
    return `was unable to place a task because no container instance met all of its requirements. ${match}`;
  }
  const resource = /^RESOURCE:(CPU|MEMORY)$/.exec(closest?.reason ?? "")?.[1];
  return closest?.isPermanent === true && resource !== undefined
    ? `was unable to place a task. Reason: The requested ${resource} configuration is above your limit.`
    : "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later " +
        "or in a different availability zone.";
}
