import type { Row } from "./record-row.ts";
import type { Kind } from "./records.ts";
import { upgradeNetworkInterfaceTo1 } from "./upgrades/network-interface-1.ts";
import { upgradeServiceTo1 } from "./upgrades/service-1.ts";
import { upgradeTaskTo1 } from "./upgrades/task-1.ts";
import { upgradeVpcTo1 } from "./upgrades/vpc-1.ts";

/** One step of one kind: a pure function from a record of the version before to the records that replace it. */
export interface RecordMigration {
  readonly kind: Kind;
  readonly upgrade: (row: Row) => readonly Row[];
}

/**
 * The steps from the first record format to the current one, in order. A released step is never changed: add
 * a new one. The version of a kind is the number of its steps.
 */
export const RECORD_MIGRATIONS: readonly RecordMigration[] = [
  { kind: "service", upgrade: upgradeServiceTo1 },
  { kind: "task", upgrade: upgradeTaskTo1 },
  { kind: "networkInterface", upgrade: upgradeNetworkInterfaceTo1 },
  { kind: "vpc", upgrade: upgradeVpcTo1 },
];

/** The version of each kind that has one; a kind without a step has version 0. */
export function currentVersions(
  migrations: readonly RecordMigration[] = RECORD_MIGRATIONS,
): Map<Kind, number> {
  const versions = new Map<Kind, number>();
  for (const { kind } of migrations) versions.set(kind, (versions.get(kind) ?? 0) + 1);
  return versions;
}

/** The changes of a migration: rows to write and rows to delete. */
export interface Migrated {
  readonly rows: readonly Row[];
  readonly written: readonly Row[];
  readonly deleted: readonly Row[];
}

/**
 * Migrates records of the given versions to the current ones. Pure; records that need no step are returned
 * unchanged.
 */
export function migrateRecords(
  rows: readonly Row[],
  versions: ReadonlyMap<Kind, number>,
  migrations: readonly RecordMigration[] = RECORD_MIGRATIONS,
): Migrated {
  const byKey = new Map(rows.map((row) => [keyOf(row), row]));
  const changed = new Set<string>();
  const reached = new Map<Kind, number>();
  for (const { kind, upgrade } of migrations) {
    const version = (reached.get(kind) ?? 0) + 1;
    reached.set(kind, version);
    if (version <= (versions.get(kind) ?? 0)) continue;
    for (const row of [...byKey.values()].filter((each) => each.kind === kind)) {
      byKey.delete(keyOf(row));
      changed.add(keyOf(row));
      for (const next of upgrade(row)) {
        byKey.set(keyOf(next), next);
        changed.add(keyOf(next));
      }
    }
  }
  return {
    rows: [...byKey.values()],
    written: [...byKey].flatMap(([key, row]) => (changed.has(key) ? [row] : [])),
    deleted: rows.filter((row) => !byKey.has(keyOf(row))),
  };
}

function keyOf(row: Row): string {
  return `${row.kind}\n${row.key}`;
}
