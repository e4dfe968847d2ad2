import type * as ecs from "@aws-sdk/client-ecs";
import {
  capacityOf,
  containerInstanceArn,
  reservationOf,
  reservedOn,
  shortageOf,
  type ClusterRecord,
  type Overcommit,
  type Reader,
  type Resources,
  type TaskDefinitionRecord,
  type TaskRecord,
} from "@gantry/state";
import { clusterQueries } from "./placement.ts";

/** How many of the tasks of a call are started, and why the others are not. */
export interface Admission {
  readonly fitting: number;
  /** One for each node, as ECS has one for each container instance. */
  readonly failures: readonly ecs.Failure[];
}

/**
 * Counts how many of a call's tasks the nodes have room for. Where no node has ever connected all are
 * started, and wait.
 * Source: Amazon ECS Developer Guide, "API failure reasons", RESOURCE:CPU, RESOURCE:MEMORY and "MemberOf placement
 * constraint unsatisfied.".
 */
export function admitTasks(
  reader: Reader,
  wanted: {
    readonly cluster: ClusterRecord;
    readonly definition: TaskDefinitionRecord;
    readonly overrides: TaskRecord["overrides"];
    readonly network: TaskRecord["network"];
    readonly memberOf?: TaskRecord["memberOf"];
    readonly count: number;
  },
  { overcommit }: { readonly overcommit: Overcommit },
): Admission {
  const all = reader.list("node");
  if (all.length === 0) return { fitting: wanted.count, failures: [] };
  const { cluster, definition, network, memberOf = [] } = wanted;
  const queries = [...memberOf, ...(definition.spec.memberOf ?? [])];
  const isMember = clusterQueries().memberFilter(reader, queries, { clusterArn: cluster.arn, network });
  const nodes = all.filter(isMember);
  const strangers = all.filter((node) => !nodes.includes(node));
  const need = reservationOf(wanted.definition.spec, wanted.overrides);
  const reserved = new Map(nodes.map((node) => [node.id, reservedOn(reader, node.id)]));
  const lacks = (node: (typeof nodes)[number]) =>
    shortageOf(need, { capacity: capacityOf(node), reserved: reserved.get(node.id) ?? NOTHING }, overcommit);
  for (let fitting = 0; fitting < wanted.count; fitting += 1) {
    const node = nodes.find((each) => lacks(each) === undefined);
    if (node === undefined)
      return {
        fitting,
        failures: [
          ...nodes.flatMap((each) => failureOf(each, lacks(each))),
          ...strangers.map(({ id }) => ({
            arn: containerInstanceArn(wanted.cluster, id),
            reason: "MemberOf placement constraint unsatisfied.",
          })),
        ],
      };
    reserved.set(node.id, add(reserved.get(node.id) ?? NOTHING, need));
  }
  return { fitting: wanted.count, failures: [] };

  function failureOf(node: (typeof nodes)[number], shortage: ReturnType<typeof lacks>): ecs.Failure[] {
    if (shortage === undefined) return [];
    const unit = shortage.resource === "CPU" ? "CPU units" : "MiB of memory";
    return [
      {
        arn: containerInstanceArn(wanted.cluster, node.id),
        reason: `RESOURCE:${shortage.resource}`,
        detail:
          `The task needs ${shortage.needed} ${unit}; the node ${node.hostname} has ` +
          `${Math.max(0, shortage.available)}${shortage.isPermanent ? "" : " left"}.`,
      },
    ];
  }
}

const NOTHING: Resources = { cpuUnits: 0, memoryMiB: 0 };

function add(a: Resources, b: Resources): Resources {
  return { cpuUnits: a.cpuUnits + b.cpuUnits, memoryMiB: a.memoryMiB + b.memoryMiB };
}
