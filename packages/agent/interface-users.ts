import type { Assignment, InterfaceAssignment, PodAssignment } from "@gantry/agent-protocol";
import type { Assigned } from "./orphans.ts";

/** Whether a pod, or a warm interface, that is wanted has the interface. */
export function isInterfaceWanted({ wanted }: Pick<Assigned, "wanted">, id: string): boolean {
  return interfacesOf(wanted).some((eni) => eni.id === id);
}

/** Whether a pod has the interface, one that is being removed included. */
export function isHeldByPod({ wanted, leaving }: Assigned, interfaceId: string): boolean {
  return [...wanted.values(), ...leaving.values()].some(
    (assignment) => assignment.kind === "pod" && assignment.interface.id === interfaceId,
  );
}

/** Whether the VPC has interfaces on this node, those that are being removed included. */
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
