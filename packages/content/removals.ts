import { link, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/**
 * Removes files once the commits that stopped naming them are durable, and not while a copy is being made: the files
 * that a copied row names must still exist when they are copied.
 */
export class Removals {
  readonly #settled: () => Promise<void>;
  #holds = 0;
  #waiting: string[] = [];

  constructor(settled: () => Promise<void> = () => Promise.resolve()) {
    this.#settled = settled;
  }

  async remove(paths: readonly string[]): Promise<void> {
    if (this.#holds > 0) {
      this.#waiting.push(...paths);
      return;
    }
    await this.#settled();
    for (const path of paths) await rm(path, { force: true });
  }

  async holdWhile(work: () => Promise<void>): Promise<void> {
    this.#holds += 1;
    try {
      await work();
    } finally {
      this.#holds -= 1;
      if (this.#holds === 0) await this.remove(this.#waiting.splice(0));
    }
  }
}

/** Hard-links the files of some folders of `from` into `to`. Both are on one disk. */
export async function linkFiles(
  from: string,
  to: string,
  isWanted: (name: string) => boolean,
): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (!isWanted(entry.name)) continue;
    if (entry.isDirectory()) await linkFiles(join(from, entry.name), join(to, entry.name), () => true);
    else await link(join(from, entry.name), join(to, entry.name));
  }
}
