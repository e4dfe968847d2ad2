import type { Assignment } from "@gantry/agent-protocol";
import type { EngineContainer } from "./engine/engine.ts";

/** The current assignments, and those that are being removed, by key. */
export interface Assigned {
  readonly wanted: ReadonlyMap<string, Assignment>;
  readonly leaving: ReadonlyMap<string, Assignment>;
}

/** Whether a container of this instance is an orphan: no assignment has it, because of a crash. */
export function isOrphan(container: Pick<EngineContainer, "labels">, assigned: Assigned): boolean {
  const { "gantry.pod": pod, "gantry.interface": eni, "gantry.vpc": vpc } = container.labels;
  return (
    (pod !== undefined && !isAssigned(pod, assigned)) ||
    (eni !== undefined && !isInterfaceAssigned(eni, assigned)) ||
    (vpc !== undefined && !isAssigned(`vpc/${vpc}`, assigned))
  );
}

/** Whether an assignment, including one that is being removed, has this key. */
export function isAssigned(key: string, { wanted, leaving }: Assigned): boolean {
  return wanted.has(key) || leaving.has(key);
}

/** Whether an assignment, including one that is being removed, has the interface. */
export function isInterfaceAssigned(id: string, { wanted, leaving }: Assigned): boolean {
  return [...wanted.values(), ...leaving.values()].some(
    (assignment) =>
      (assignment.kind === "pod" || assignment.kind === "interface") && assignment.interface.id === id,
  );
}
