import type { Reader } from "@gantry/state";

/** A part of the network that differs from the records. */
export interface NetworkProblem {
  /** The VPC, or the key of an assignment. */
  readonly subject: string;
  /** Whether the VPC accepts no new connections. */
  readonly closed: boolean;
  readonly problem: string;
}

/** Security rules that are not in effect, VPCs that are closed, and assignments that a node refused. */
export function networkStatus(reader: Reader): readonly NetworkProblem[] {
  const vpcs = reader
    .list("vpc")
    .flatMap(({ id, firewalls = {} }) =>
      Object.values(firewalls).flatMap(({ closed, problems }) =>
        problems.map((problem) => ({ subject: id, closed, problem })),
      ),
    );
  const refused = reader.list("node").flatMap((node) =>
    Object.entries(node.refused ?? {}).map(([subject, problem]) => ({
      subject,
      closed: false,
      problem: `The node refused it: ${problem}.`,
    })),
  );
  return [...vpcs, ...refused];
}
