import { execFile } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "@gantry/kernel";
import type { ImageRecipe } from "./recipes.ts";

const run = promisify(execFile);
const OUTPUT_MAX = 64 * 1024 * 1024;

/** Thrown when an image can not be made here; the message says what to do. */
export class ImageBuildError extends Error {
  override readonly name = "ImageBuildError";
}

/**
 * Makes an image from Debian packages without running any of their scripts. It resolves their dependencies as
 * for an empty system, unpacks all packages, adds files and links, and imports the folder into the engine. Needs
 * apt-get, dpkg-deb, tar and docker; not root. Source of the method: docs/decisions/0004.
 */
export async function buildDebianImage(
  recipe: ImageRecipe,
  options: { cacheFolder: string; label: string; prepare?: (root: string) => Promise<void> },
): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), "gantry-image-"));
  try {
    const root = join(work, "root");
    await layOutFolders(root);
    for (const archive of await fetchPackages(recipe, work, options.cacheFolder)) await unpack(archive, root);
    await addFiles(recipe, root);
    await options.prepare?.(root);
    await importFolder(root, recipe, options.label);
  } catch (thrown) {
    if (thrown instanceof ImageBuildError) throw thrown;
    throw new ImageBuildError(
      `The image ${recipe.tag} could not be built from Debian packages: ${messageOf(thrown)}`,
      { cause: thrown },
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Debian's merged /usr, made before anything is unpacked into it. */
async function layOutFolders(root: string): Promise<void> {
  for (const name of ["bin", "sbin", "lib"]) {
    await mkdir(join(root, "usr", name), { recursive: true });
    await symlink(`usr/${name}`, join(root, name));
  }
  await mkdir(join(root, "usr/lib64"), { recursive: true });
  await symlink("usr/lib64", join(root, "lib64"));
}

/** The Debian packages that came with the program: the container image brings all that it needs. */
const BUNDLE = join(import.meta.dirname, "../../debian-packages");

/** The key of an image in the bundle's list of package closures: the packages that its recipe requests. */
export function closureKey(recipe: ImageRecipe): string {
  return recipe.packages.join(" ");
}

/** Paths of the bundled .deb files of a recipe; undefined where the program came without any. */
async function bundledPackages(recipe: ImageRecipe): Promise<readonly string[] | undefined> {
  const text = await readFile(join(BUNDLE, "closures.json"), "utf8").catch(() => "{}");
  const closures = JSON.parse(text) as Readonly<Record<string, readonly string[]>>; // The release wrote it.
  return closures[closureKey(recipe)]?.map((name) => join(BUNDLE, name));
}

/** Paths of the .deb files of the recipe's whole closure, fetched into a cache that is shared between images. */
export async function fetchPackages(
  recipe: ImageRecipe,
  work: string,
  cacheFolder: string,
): Promise<readonly string[]> {
  const bundled = await bundledPackages(recipe);
  if (bundled !== undefined) return bundled;
  const state = join(work, "apt");
  await mkdir(join(state, "partial"), { recursive: true });
  const cache = join(cacheFolder, "debian-packages");
  await mkdir(join(cache, "partial"), { recursive: true });
  const base = [
    "-q",
    "-o",
    "Dir::State::status=/dev/null",
    "-o",
    "APT::Install-Recommends=0",
    "-o",
    "Debug::NoLocking=1",
    "-o",
    "APT::Sandbox::User=",
  ];
  // With a filled archive folder --print-uris hides what is there, so the closure is resolved against an empty one.
  const { stdout } = await runApt([
    ...base,
    "-o",
    `Dir::Cache::archives=${state}`,
    "--print-uris",
    "install",
    ...recipe.packages,
  ]);
  const names = [...stdout.matchAll(/^'[^']+' (\S+\.deb) /gm)].map((match) => match[1] ?? "");
  const wanted = names.filter((name) => !recipe.without.includes(name.split("_")[0] ?? ""));
  const there = new Set(await readdir(cache));
  if (wanted.some((name) => !there.has(name)))
    await runApt([
      ...base,
      "-y",
      "-o",
      `Dir::Cache::archives=${cache}`,
      "--download-only",
      "install",
      ...recipe.packages,
    ]);
  return wanted.map((name) => join(cache, name));
}

async function runApt(parameters: readonly string[]): Promise<{ stdout: string }> {
  try {
    return await run("apt-get", parameters, { maxBuffer: OUTPUT_MAX });
  } catch (thrown) {
    throw new ImageBuildError(
      `apt-get could not get the packages (run "apt-get update" once, and check that Debian's packages ` +
        `can be reached): ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

async function unpack(archive: string, root: string): Promise<void> {
  const exclude = ["doc", "man", "locale", "info", "lintian", "bug"].map(
    (name) => `--exclude=./usr/share/${name}`,
  );
  await run(
    "sh",
    [
      "-c",
      'archive="$1"; shift; dpkg-deb --fsys-tarfile "$archive" | tar -x --keep-directory-symlink "$@"',
      "sh",
      archive,
      ...exclude,
      "-C",
      root,
    ],
    {
      maxBuffer: OUTPUT_MAX,
    },
  );
}

async function addFiles(recipe: ImageRecipe, root: string): Promise<void> {
  for (const folder of recipe.folders) await mkdir(join(root, folder), { recursive: true });
  for (const folder of ["tmp", "var/tmp"]) await chmod(join(root, folder), 0o1777);
  for (const [path, content] of Object.entries(recipe.files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  for (const [path, source] of Object.entries(recipe.copies)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await cp(source, join(root, path), {
      recursive: true,
      dereference: true,
      filter: (from) => basename(from) !== "node_modules",
    });
  }
  // Debian ships busybox as /bin/busybox, which is /usr/bin/busybox here; a link never replaces a package's own file.
  for (const [path, target] of Object.entries(recipe.links)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await symlink(target, join(root, path)).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== "EEXIST") throw thrown;
    });
  }
  await run("sh", [
    "-c",
    'd="$1/usr/share/ca-certificates/mozilla"; if [ -d "$d" ]; then mkdir -p "$1/etc/ssl/certs"; cat ' +
      '"$d"/*.crt > "$1/etc/ssl/certs/ca-certificates.crt"; fi',
    "sh",
    root,
  ]);
}

const TAR_AND_IMPORT =
  'root="$1"; shift; tar -C "$root" --numeric-owner --owner=0 --group=0 -c . | docker import "$@" >/dev/null';

async function importFolder(root: string, recipe: ImageRecipe, label: string): Promise<void> {
  const tag = recipe.finish === undefined ? recipe.tag : `${recipe.tag}-unfinished`;
  const changes = asChanges(recipe, label);
  await run("sh", ["-c", TAR_AND_IMPORT, "sh", root, ...changes, "-", tag], { maxBuffer: OUTPUT_MAX });
  if (recipe.finish !== undefined) await finishImage(tag, recipe, label);
}

/** Runs the last step in a container without a network and keeps what it made. */
async function finishImage(unfinished: string, recipe: ImageRecipe, label: string): Promise<void> {
  const { stdout } = await run("docker", [
    "create",
    "--network",
    "none",
    "--label",
    label,
    "--entrypoint",
    "/usr/bin/busybox",
    unfinished,
    "sh",
    "-c",
    recipe.finish ?? "",
  ]);
  const id = stdout.trim();
  try {
    await run("docker", ["start", "-a", id], { maxBuffer: OUTPUT_MAX });
    const changes = recipe.changes.some((change) => change.startsWith("CMD "))
      ? recipe.changes
      : [...recipe.changes, "CMD []"];
    await run("docker", ["commit", ...asChanges({ changes }, label), id, recipe.tag]);
  } finally {
    await run("docker", ["rm", "-f", id]);
    await run("docker", ["rmi", unfinished]).catch(() => {}); // Its layers are the finished image's own.
  }
}

function asChanges(recipe: Pick<ImageRecipe, "changes">, label: string): string[] {
  return [...recipe.changes, `LABEL ${label}`].flatMap((change) => ["--change", change]);
}
