/** Internal invariant violated. Only the reconcile loop and the request handler catch it, and log it as a bug. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Stops the current reconcile or request when an internal invariant is violated. */
export function assert(condition: unknown, law: string): asserts condition {
  if (!condition) throw new AssertionError(law);
}

/** Returns a value that an internal invariant says is defined. Errors: AssertionError. */
export function present<T>(value: T | undefined | null, law: string): T {
  if (value === undefined || value === null) throw new AssertionError(law);
  return value;
}

/** Returns the message of a thrown value, which need not be an Error. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
