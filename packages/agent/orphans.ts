import type { Assignment } from "@gantry/agent-protocol";
import type { EngineContainer } from "./engine/engine.ts";

/** The assignments that hold, and those that are being removed, by key. */
export interface Assigned {
  readonly wanted: ReadonlyMap<string, Assignment>;
  readonly leaving: ReadonlyMap<string, Assignment>;
}

/** Whether no assignment has a container of this instance: a crash left it. */
export function isOrphan(container: Pick<EngineContainer, "labels">, assigned: Assigned): boolean {
  const { "gantry.pod": pod, "gantry.interface": eni, "gantry.vpc": vpc } = container.labels;
  return (
    (pod !== undefined && !isAssigned(pod, assigned)) ||
    (eni !== undefined && !isInterfaceAssigned(eni, assigned)) ||
    (vpc !== undefined && !isAssigned(`vpc/${vpc}`, assigned))
  );
}

/** Whether an assignment has this key, one that is being removed included. */
export function isAssigned(key: string, { wanted, leaving }: Assigned): boolean {
  return wanted.has(key) || leaving.has(key);
}

function isInterfaceAssigned(id: string, { wanted, leaving }: Assigned): boolean {
  return [...wanted.values(), ...leaving.values()].some(
    (assignment) =>
      (assignment.kind === "pod" || assignment.kind === "interface") && assignment.interface.id === id,
  );
}
