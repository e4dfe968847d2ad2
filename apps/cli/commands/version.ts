import { readVersion, type Version } from "../project.ts";
import type { Call } from "./command.ts";

/** Prints the version of the program. */
export function run({ flag }: Call): Promise<number> {
  const version = readVersion();
  const { commit, date } = version.release ?? {};
  process.stdout.write(
    flag("json")
      ? `${JSON.stringify({ version: version.version, commit, date, node: process.version })}\n`
      : renderVersion(version),
  );
  return Promise.resolve(0);
}

/** The version in one line; a release also names its commit and the day of that commit. */
export function renderVersion({ version, release }: Version): string {
  return release === undefined
    ? `gantry ${version}\n`
    : `gantry ${version} (commit ${release.commit}, ${release.date})\n`;
}
