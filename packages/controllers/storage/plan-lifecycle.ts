import type { MultipartUpload, ObjectMeta } from "@gantry/content";
import type { LifecycleFilter, LifecycleRule } from "@gantry/state";

const DAY_MS = 86_400_000;

/** The due actions of a bucket's rules on one key: hide its newest version, or remove versions. */
export type LifecycleAction =
  | { readonly type: "delete"; readonly rule: string }
  | { readonly type: "deleteVersion"; readonly versionId: string; readonly rule: string }
  | {
      readonly type: "move";
      readonly versionId: string;
      readonly storageClass: string;
      readonly rule: string;
    };

/**
 * Objects below this size are not moved unless the rule's filter names a size.
 * Source: "Transitioning objects", object size.
 */
const MOVE_MIN_BYTES = 128 * 1024;
/** Storage classes from the most to the least costly. An object is only moved down. */
const WATERFALL = [
  "STANDARD",
  "STANDARD_IA",
  "INTELLIGENT_TIERING",
  "ONEZONE_IA",
  "GLACIER_IR",
  "GLACIER",
  "DEEP_ARCHIVE",
];

/**
 * What is due among the versions of one key, the newest first. Days count from the moment a version was written (or was
 * replaced) to the midnight after, UTC. Source: "Lifecycle configuration elements", "How are lifecycle actions timed".
 */
export function planKey(
  rules: readonly LifecycleRule[],
  versions: readonly ObjectMeta[],
  now: number,
): readonly LifecycleAction[] {
  const [newest, ...rest] = versions;
  if (newest === undefined) return [];
  const actions: LifecycleAction[] = [];
  const noncurrent = newest.noncurrentSince === undefined ? rest : versions;
  for (const rule of rules) {
    if (!rule.enabled) continue;
    for (const [index, version] of noncurrent.entries()) {
      if (rule.noncurrentDays === undefined || isLocked(version, now)) continue;
      if (index < (rule.noncurrentKept ?? 0) || !fits(rule.filter, version)) continue;
      if (isDue(version.noncurrentSince ?? version.modifiedAt, rule.noncurrentDays, now))
        actions.push({ type: "deleteVersion", versionId: version.versionId ?? "null", rule: rule.id });
    }
    if (newest.noncurrentSince !== undefined || !fits(rule.filter, newest)) continue;
    if (newest.isDeleteMarker === true) {
      const isOld = rule.expirationDays !== undefined && isDue(newest.modifiedAt, rule.expirationDays, now);
      // A delete marker without versions only slows listings down.
      if (rest.length === 0 && (rule.expiredMarkers || isOld))
        actions.push({ type: "deleteVersion", versionId: newest.versionId ?? "null", rule: rule.id });
      continue;
    }
    const byDays = rule.expirationDays !== undefined && isDue(newest.modifiedAt, rule.expirationDays, now);
    const byDate = rule.expirationAt !== undefined && now >= rule.expirationAt;
    if (byDays || byDate) actions.push({ type: "delete", rule: rule.id });
  }
  const seen = new Set<string>();
  return actions.filter((action) => {
    const name = action.type === "deleteVersion" ? action.versionId : "newest";
    return !seen.has(name) && seen.add(name);
  });
}

/** The moves to other storage classes that are due among the versions of one key, the newest first. */
export function planMoves(
  rules: readonly LifecycleRule[],
  versions: readonly ObjectMeta[],
  now: number,
): readonly LifecycleAction[] {
  const rank = (name: string): number => WATERFALL.indexOf(name);
  let newer = -1;
  return versions.flatMap((version) => {
    const isCurrent = version.noncurrentSince === undefined;
    if (!isCurrent) newer += 1;
    if (version.isDeleteMarker === true) return [];
    const due = rules.flatMap((rule) => {
      const hasSize = rule.filter.largerThan !== undefined || rule.filter.smallerThan !== undefined;
      if (!rule.enabled || !fits(rule.filter, version)) return [];
      if (!hasSize && version.size < MOVE_MIN_BYTES) return [];
      const moves = (isCurrent ? rule.transitions : rule.noncurrentTransitions) ?? [];
      const from = version.noncurrentSince ?? version.modifiedAt;
      return moves
        .filter(({ days, at }) => (days === undefined ? now >= (at ?? Infinity) : isDue(from, days, now)))
        .filter(({ kept }) => isCurrent || newer >= (kept ?? 0))
        .map(({ storageClass }) => ({ storageClass, rule: rule.id }));
    });
    const [best] = due.toSorted((a, b) => rank(b.storageClass) - rank(a.storageClass));
    if (best === undefined || rank(best.storageClass) <= rank(version.headers["StorageClass"] ?? "STANDARD"))
      return [];
    return [{ type: "move" as const, versionId: version.versionId ?? "null", ...best }];
  });
}

/** The uploads that were begun too long ago. */
export function planUploads(
  rules: readonly LifecycleRule[],
  uploads: readonly MultipartUpload[],
  now: number,
): readonly MultipartUpload[] {
  return uploads.filter((upload) =>
    rules.some(
      (rule) =>
        rule.enabled &&
        rule.abortDays !== undefined &&
        upload.key.startsWith(rule.filter.prefix) &&
        isDue(upload.startedAt, rule.abortDays, now),
    ),
  );
}

/** Whether so many days have passed, and the midnight after. */
function isDue(from: number, days: number, now: number): boolean {
  return now >= Math.ceil((from + days * DAY_MS) / DAY_MS) * DAY_MS;
}

function fits(filter: LifecycleFilter, meta: ObjectMeta): boolean {
  return (
    meta.key.startsWith(filter.prefix) &&
    Object.entries(filter.tags).every(([key, value]) => meta.tags[key] === value) &&
    (filter.largerThan === undefined || meta.size > filter.largerThan) &&
    (filter.smallerThan === undefined || meta.size < filter.smallerThan)
  );
}

function isLocked(meta: ObjectMeta, now: number): boolean {
  return meta.legalHold === true || (meta.retention !== undefined && meta.retention.until > now);
}
