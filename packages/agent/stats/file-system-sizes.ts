import { join } from "node:path";
import type { Clock } from "@gantry/kernel";
import { fileSystemFolder } from "../volumes/volume-paths.ts";
import { folderBytes } from "./folder-bytes.ts";

/**
 * Source: Amazon EFS User Guide, "CloudWatch metrics for Amazon EFS": StorageBytes is emitted every 15
 * minutes.
 */
const INTERVAL_MS = 15 * 60_000;

/** Measures the file systems of a node, each at most every 15 minutes. */
export class FileSystemSizes {
  readonly #deps: { readonly dataFolder: string; readonly clock: Pick<Clock, "now"> };
  readonly #measuredAt = new Map<string, number>();

  constructor(deps: { readonly dataFolder: string; readonly clock: Pick<Clock, "now"> }) {
    this.#deps = deps;
  }

  /**
   * Returns the bytes on the disk of a file system's files. Undefined where they were measured within the
   * interval, or cannot be.
   * Errors: InvalidAssignmentError.
   */
  async measure(id: string): Promise<number | undefined> {
    const { dataFolder, clock } = this.#deps;
    const now = clock.now();
    const before = this.#measuredAt.get(id);
    if (before !== undefined && now >= before && now - before < INTERVAL_MS) return undefined;
    this.#measuredAt.set(id, now);
    return folderBytes(join(dataFolder, fileSystemFolder(id)));
  }
}
