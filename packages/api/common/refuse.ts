import { ApiError, type ErrorCode } from "@gantry/wire";

/**
 * Refuses members that would be accepted and not acted on: the caller learns it now, by name. `path` is where `input`
 * stands in the operation's input, with a dot between members; nothing where it is the whole input. SUPPORT.md lists the
 * members. Errors: the given code.
 */
export function refuseMembers(input: object, names: readonly string[], code: ErrorCode, path = ""): void {
  const given = names.filter((name) => isGiven((input as Record<string, unknown>)[name])); // Members are looked up by name.
  if (given.length === 0) return;
  const full = given.map((name) => (path === "" ? name : `${path}.${name}`));
  throw new ApiError(code, `Gantry does not support the parameter ${full.join(", ")} yet: leave it out.`);
}

function isGiven(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false;
  return !(Array.isArray(value) && value.length === 0);
}
