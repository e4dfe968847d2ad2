import { ApiError, type ErrorCode } from "@gantry/wire";

/** `refuseMembers` with the codes of one service. */
export type RefuseMembers<Code extends ErrorCode> = (
  input: object,
  names: readonly string[],
  code: Code,
  path?: string,
) => void;

/**
 * Refuses members that would be accepted without effect, by their names. `path` is the path of `input` in the
 * operation's input, with a dot between members; empty where it is the whole input. SUPPORT.md lists the
 * members.
 * Errors: the given code.
 */
export function refuseMembers(input: object, names: readonly string[], code: ErrorCode, path = ""): void {
  // Members are looked up by name.
  const given = names.filter((name) => isGiven((input as Record<string, unknown>)[name]));
  if (given.length === 0) return;
  const full = given.map((name) => (path === "" ? name : `${path}.${name}`));
  throw new ApiError(code, `Gantry does not support the parameter ${full.join(", ")} yet: leave it out.`);
}

function isGiven(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false;
  return !(Array.isArray(value) && value.length === 0);
}
