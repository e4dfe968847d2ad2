import type { NodeRecord } from "../records.ts";
import type { Reader } from "../store.ts";

/**
 * The node that runs a load balancer or a database, or stores a file system; undefined before any node has
 * registered. Resources from before a node could be chosen are on the node that registered first.
 */
export function hostOf(reader: Reader, record: { readonly nodeId?: string | undefined }): string | undefined {
  return record.nodeId ?? firstNode(reader)?.id;
}

/** The node that registered first. */
export function firstNode(reader: Reader): NodeRecord | undefined {
  return reader
    .list("node")
    .reduce<NodeRecord | undefined>(
      (first, node) => (first === undefined || node.registeredAt < first.registeredAt ? node : first),
      undefined,
    );
}

/**
 * Chooses the node for a new load balancer, database, file system or instance: a connected node that serves one of the
 * zones and has the fewest of them. Undefined before any node has registered.
 */
export function chooseHost(reader: Reader, zones: readonly string[]): string | undefined {
  const hosted = new Map<string, number>();
  for (const kind of ["loadBalancer", "databaseInstance", "fileSystem", "ec2Instance"] as const)
    for (const record of reader.list(kind)) {
      const host = hostOf(reader, record);
      if (host !== undefined) hosted.set(host, (hosted.get(host) ?? 0) + 1);
    }
  const rank = (node: NodeRecord): number =>
    (node.state === "DISCONNECTED" ? 2 : 0) +
    (node.zone === undefined || zones.length === 0 || zones.includes(node.zone) ? 0 : 1);
  return reader
    .list("node")
    .toSorted(
      (a, b) =>
        rank(a) - rank(b) ||
        (hosted.get(a.id) ?? 0) - (hosted.get(b.id) ?? 0) ||
        a.registeredAt - b.registeredAt ||
        (a.id < b.id ? -1 : 1),
    )[0]?.id;
}
