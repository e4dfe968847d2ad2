import type { DatabaseSnapshotAssignment } from "@gantry/agent-protocol";
import type { AssignmentHandler, HandlerDeps } from "./assignment-handler.ts";

type Deps = Pick<HandlerDeps, "engine" | "naming" | "report"> & {
  readonly host: Pick<HandlerDeps["host"], "databaseFiles">;
};

/** Handles the files of databases' snapshots, and reports their sizes. */
export class DatabaseSnapshotHandler implements AssignmentHandler<DatabaseSnapshotAssignment> {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile({ key, source }: DatabaseSnapshotAssignment): Promise<undefined> {
    const { host, report } = this.#deps;
    const id = idOf(key);
    const there = await host.databaseFiles.bytesOf(id);
    if (there === undefined) {
      if (source === undefined) return;
      await host.databaseFiles.copy(source, id, () => this.#serverOf(source));
    }
    report({ type: "databaseSnapshot", key, bytes: there ?? (await host.databaseFiles.bytesOf(id)) ?? 0 });
  }

  async remove({ key, source }: DatabaseSnapshotAssignment): Promise<void> {
    const pid = source === undefined ? undefined : await this.#serverOf(source);
    await this.#deps.host.databaseFiles.remove(idOf(key), pid);
  }

  /** The process of a database's server on the machine; undefined for a snapshot, and while it does not run. */
  async #serverOf(source: string): Promise<number | undefined> {
    if (!source.startsWith("db-")) return undefined;
    const { engine, naming } = this.#deps;
    const server = await engine.inspectNow(naming.container(`pod/${source}`, "database"));
    return server?.state === "running" ? server.pid : undefined;
  }
}

function idOf(key: string): string {
  return key.slice(key.indexOf("/") + 1);
}
