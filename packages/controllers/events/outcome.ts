/** How an invocation ended; one that may succeed later is tried again. */
export type Outcome =
  | { readonly type: "done" }
  /** It was not tried: it is looked at again after the time, which counts as no attempt. */
  | { readonly type: "later"; readonly waitMs: number }
  | Failure;

/** Why a target was not invoked; the code is the operation's, where it answered. */
export interface Failure {
  readonly type: "failed";
  readonly reason: string;
  readonly code: string;
  readonly mayRetry: boolean;
}

export function failed(code: string, reason: string, mayRetry: boolean): Failure {
  return { type: "failed", code, reason, mayRetry };
}
