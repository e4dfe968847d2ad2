import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes the CA together with the public roots to the folder that is mounted in containers. */
export function writeTrust(places: { dataFolder: string; rootsFile: string }, caPem: string): void {
  const folder = join(places.dataFolder, "trust");
  mkdirSync(folder, { recursive: true });
  const roots = existsSync(places.rootsFile) ? readFileSync(places.rootsFile, "utf8") : "";
  writeFileSync(join(folder, "ca.pem"), caPem);
  writeFileSync(join(folder, "bundle.pem"), `${roots}\n${caPem}`);
}
