import { ApiError } from "@gantry/wire";

/** Refuses members that would be accepted and not acted on: the caller learns it now, by name. SUPPORT.md lists them. */
export function refuseMembers(input: object, names: readonly string[], code: string): void {
  const given = names.filter((name) => isGiven((input as Record<string, unknown>)[name])); // Members are looked up by name.
  const [first] = given;
  if (first !== undefined)
    throw new ApiError(code, `Gantry does not support the parameter ${given.join(", ")} yet: leave it out.`);
}

function isGiven(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false;
  return !(Array.isArray(value) && value.length === 0);
}
