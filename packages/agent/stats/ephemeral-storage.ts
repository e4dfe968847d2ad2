import { join } from "node:path";
import type { PodAssignment } from "@gantry/agent-protocol";
import type { Clock } from "@gantry/kernel";
import type { Engine } from "../engine/engine.ts";
import type { Naming } from "../naming.ts";
import { checkFolder } from "../volumes/volume-paths.ts";
import { folderBytes } from "./folder-bytes.ts";

/** The engine walks a container's files to count them: the sum is at most this old, in real time. */
const INTERVAL_MS = 60_000;

export interface EphemeralStorageDeps {
  readonly engine: Pick<Engine, "storage">;
  readonly naming: Naming;
  readonly dataFolder: string;
  /** Real time. */
  readonly clock: Pick<Clock, "now">;
}

/**
 * Measures what pods store on the node: the layers of their images, the files that their containers wrote, and
 * their volumes without those of file systems.
 * Source: Amazon ECS Developer Guide, "Fargate task ephemeral storage": images are stored there too.
 */
export class EphemeralStorage {
  readonly #deps: EphemeralStorageDeps;
  readonly #measured = new Map<string, { readonly at: number; readonly bytes: number }>();

  constructor(deps: EphemeralStorageDeps) {
    this.#deps = deps;
  }

  /**
   * Returns the bytes that a pod stores, measured within the last minute. Undefined where a volume cannot be
   * measured.
   */
  async measure(pod: PodAssignment): Promise<number | undefined> {
    const now = this.#deps.clock.now();
    const before = this.#measured.get(pod.key);
    if (before !== undefined && now >= before.at && now - before.at < INTERVAL_MS) return before.bytes;
    for (const [key, { at }] of this.#measured)
      if (now < at || now - at >= 2 * INTERVAL_MS) this.#measured.delete(key);
    const bytes = await this.#count(pod);
    if (bytes !== undefined) this.#measured.set(pod.key, { at: now, bytes });
    return bytes;
  }

  async #count({ key, containers, volumes }: PodAssignment): Promise<number | undefined> {
    const { engine, naming, dataFolder } = this.#deps;
    const images = new Map<string, number>();
    let bytes = 0;
    // One after another: counting is work of the engine's.
    for (const { name } of containers) {
      const stored = await engine.storage(naming.container(key, name));
      if (stored === undefined) continue;
      images.set(stored.imageId, stored.imageBytes);
      bytes += stored.writtenBytes;
    }
    for (const volume of volumes) {
      if (volume.type !== "folder") continue;
      const ofVolume = await folderBytes(join(dataFolder, checkFolder(volume.path)));
      if (ofVolume === undefined) return undefined;
      bytes += ofVolume;
    }
    return [...images.values()].reduce((sum, image) => sum + image, bytes);
  }
}
