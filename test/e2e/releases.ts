import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./helpers.ts";

/** What one build of the release left in a folder. */
export interface ReleaseFiles {
  readonly folder: string;
  readonly version: string;
  /** The path of the artefact whose name ends so. */
  path(ending: string): string;
}

/** Builds the release from this checkout into a folder of the test's own. */
export async function buildRelease(): Promise<ReleaseFiles> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-release-test-"));
  await run("npm", ["run", "--silent", "release", "--", "--output", folder]);
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string }; // Our own manifest.
  return {
    folder,
    version,
    path: (ending) => {
      const name = readdirSync(folder).find((each) => each.endsWith(ending));
      if (name === undefined) throw new Error(`The release has no file *${ending}.`);
      return join(folder, name);
    },
  };
}

/**
 * The environment of a user who has never used Gantry: an empty HOME, and nothing of this checkout on PATH. The
 * cache of npm is the machine's, so that packages that it has are not downloaded again.
 */
export function emptyEnvironment(folder: string): NodeJS.ProcessEnv {
  const home = join(folder, "home");
  mkdirSync(home, { recursive: true });
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_.*|NODE|NODE_(?!EXTRA_CA_CERTS).*|GANTRY_.*|AWS_.*|XDG_.*|VITEST.*)$/.test(name),
  );
  const path = (process.env["PATH"] ?? "").split(":").filter((each) => !each.includes("node_modules"));
  const npm_config_cache = join(homedir(), ".npm");
  return { ...Object.fromEntries(kept), npm_config_cache, HOME: home, PATH: path.join(":") };
}
