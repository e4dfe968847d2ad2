import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import {
  agentRecipe,
  buildDebianImage,
  closureKey,
  databaseRecipe,
  machineRecipe,
  fetchPackages,
  nodeBaseRecipe,
  pauseRecipe,
  postgresRecipe,
  wellKnownRecipes,
  type ImageRecipe,
} from "@gantry/images";

/** What only the engine or maintainer scripts need of the packages' closure: the image has the docker command alone. */
const WITHOUT = [
  ...["adduser", "containerd", "debconf", "debianutils", "dmsetup", "init-system-helpers", "iptables"],
  ...[
    "libaudit-common",
    "libaudit1",
    "libcap-ng0",
    "libdb5.3",
    "libdevmapper1.02.1",
    "libfile-find-rule-perl",
  ],
  ...["libgcrypt20", "libgdbm-compat4", "libgdbm6", "libgpg-error0", "libip4tc2", "libip6tc2", "liblz4-1"],
  ...[
    "libmnl0",
    "libnetfilter-conntrack3",
    "libnfnetlink0",
    "libnftnl11",
    "libnumber-compare-perl",
    "libpam-modules",
  ],
  ...["libpam-modules-bin", "libpam0g", "libperl5.36", "libseccomp2", "libsemanage-common", "libsemanage2"],
  ...[
    "libsepol2",
    "libssl3",
    "libsystemd0",
    "libtext-glob-perl",
    "libudev1",
    "libxtables12",
    "lsb-base",
    "netbase",
  ],
  ...[
    "openssl",
    "passwd",
    "perl",
    "perl-base",
    "perl-modules-5.36",
    "runc",
    "sysvinit-utils",
    "tini",
    "usrmerge",
  ],
];

/**
 * Builds the container image from Debian packages, with the program, its runtime, the docker command, and the packages
 * of all images that the platform builds, so that it needs nothing but the engine's socket. Answers the path of the
 * archive for `docker load`; the image itself does not stay in the engine. `program` is the folder with its runtime.
 */
export async function buildContainerImage(
  sources: string,
  options: { program: string; output: string; version: string; cacheFolder: string },
): Promise<string> {
  const { program, output, version, cacheFolder } = options;
  const tag = `gantry:${version}`;
  const recipe: ImageRecipe = {
    ...pauseRecipe,
    tag,
    packages: [
      "libc6",
      "libstdc++6",
      "libatomic1",
      "ca-certificates",
      "busybox-static",
      "dash",
      "dpkg",
      "tar",
      "docker.io",
    ],
    without: WITHOUT,
    links: {
      ...pauseRecipe.links,
      "/usr/bin/readlink": "/usr/bin/busybox",
      "/usr/bin/dirname": "/usr/bin/busybox",
      "/var/run": "../run",
    },
    folders: [...pauseRecipe.folders, "/run"],
    changes: [
      "ENV PATH=/usr/local/bin:/usr/bin:/bin HOME=/root",
      'ENTRYPOINT ["/opt/gantry/container"]',
      "CMD []",
    ],
  };
  const prepare = async (root: string): Promise<void> => {
    for (const path of [
      "usr/sbin/dockerd",
      "usr/bin/dockerd",
      "usr/sbin/docker-proxy",
      "usr/bin/docker-proxy",
    ])
      rmSync(join(root, path), { force: true });
    cpSync(program, join(root, "opt/gantry"), { recursive: true });
    copyFileSync(join(sources, "tools/release/files/container"), join(root, "opt/gantry/container"));
    await addCopyrights(recipe, root, cacheFolder);
    await addPackages(join(root, "opt/gantry/debian-packages"), program, cacheFolder);
  };
  await buildDebianImage(recipe, { cacheFolder, label: `gantry.release=${version}`, prepare });
  const path = join(output, `gantry-${version}-image-linux-${process.arch}.tar.gz`);
  execFileSync("sh", ["-c", 'docker save "$1" | gzip -4 > "$2"', "sh", tag, path]);
  execFileSync("docker", ["rmi", tag], { stdio: "ignore" });
  return path;
}

const UNPACK_COPYRIGHT =
  'dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --keep-directory-symlink --wildcards "./usr/share/doc/*/copyright"';

/** The copyright files of the packages in the image, which images of the platform do without. */
async function addCopyrights(recipe: ImageRecipe, root: string, cacheFolder: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), "gantry-closure-"));
  try {
    for (const archive of await fetchPackages(recipe, work, cacheFolder))
      // A package whose folder is a link to another's has no file of its own: tar says so.
      spawnSync("sh", ["-c", UNPACK_COPYRIGHT, "sh", archive, root], { stdio: "ignore" });
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** The Debian packages of every image that the platform builds, and which image needs which. */
async function addPackages(folder: string, program: string, cacheFolder: string): Promise<void> {
  const recipes = [
    pauseRecipe,
    agentRecipe({ tag: "agent", node: process.execPath, sources: program }),
    nodeBaseRecipe(process.execPath),
    databaseRecipe,
    postgresRecipe,
    machineRecipe,
    ...wellKnownRecipes,
  ];
  mkdirSync(folder, { recursive: true });
  const closures: Record<string, readonly string[]> = {};
  for (const recipe of recipes) {
    const work = mkdtempSync(join(tmpdir(), "gantry-closure-"));
    try {
      const archives = await fetchPackages(recipe, work, cacheFolder);
      closures[closureKey(recipe)] = archives.map((path) => basename(path));
      for (const path of archives) copyFileSync(path, join(folder, basename(path)));
    } finally {
      rmSync(work, { recursive: true });
    }
  }
  writeFileSync(join(folder, "closures.json"), `${JSON.stringify(closures, null, 1)}\n`);
}
