import { join } from "node:path";
import { folderBytes } from "../stats/folder-bytes.ts";
import { copyFolder, isThere, unfinishedOf } from "./copy-folder.ts";
import { thaw, whileFrozen } from "./frozen-processes.ts";
import { removeTree } from "./remove-tree.ts";
import { checkFolder, checkSnapshotFolder } from "./volume-paths.ts";

/** The files of databases' snapshots, as folders of the data volume beside those of the databases. */
export class DatabaseFiles {
  readonly #dataFolder: string;

  constructor({ dataFolder }: { readonly dataFolder: string }) {
    this.#dataFolder = dataFolder;
  }

  /** The bytes of a snapshot, 0 with very many files; undefined where there is none. Errors: InvalidAssignmentError. */
  async bytesOf(id: string): Promise<number | undefined> {
    const folder = this.#snapshot(id);
    return (await isThere(folder)) ? ((await folderBytes(folder)) ?? 0) : undefined;
  }

  /**
   * Copies the files of a database or of another snapshot. A running server is stopped while its files are read, so
   * that the copy is of one moment: a server that starts on it recovers every committed transaction, as after a power
   * failure. Clients wait in the meantime.
   *
   * @param pidOf The process of the server; undefined where it does not run. It must be the same before and after.
   * @throws InvalidAssignmentError, and an Error where the server was started or ended meanwhile: it is copied anew.
   */
  async copy(source: string, id: string, pidOf: () => Promise<number | undefined>): Promise<void> {
    const from = join(this.#dataFolder, checkFolder(`rds/${source}`));
    await copyFolder(from, this.#snapshot(id), async (copy) => {
      const pid = await pidOf();
      await (pid === undefined ? copy() : whileFrozen(pid, copy));
      if ((await pidOf()) !== pid)
        throw new Error("The server was started or ended while its files were copied.");
    });
  }

  /** Removes a snapshot, unfinished too. A server that a crash left stopped goes on. Errors: InvalidAssignmentError. */
  async remove(id: string, pid: number | undefined): Promise<void> {
    if (pid !== undefined) await thaw(pid);
    const folder = this.#snapshot(id);
    for (const path of [unfinishedOf(folder), folder]) await removeTree(path);
  }

  #snapshot(id: string): string {
    return join(this.#dataFolder, checkSnapshotFolder(`rds/${id}`));
  }
}
