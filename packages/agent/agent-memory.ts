import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { newVault } from "@gantry/kernel";

/** Stores the last received assignments of an agent. */
export interface AgentMemory {
  /** Reads the file's text; undefined where it cannot be read. */
  read(): string | undefined;
  write(text: string): void;
  /**
   * Seals with the current key, which is not stored beside the file. Errors: where the key cannot be read.
   */
  seal(text: string): string;
  /**
   * Opens with the current key or an earlier one. Errors: where the keys cannot be read, or none of them
   * sealed the text.
   */
  open(sealed: string): string;
}

/**
 * Opens a file on the data volume. The keys are read for each call, so that writes use a replaced key at
 * once.
 */
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
      // The file is not synced: it must outlive this process, not the machine, and a sync would delay every
      // task start.
      writeFileSync(`${path}.new`, text, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    },
    seal: (text) => vault().seal(text),
    open: (sealed) => vault().open(sealed),
  };
}
