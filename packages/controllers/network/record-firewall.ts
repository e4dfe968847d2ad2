import type { ToControlPlane } from "@gantry/agent-protocol";
import type { Transaction } from "@gantry/state";

type Message<Type extends ToControlPlane["type"]> = Extract<ToControlPlane, { type: Type }>;

/** Records whether a VPC's security groups are in effect on a node; `gantry status` shows it. */
export function recordFirewall(tx: Transaction, { vpcId, closed, problems }: Message<"firewall">): void {
  const vpc = tx.get("vpc", vpcId);
  if (vpc === undefined) return;
  const firewall = { closed, problems };
  const before = vpc.firewall ?? { closed: false, problems: [] };
  if (JSON.stringify(before) !== JSON.stringify(firewall)) tx.put("vpc", vpcId, { ...vpc, firewall });
}

/** Records that a node does nothing of an assignment, and why. The next sync of the node starts a new list. */
export function recordRefused(tx: Transaction, nodeId: string, { key, problem }: Message<"refused">): void {
  const node = tx.get("node", nodeId);
  if (node === undefined || node.refused?.[key] === problem) return;
  tx.put("node", nodeId, { ...node, refused: { ...node.refused, [key]: problem } });
}
