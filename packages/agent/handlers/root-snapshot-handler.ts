import { rootSnapshotImage, type RootSnapshotAssignment } from "@gantry/agent-protocol";
import type { AssignmentHandler, HandlerDeps } from "./assignment-handler.ts";

const LOOK_MS = 2_000;

/**
 * Keeps snapshots of root file systems, each as an image of the engine: a copy of the container's files, which other
 * instances start from.
 */
export class RootSnapshotHandler implements AssignmentHandler<RootSnapshotAssignment> {
  readonly #deps: Pick<HandlerDeps, "engine" | "naming" | "report">;

  constructor(deps: Pick<HandlerDeps, "engine" | "naming" | "report">) {
    this.#deps = deps;
  }

  async reconcile({ key, bytes, pod, source }: RootSnapshotAssignment): Promise<number | undefined> {
    const { engine, naming, report } = this.#deps;
    const image = rootSnapshotImage(idOf(key));
    if ((await engine.image(image)) === undefined) {
      if (source !== undefined) await engine.tagImage(rootSnapshotImage(source), image);
      else if (pod === undefined) return undefined;
      else {
        const container = await engine.inspect(naming.container(pod, "system"));
        // An instance that has not started yet has no files.
        if (container === undefined) return LOOK_MS;
        await engine.commitContainer(container.id, image);
      }
    }
    report({ type: "volumeFile", key, bytes });
    return undefined;
  }

  /** Throws while an instance uses the image: it is tried again. */
  async remove({ key }: RootSnapshotAssignment): Promise<void> {
    await this.#deps.engine.removeImage(rootSnapshotImage(idOf(key)));
  }
}

function idOf(key: string): string {
  return key.slice(key.indexOf("/") + 1);
}
