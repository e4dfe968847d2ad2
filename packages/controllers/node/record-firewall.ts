import type { ToControlPlane } from "@gantry/agent-protocol";
import type { Transaction } from "@gantry/state";

type Message<Type extends ToControlPlane["type"]> = Extract<ToControlPlane, { type: Type }>;

/** Records whether a VPC's security groups are in effect on a node; `gantry status` shows it. */
export function recordFirewall(
  tx: Transaction,
  nodeId: string,
  { vpcId, closed, problems }: Message<"firewall">,
): void {
  const vpc = tx.get("vpc", vpcId);
  if (vpc === undefined) return;
  const { [nodeId]: before, ...others } = vpc.firewalls ?? {};
  const isWell = !closed && problems.length === 0;
  if (isWell ? before === undefined : JSON.stringify(before) === JSON.stringify({ closed, problems })) return;
  const firewalls = isWell ? others : { ...others, [nodeId]: { closed, problems } };
  tx.put("vpc", vpcId, { ...vpc, firewalls });
}

/** Records that a node refused an assignment, and why. The next sync of the node starts a new list. */
export function recordRefused(tx: Transaction, nodeId: string, { key, problem }: Message<"refused">): void {
  const node = tx.get("node", nodeId);
  if (node === undefined || node.refused?.[key] === problem) return;
  tx.put("node", nodeId, { ...node, refused: { ...node.refused, [key]: problem } });
}
