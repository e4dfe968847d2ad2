import { parseClusterQuery } from "@gantry/content/cluster-query";
import type { NodeRecord, Reader, SubnetRecord, TaskRecord } from "@gantry/state";
import { querySubjectsOf } from "@gantry/state/transactions/query-subjects";

/** The queries of a task's placement constraints: its own, and those of its definition. */
export function queriesOf(
  reader: Reader,
  task: Pick<TaskRecord, "memberOf" | "taskDefinitionArn">,
): readonly string[] {
  const { memberOf = [] } = reader.get("taskDefinition", task.taskDefinitionArn)?.spec ?? {};
  return [...(task.memberOf ?? []), ...memberOf];
}

/** Whether a node satisfies queries, for a task with its interface in a subnet. The API has checked their form. */
export function nodeFilter(
  reader: Reader,
  queries: readonly string[],
  clusterArn: string,
): (node: NodeRecord, subnet: SubnetRecord) => boolean {
  if (queries.length === 0) return () => true;
  const parsed = queries.map(parseClusterQuery);
  return (node, subnet) => {
    const subjects = querySubjectsOf(reader, { node, subnet, clusterArn });
    return parsed.every((query) => query(subjects));
  };
}
