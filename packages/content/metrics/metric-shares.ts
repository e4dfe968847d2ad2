import { unpackPoints, type PackedPoints } from "./metric-points.ts";

/**
 * Metrics that the callers of one account, and of all accounts, may have. AWS has no such limit; here the
 * thread keeps the names of all metrics in memory, and metrics cannot be deleted.
 */
const ACCOUNT_METRICS_MAX = 100_000;
const ALL_METRICS_MAX = 150_000;
/** Characters of their names and dimensions. */
const ACCOUNT_NAMES_MAX = 16 * 1024 * 1024;
const ALL_NAMES_MAX = 24 * 1024 * 1024;

/** What became of points that a caller measured. */
export type PutOutcome = "added" | "full";

interface Share {
  metrics: number;
  names: number;
}

/** Counts the metrics that callers put, by account. Those of the platform (`AWS/…`) do not count. */
export class MetricShares {
  readonly #accounts = new Map<string, Share>();
  readonly #all: Share = { metrics: 0, names: 0 };

  /** Notes that the store has one more series with this key, or one fewer. */
  change(key: string, by: 1 | -1): void {
    const account = callersAccount(key);
    if (account === undefined) return;
    let share = this.#accounts.get(account);
    if (share === undefined) this.#accounts.set(account, (share = { metrics: 0, names: 0 }));
    for (const each of [share, this.#all]) {
      each.metrics += by;
      each.names += by * key.length;
    }
  }

  /** Whether points have more series that are not known yet than their accounts may have in addition. */
  areExceededBy(points: PackedPoints, isKnown: (key: string, unit: string) => boolean): boolean {
    const added = new Map<string, Share>();
    const seen = new Set<string>();
    unpackPoints(points, (key, unit) => {
      const account = callersAccount(key);
      if (account === undefined || isKnown(key, unit) || seen.has(`${unit} ${key}`)) return;
      seen.add(`${unit} ${key}`);
      const { metrics, names } = added.get(account) ?? { metrics: 0, names: 0 };
      added.set(account, { metrics: metrics + 1, names: names + key.length });
    });
    return [...added].some(([account, { metrics, names }]) => {
      const share = this.#accounts.get(account) ?? { metrics: 0, names: 0 };
      return (
        share.metrics + metrics > ACCOUNT_METRICS_MAX ||
        share.names + names > ACCOUNT_NAMES_MAX ||
        this.#all.metrics + metrics > ALL_METRICS_MAX ||
        this.#all.names + names > ALL_NAMES_MAX
      );
    });
  }
}

/** The account whose callers put a metric, by `keyOf` it; undefined for one of the platform. */
function callersAccount(key: string): string | undefined {
  const [, account, namespace = ""] = /^\["([^"]*)","[^"]*","([^"]*)/.exec(key) ?? [];
  return namespace.startsWith("AWS/") ? undefined : account;
}
