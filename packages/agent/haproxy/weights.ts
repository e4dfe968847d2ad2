import { join } from "node:path";
import { writeAtomically } from "./acceptance.ts";
import { askProxy } from "./proxy-socket.ts";
import { isWeightsFile } from "./render-weights.ts";

/** Commands in one line, which the proxy limits to 16 KiB; a path has a few hundred characters at most. */
const COMMANDS_MAX = 32;

/**
 * The weights that the proxy uses, by file. They change at run time, through its socket; the files contain
 * them as well, because a proxy that restarts reads those.
 */
export class Weights {
  readonly #folder: string;
  /** The content by file; a file that is missing here may have any content in the proxy. */
  readonly #inEffect = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Records the files that the proxy has just loaded. */
  loaded(files: Readonly<Record<string, string>>): void {
    this.#inEffect.clear();
    for (const [name, content] of Object.entries(files))
      if (isWeightsFile(name)) this.#inEffect.set(name, content);
  }

  /** Discards the recorded files, because the proxy may have loaded others. */
  forget(): void {
    this.#inEffect.clear();
  }

  /** Applies the weights of the files to the running proxy. Errors: where the proxy does not accept them. */
  async apply(files: Readonly<Record<string, string>>): Promise<void> {
    const changed = Object.entries(files).filter(
      ([name, content]) => isWeightsFile(name) && this.#inEffect.get(name) !== content,
    );
    // A weight that becomes zero ends its share before it ends stickiness: either order is a valid state.
    for (const [name, content] of changed.toSorted(([a], [b]) => (a < b ? 1 : -1))) {
      const path = join(this.#folder, name);
      this.#inEffect.delete(name);
      await writeAtomically(path, content);
      await replaceMap(join(this.#folder, "run/admin.sock"), path, content);
      this.#inEffect.set(name, content);
    }
  }
}

/**
 * Replaces a map's content atomically: each request sees the old content or the new. Source: HAProxy 2.6
 * management guide, "prepare map".
 */
async function replaceMap(socket: string, path: string, content: string): Promise<void> {
  const prepared = await askProxy(socket, `prepare map ${path}`);
  const version = /New version created: (\d+)/.exec(prepared)?.[1];
  if (version === undefined) throw new Error(`The proxy does not know the map ${path}: ${prepared.trim()}`);
  const lines = content.split("\n").filter((line) => line !== "");
  const commands = [
    ...lines.map((line) => `add map @${version} ${path} ${line}`),
    `commit map @${version} ${path}`,
  ];
  for (let from = 0; from < commands.length; from += COMMANDS_MAX) {
    const answer = (await askProxy(socket, commands.slice(from, from + COMMANDS_MAX).join("; "))).trim();
    if (answer !== "") throw new Error(`The proxy does not take new weights: ${answer}`);
  }
}
