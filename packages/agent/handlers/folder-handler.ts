import type { Assignment } from "@gantry/agent-protocol";
import type { Host } from "../host.ts";
import type { AssignmentHandler } from "./assignment-handler.ts";

type Folder = Extract<Assignment, { kind: "folder" }>;

/** Handles folders of the node's data volume, such as file systems. */
export class FolderHandler implements AssignmentHandler<Folder> {
  readonly #volumes: Host["volumes"];

  constructor(volumes: Host["volumes"]) {
    this.#volumes = volumes;
  }

  async reconcile({ path }: Folder): Promise<undefined> {
    await this.#volumes.ensureFolder(path);
  }

  async remove({ path }: Folder): Promise<void> {
    await this.#volumes.removeFolder(path);
  }
}
