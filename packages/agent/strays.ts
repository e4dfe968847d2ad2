import type { Assignment } from "@gantry/agent-protocol";
import type { EngineContainer } from "./engine/engine.ts";

/** What an agent was told to make, and what it was told to let go of and has not yet, by key. */
export interface Assigned {
  readonly wanted: ReadonlyMap<string, Assignment>;
  readonly leaving: ReadonlyMap<string, Assignment>;
}

/** Whether a container of this instance belongs to nothing that is wanted or leaving: a crash left it. */
export function isStray(container: Pick<EngineContainer, "labels">, assigned: Assigned): boolean {
  const { "gantry.pod": pod, "gantry.interface": eni, "gantry.vpc": vpc } = container.labels;
  return (
    (pod !== undefined && !isAssigned(pod, assigned)) ||
    (eni !== undefined && !isInterfaceAssigned(eni, assigned)) ||
    (vpc !== undefined && !isAssigned(`vpc/${vpc}`, assigned))
  );
}

/** Whether anything is, or was until now, to be made under this key. */
export function isAssigned(key: string, { wanted, leaving }: Assigned): boolean {
  return wanted.has(key) || leaving.has(key);
}

function isInterfaceAssigned(id: string, { wanted, leaving }: Assigned): boolean {
  return [...wanted.values(), ...leaving.values()].some(
    (assignment) =>
      (assignment.kind === "pod" || assignment.kind === "interface") && assignment.interface.id === id,
  );
}
