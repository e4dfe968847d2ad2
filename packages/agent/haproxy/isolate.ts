import type { Part } from "./parts.ts";

/** The result of the proxy's own check of a configuration. */
export type Verdict =
  | { readonly type: "accepted" }
  | {
      readonly type: "rejected";
      readonly reason: string;
      /** Parts that the proxy's messages refer to, each with its message. */
      readonly suspects: ReadonlyMap<string, string>;
    };

/** Checks the configuration without some parts. */
export type Check = (leftOut: ReadonlySet<string>) => Promise<Verdict>;

/** Rounds of leaving out the parts that the messages refer to, before the binary search. */
const ROUNDS_MAX = 4;
/** Limits the binary search; a check takes about 50 ms. */
const CHECKS_MAX = 200;

/**
 * Finds the parts that the proxy rejects: first those that its messages refer to, then by binary search. The
 * remaining configuration is accepted. Errors: where the proxy rejects the configuration without any part.
 */
export async function findRejected(
  parts: readonly Part[],
  first: Verdict,
  check: Check,
): Promise<ReadonlyMap<string, string>> {
  const rejected = new Map<string, string>();
  let verdict = first;
  for (let round = 0; round < ROUNDS_MAX && verdict.type === "rejected"; round += 1) {
    const fresh = [...verdict.suspects].filter(([key]) => !rejected.has(key));
    if (fresh.length === 0) break;
    for (const [key, reason] of fresh) rejected.set(key, reason);
    verdict = await check(new Set(rejected.keys()));
  }
  if (verdict.type === "accepted") return rejected;
  const keys = [...new Set(parts.map((part) => part.key))].filter((key) => !rejected.has(key));
  return findByHalves(keys, rejected, check);
}

/** Starts from the configuration without any of the parts and adds them back, halving each rejected set. */
async function findByHalves(
  keys: readonly string[],
  known: ReadonlyMap<string, string>,
  check: Check,
): Promise<ReadonlyMap<string, string>> {
  const rejected = new Map(known);
  const leftOut = new Set([...known.keys(), ...keys]);
  const bare = await check(leftOut);
  if (bare.type === "rejected")
    throw new Error(`The proxy rejects its configuration whatever is left out: ${bare.reason}`);
  let checks = 0;
  const pending: (readonly string[])[] = [keys];
  for (let some = pending.pop(); some !== undefined; some = pending.pop()) {
    if (some.length === 0) continue;
    if (checks >= CHECKS_MAX) {
      for (const key of some) rejected.set(key, "Not checked: too many other parts are rejected.");
      continue;
    }
    checks += 1;
    for (const key of some) leftOut.delete(key);
    const verdict = await check(leftOut);
    if (verdict.type === "accepted") continue;
    for (const key of some) leftOut.add(key);
    const [only] = some;
    if (some.length === 1 && only !== undefined) {
      rejected.set(only, verdict.reason);
      continue;
    }
    const middle = Math.ceil(some.length / 2);
    // The first half is next: it contains the containers of the parts in the second half.
    pending.push(some.slice(middle), some.slice(0, middle));
  }
  return rejected;
}
