import type { InstanceSettings } from "@gantry/control-plane";
import type { Version } from "./project.ts";
import { UserError } from "./run.ts";

/** The last version that did not write its version into the state folder. */
const FIRST_VERSION = "0.1.0";

/**
 * A version with the commit of a release, such as 0.2.0+1a2b3c, which distinguishes two builds of one
 * version.
 */
export function versionId({ version, release }: Version): string {
  return release === undefined ? version : `${version}+${release.commit}`;
}

/** The version that last started an instance, without the commit. */
export function lastVersionOf({ version = FIRST_VERSION }: Pick<InstanceSettings, "version">): string {
  return version.split("+")[0] ?? version;
}

/** Negative where `a` is the earlier version, positive where it is the later. The commit is ignored. */
export function compareVersions(a: string, b: string): number {
  const numbers = (version: string) => (version.split(/[+-]/)[0] ?? "").split(".").map(Number);
  const [left, right] = [numbers(a), numbers(b)];
  for (const [index, number] of left.entries()) {
    const difference = number - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Errors: UserError where a later version has used the state, because this version does not know its records.
 */
export function refuseDowngrade(settings: InstanceSettings, version: string): void {
  const last = lastVersionOf(settings);
  if (compareVersions(last, version) <= 0) return;
  const own = version.split("+")[0] ?? version;
  throw new UserError(
    `The state in ${settings.folder} was last used by gantry ${last}, which is newer than this gantry ` +
      `${own}: install ${last} or newer, or restore a backup that ${own} wrote into an empty folder.`,
  );
}
