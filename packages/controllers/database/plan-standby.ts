import type { DatabaseInstanceRecord, DatabaseStandbyRecord } from "@gantry/state";
import { canTakeOver, needsStandby } from "@gantry/state/transactions/standbys";

/** How long the primary waits for a standby that is lost before it goes on without one. */
const LOST_MS = 10_000;
/** How long the primary may be unhealthy before its standby takes over. */
const UNHEALTHY_MS = 30_000;
/**
 * How long it may be while its files are copied for a snapshot: its server is stopped then, so that it does not answer.
 * The bound is for a server that ends again and again, of which no copy succeeds.
 */
const COPIED_MS = 60 * 60_000;
/** After this long the first try to join is given up and begun anew; each later one has twice the time. */
const JOIN_MS = 10 * 60_000;
const TRIES_MAX = 8;

/** What a Multi-AZ instance needs next. `lookAgainInMs` is set where time alone changes that. */
export type StandbyPlan = { readonly lookAgainInMs?: number } & (
  | { readonly type: "none" | "add" | "failOver" }
  | { readonly type: "beginEpoch"; readonly standby: DatabaseStandbyRecord }
  | { readonly type: "remove"; readonly standbys: readonly DatabaseStandbyRecord[] }
);

/**
 * Decides what becomes of the standby of an instance.
 * - A server that was replaced goes once the new primary is available, and no snapshot is copied from its files.
 * - The standby takes over where the primary has not been healthy for 30 s, or for an hour while its files are copied.
 * - A standby that is lost for 10 s while the primary is healthy is not waited for any more.
 *
 * `now` is real time (ms). `isCopied`: whether the files of a snapshot are still to be copied from the instance.
 */
export function planStandby(
  instance: DatabaseInstanceRecord,
  standbys: readonly DatabaseStandbyRecord[],
  { now, isCopied }: { readonly now: number; readonly isCopied: boolean },
): StandbyPlan {
  const isAvailable = instance.status === "available";
  const surplus = standbys.filter(({ state }) =>
    state === "replaced"
      ? (isAvailable || instance.deleting) && !isCopied
      : state !== "deleting" && !needsStandby(instance),
  );
  if (surplus.length > 0) return { type: "remove", standbys: surplus };
  if (!needsStandby(instance) || !isAvailable) return { type: "none" };
  const standby = standbys.find(({ state }) => state === "joining" || state === "synchronous");
  if (standby === undefined) return { type: "add" };
  const { unhealthySince } = instance;
  if (unhealthySince !== undefined) {
    if (!canTakeOver(standby)) return { type: "none" };
    const left = unhealthySince + (isCopied ? COPIED_MS : UNHEALTHY_MS) - now;
    return left > 0 ? { type: "none", lookAgainInMs: left } : { type: "failOver" };
  }
  const end = endOf(standby);
  if (end === undefined) return { type: "none" };
  return end > now ? { type: "none", lookAgainInMs: end - now } : { type: "beginEpoch", standby };
}

/** When the epoch of a standby ends, unless it joins or is there again before. */
function endOf({ state, lostSince, epochAt, failedJoins = 0 }: DatabaseStandbyRecord): number | undefined {
  if (state === "synchronous") return lostSince === undefined ? undefined : lostSince + LOST_MS;
  return epochAt + JOIN_MS * 2 ** Math.min(failedJoins, TRIES_MAX);
}
