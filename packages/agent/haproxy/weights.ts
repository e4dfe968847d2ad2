import { join } from "node:path";
import { writeAtomically } from "./acceptance.ts";
import { askProxy } from "./proxy-socket.ts";
import { isWeightsFile } from "./render-weights.ts";

/**
 * The weights that the proxy uses, by file. They change while it runs, through its socket; the files have them as well,
 * because a proxy that starts again reads those.
 */
export class Weights {
  readonly #folder: string;
  /** By file; a file that is not here may have any content in the proxy. */
  readonly #inEffect = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Takes note of the files that the proxy has just loaded. */
  loaded(files: Readonly<Record<string, string>>): void {
    this.#inEffect.clear();
    for (const [name, content] of Object.entries(files))
      if (isWeightsFile(name)) this.#inEffect.set(name, content);
  }

  /** Takes note that the proxy may have loaded anything. */
  forget(): void {
    this.#inEffect.clear();
  }

  /** Brings the weights of the running proxy to those of the files. Errors: where it does not take them. */
  async apply(files: Readonly<Record<string, string>>): Promise<void> {
    const changed = Object.entries(files).filter(
      ([name, content]) => isWeightsFile(name) && this.#inEffect.get(name) !== content,
    );
    // A weight that becomes zero ends its share before it ends the clients that are kept: either order is a valid state.
    for (const [name, content] of changed.toSorted(([a], [b]) => (a < b ? 1 : -1))) {
      const path = join(this.#folder, name);
      this.#inEffect.delete(name);
      await writeAtomically(path, content);
      await replaceMap(join(this.#folder, "run/admin.sock"), path, content);
      this.#inEffect.set(name, content);
    }
  }
}

/** Replaces a map's content in one step: each request sees the old content or the new. Source: HAProxy 2.6 management guide, "prepare map". */
async function replaceMap(socket: string, path: string, content: string): Promise<void> {
  const prepared = await askProxy(socket, `prepare map ${path}`);
  const version = /New version created: (\d+)/.exec(prepared)?.[1];
  if (version === undefined) throw new Error(`The proxy does not know the map ${path}: ${prepared.trim()}`);
  const lines = content.split("\n").filter((line) => line !== "");
  const commands = [
    ...lines.map((line) => `add map @${version} ${path} ${line}`),
    `commit map @${version} ${path}`,
  ];
  const answer = (await askProxy(socket, commands.join("; "))).trim();
  if (answer !== "") throw new Error(`The proxy does not take new weights: ${answer}`);
}
