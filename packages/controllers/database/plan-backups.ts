import type { DatabaseInstanceRecord, DatabaseSnapshotRecord } from "@gantry/state";
import { retentionDaysOf } from "@gantry/state/transactions/automated-snapshots";

const DAY_MS = 24 * 60 * 60_000;
const MINUTE_MS = 60_000;
/** Source: Amazon RDS User Guide, "Backup retention period": the latest restorable time is at most five minutes old. */
const RESTORABLE_MS = 5 * MINUTE_MS;
/** Automated snapshots of one instance: a clock that is moved ahead day by day takes more than are due in real time. */
const KEPT_MAX = 40;
/** The window of instances that were created without one. */
const WINDOW = "03:00-03:30";

/** What is to be done about the automated backups of an instance. */
export interface BackupPlan {
  /** The begin of the window that a snapshot is due for; absent: none is. */
  readonly take?: number;
  readonly remove: readonly DatabaseSnapshotRecord[];
  /** Whether the latest restorable time is to be moved to now. */
  readonly restorable: boolean;
  readonly lookAgainInMs: number | undefined;
}

/**
 * Decides on the automated backups of an instance, or of one that is gone. Windows are by the platform's clock; data
 * ages in real time. A snapshot that the window has missed, because nothing ran then, is taken afterwards.
 *
 * @param snapshots The automated snapshots, the oldest first.
 */
export function planBackups(
  instance: DatabaseInstanceRecord | undefined,
  snapshots: readonly DatabaseSnapshotRecord[],
  { platform, real }: { readonly platform: number; readonly real: number },
): BackupPlan {
  const last = snapshots.at(-1);
  // Of an instance that is gone, the snapshots tell how long they are kept.
  const kept = instance ?? last;
  if (kept === undefined) return { remove: [], restorable: false, lookAgainInMs: undefined };
  const ageMs = retentionDaysOf(kept) * DAY_MS;
  const remove = snapshots.filter(
    (each, index) => each.startedAt + ageMs <= real || snapshots.length - index > KEPT_MAX,
  );
  if (instance === undefined || ageMs === 0)
    return { remove, restorable: false, lookAgainInMs: snapshots.length === 0 ? undefined : DAY_MS / 24 };
  const isRunning = instance.status === "available" && !instance.deleting;
  const begin = windowBegin(instance, platform);
  const isDue = isRunning && (last?.windowAt === undefined || last.windowAt < begin);
  const hasBackup = isRunning && snapshots.some(({ completedAt }) => completedAt !== undefined);
  const oldMs = platform - (instance.restorableAt ?? 0);
  return {
    ...(isDue ? { take: begin } : {}),
    remove,
    restorable: hasBackup && (oldMs >= RESTORABLE_MS || oldMs < 0),
    lookAgainInMs: Math.min(begin + DAY_MS - platform, RESTORABLE_MS),
  };
}

/** When the last backup window began, by the platform's clock; times of a day are UTC. */
function windowBegin({ settings }: DatabaseInstanceRecord, now: number): number {
  const [hours = 0, minutes = 0] = String(settings?.["PreferredBackupWindow"] ?? WINDOW)
    .split("-", 1)
    .flatMap((text) => text.split(":").map(Number));
  const today = Math.floor(now / DAY_MS) * DAY_MS + (hours * 60 + minutes) * MINUTE_MS;
  return today <= now ? today : today - DAY_MS;
}
