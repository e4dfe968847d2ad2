import { readFileSync } from "node:fs";
import { join } from "node:path";
import { healthOf } from "../control-plane-process.ts";
import { presentInstance } from "../platform.ts";
import { programName, PROJECT, readVersion } from "../project.ts";
import { compareVersions, lastVersionOf, refuseDowngrade, versionId } from "../versions.ts";
import type { Call } from "./command.ts";

/**
 * Reports what changed since the version that last used the state, and what to do. It changes nothing itself.
 */
export async function run({ folder }: Call): Promise<number> {
  const settings = presentInstance(folder);
  const current = readVersion();
  refuseDowngrade(settings, versionId(current));
  const running = await healthOf(settings);
  const notes = renderUpgrade({
    folder,
    from: lastVersionOf(settings),
    to: current.version,
    isRunning: running !== undefined,
    isCurrent:
      settings.version === versionId(current) && (running?.version ?? settings.version) === settings.version,
    changelog: readFileSync(join(PROJECT, "CHANGELOG.md"), "utf8"),
    program: programName(),
  });
  process.stdout.write(notes);
  return 0;
}

/** Renders the notes for an upgrade from one version to another. */
export function renderUpgrade(options: {
  folder: string;
  from: string;
  to: string;
  isRunning: boolean;
  isCurrent: boolean;
  changelog: string;
  program: string;
}): string {
  const { folder, from, to, isRunning, isCurrent, changelog, program } = options;
  if (isCurrent)
    return `The state in ${folder} is already used by this gantry ${to}: there is nothing to do.\n`;
  const changes = changesBetween(changelog, { from, to });
  const backup = isRunning
    ? `${program} backup FILE    copies everything as of one moment, while the platform runs`
    : `cp -a ${folder} FOLDER    copies the records and files of the stopped platform; databases' data ` +
      "is in Docker's volume";
  return `The state in ${folder} was last used by gantry ${from}; this is gantry ${to}.

${changes === "" ? "There are no changes that users notice." : changes}

To upgrade:
  1. ${backup}
  2. ${program} up    ${isRunning ? "replaces the control plane and the node agent; tasks, load balancers and databases keep running" : "starts the platform"}
Records are migrated when the platform starts. To go back, install gantry ${from} again, "gantry down --purge", and
"gantry restore FILE".
`;
}

/** The sections of the changelog for versions after `from`, up to `to`. */
function changesBetween(changelog: string, { from, to }: { from: string; to: string }): string {
  return changelog
    .split(/^(?=## )/m)
    .filter((section) => {
      const version = /^## (\d+\.\d+\.\d+)/.exec(section)?.[1];
      return version !== undefined && compareVersions(version, from) > 0 && compareVersions(version, to) <= 0;
    })
    .map((section) => section.trim())
    .join("\n\n");
}
