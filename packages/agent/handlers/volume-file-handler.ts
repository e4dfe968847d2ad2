import type { ToControlPlane, VolumeFileAssignment } from "@gantry/agent-protocol";
import type { Host } from "../host.ts";
import type { AssignmentHandler } from "./assignment-handler.ts";

/** Handles the files of EBS volumes and snapshots, and reports their sizes. */
export class VolumeFileHandler implements AssignmentHandler<VolumeFileAssignment> {
  readonly #files: Host["blockVolumes"];
  readonly #report: (message: ToControlPlane) => boolean;

  constructor(files: Host["blockVolumes"], report: (message: ToControlPlane) => boolean) {
    this.#files = files;
    this.#report = report;
  }

  async reconcile(assignment: VolumeFileAssignment): Promise<undefined> {
    const { key } = assignment;
    this.#report({ type: "volumeFile", key, bytes: await this.#files.ensureFile(assignment) });
  }

  async remove({ key }: VolumeFileAssignment): Promise<void> {
    await this.#files.removeFile(key);
  }
}
