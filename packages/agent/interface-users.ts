import type { Assignment, InterfaceAssignment, PodAssignment } from "@gantry/agent-protocol";
import type { Assigned } from "./orphans.ts";

/** Whether an assigned pod, or warm interface, uses the interface. */
export function isInterfaceWanted({ wanted }: Pick<Assigned, "wanted">, id: string): boolean {
  return interfacesOf(wanted).some((eni) => eni.id === id);
}

/** Whether a pod, including one that is being removed, has the interface. */
export function isHeldByPod({ wanted, leaving }: Assigned, interfaceId: string): boolean {
  return [...wanted.values(), ...leaving.values()].some(
    (assignment) => assignment.kind === "pod" && assignment.interface.id === interfaceId,
  );
}

/** Whether the VPC has interfaces on this node, including those that are being removed. */
export function isVpcInUse({ wanted, leaving }: Assigned, vpcId: string): boolean {
  return [...interfacesOf(wanted), ...interfacesOf(leaving)].some((eni) => eni.vpcId === vpcId);
}

/** The pods among the assignments. */
export function podsOf(assignments: ReadonlyMap<string, Assignment>): readonly PodAssignment[] {
  return [...assignments.values()].filter((assignment) => assignment.kind === "pod");
}

function interfacesOf(assignments: ReadonlyMap<string, Assignment>): readonly InterfaceAssignment[] {
  return [...assignments.values()].flatMap((assignment) =>
    assignment.kind === "pod" || assignment.kind === "interface" ? [assignment.interface] : [],
  );
}
