import { chmodSync, mkdirSync } from "node:fs";

/** Creates a folder with mode 0700. The permissions of an existing folder are tightened. */
export function ensurePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
}
