/** Thrown when we are wrong: a law of the program does not hold. Never caught but by the loop that logs it as a bug. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Stops the current reconcile or request when a law of the program does not hold. */
export function assert(condition: unknown, law: string): asserts condition {
  if (!condition) throw new AssertionError(law);
}

/** The value, which the program's own laws say is there. */
export function present<T>(value: T | undefined | null, law: string): T {
  if (value === undefined || value === null) throw new AssertionError(law);
  return value;
}

/** What to show of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
