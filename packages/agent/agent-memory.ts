import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { newVault } from "@gantry/kernel";

/** Where an agent keeps what it was last told. */
export interface AgentMemory {
  /** The file's text; undefined where there is none that can be read. */
  read(): string | undefined;
  write(text: string): void;
  /** With the current key, which is not beside what is written. Errors: where the key cannot be read. */
  seal(text: string): string;
  /** With the current key or one before it. Errors: where the keys cannot be read, or none of them sealed the text. */
  open(sealed: string): string;
}

/** A file on the data volume. The keys are read each time, so that a replaced one seals what is written from then on. */
export function openMemory(path: string, keys: () => readonly Uint8Array[]): AgentMemory {
  const vault = () => {
    const [current, ...before] = keys();
    if (current === undefined)
      throw new Error("The node's file holds no key for what the agent writes down.");
    return newVault(current, ...before);
  };
  return {
    read() {
      try {
        return readFileSync(path, "utf8");
      } catch {
        return undefined;
      }
    },
    write(text) {
      // Not synced: it has to outlive this process, not the machine, and a sync would hold up every task that starts.
      writeFileSync(`${path}.new`, text, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    },
    seal: (text) => vault().seal(text),
    open: (sealed) => vault().open(sealed),
  };
}
