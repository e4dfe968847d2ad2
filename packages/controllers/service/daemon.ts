import { elapsedSince } from "@gantry/kernel";
import {
  primaryOf,
  setDesiredCount,
  type NodeRecord,
  type Reader,
  type ServiceRecord,
  type TaskRecord,
  type Transaction,
} from "@gantry/state";
import { AWAY_MAX_MS } from "../scheduler/filters.ts";
import { nodeFilter, queriesOf } from "../scheduler/node-queries.ts";
import { isActive } from "./fleet.ts";
import type { ServiceAction, ServiceTask, ServiceView } from "./service-action.ts";

/**
 * Makes the desired count of a service with the scheduling strategy DAEMON the number of nodes that are to run a
 * task of it. Returns the service as it is now.
 * Source: Amazon ECS Developer Guide, "Service scheduler concepts", Daemon.
 */
export function followNodes(tx: Transaction, service: ServiceRecord, now: number): ServiceRecord {
  return setDesiredCount(tx, service.arn, daemonNodes(tx, service, now).size);
}

/**
 * The nodes that are to run a task: those with an agent in a zone of the service's subnets that satisfy its placement
 * constraints. A node whose agent is away for long gets no new task, but keeps the one that it runs, as a container
 * instance does; so does a node that satisfies the constraints no more.
 */
export function daemonNodes(reader: Reader, service: ServiceRecord, now: number): ReadonlySet<string> {
  const primary = primaryOf(reader, service.arn);
  const subnets = (primary?.network.subnets ?? []).flatMap((id) => reader.get("subnet", id) ?? []);
  const zones = new Set(subnets.map(({ availabilityZone }) => availabilityZone));
  const { memberOf } = service.spec.placementRules ?? {};
  const queries = primary === undefined ? [] : queriesOf(reader, { ...primary, memberOf });
  const isMember = nodeFilter(reader, queries, service.clusterArn);
  const running = new Set(
    reader
      .listBy("task", "service", service.arn)
      .filter(isWanted)
      .map(({ placement }) => placement?.nodeId),
  );
  const fits = (node: NodeRecord): boolean => {
    const { id, zone, state, lastContactAt = 0 } = node;
    const hasAgent = state !== "DISCONNECTED" || elapsedSince(lastContactAt, now) < AWAY_MAX_MS;
    const isFit = queries.length === 0 || subnets.some((subnet) => isMember(node, subnet));
    const isPlace = running.has(id) || (hasAgent && isFit);
    return (zone === undefined || zones.has(zone)) && isPlace;
  };
  return new Set(
    reader
      .list("node")
      .filter(fits)
      .map(({ id }) => id),
  );
}

function isWanted({ desiredStatus, lastStatus }: TaskRecord): boolean {
  return desiredStatus === "RUNNING" && lastStatus !== "STOPPED";
}

/**
 * Separates the tasks that are where the strategy wants none: on a node that left, and a second one of the same
 * version on a node. The rest is planned as any other service is. Pure.
 */
export function withoutStrays(
  view: ServiceView,
  nodes: ReadonlySet<string>,
): { readonly view: ServiceView; readonly stops: readonly ServiceAction[] } {
  const seen = new Set<string>();
  const isStray = (each: ServiceTask): boolean => {
    const nodeId = each.task.placement?.nodeId;
    if (!isActive(each) || nodeId === undefined) return false;
    const place = `${nodeId} ${each.task.deploymentId}`;
    const isSecond = seen.has(place);
    seen.add(place);
    return isSecond || !nodes.has(nodeId);
  };
  const strays = new Set(view.tasks.filter(isStray));
  const stops = [...strays].map(({ task }): ServiceAction => ({
    type: "stopTask",
    taskArn: task.arn,
    reason: `Scaling activity initiated by (deployment ${task.deploymentId})`,
    unhealthy: false,
  }));
  return { view: { ...view, tasks: view.tasks.filter((each) => !strays.has(each)) }, stops };
}
