import type * as ecs from "@aws-sdk/client-ecs";
import { ClusterQueryError, parseClusterQuery } from "@gantry/content/cluster-query";
import type { NodeRecord, Reader, TaskRecord } from "@gantry/state";
import { querySubjectsOf } from "@gantry/state/transactions/query-subjects";

/** The expression of a constraint of the type memberOf. Errors: what `refused` makes of a sentence. */
export function toQuery(
  { type, expression }: ecs.PlacementConstraint | ecs.TaskDefinitionPlacementConstraint,
  refused: (sentence: string) => Error,
): string {
  if (type !== "memberOf") throw refused(`constraint.type '${type ?? ""}' is not supported.`);
  if (expression === undefined || expression === "")
    throw refused("An expression is required where the constraint type is memberOf.");
  try {
    parseClusterQuery(expression);
    return expression;
  } catch (thrown) {
    if (!(thrown instanceof ClusterQueryError)) throw thrown;
    throw refused(`The expression of a placement constraint is invalid: ${thrown.message}.`);
  }
}

/** Whether a node satisfies queries, in a subnet that the tasks may use. */
export function memberFilter(
  reader: Reader,
  queries: readonly string[],
  { clusterArn, network }: Pick<TaskRecord, "clusterArn" | "network">,
): (node: NodeRecord) => boolean {
  if (queries.length === 0) return () => true;
  const parsed = queries.map(parseClusterQuery);
  const subnets = network.subnets.flatMap((id) => reader.get("subnet", id) ?? []);
  return (node) =>
    subnets.some((subnet) => {
      const subjects = querySubjectsOf(reader, { node, subnet, clusterArn });
      return parsed.every((query) => query(subjects));
    });
}
