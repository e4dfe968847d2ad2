import { chmodSync, mkdirSync } from "node:fs";

/** Creates a folder that is its owner's alone. One that exists with more permissions loses them. */
export function ensurePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
}
