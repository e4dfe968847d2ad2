import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  globSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

/** Debian's architecture names, by Node's name of the architecture. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** Puts the Node runtime of this machine beside the program, as npm would. */
export function addRuntime(sources: string, program: string): void {
  const name = `node_modules/node-linux-${process.arch}`;
  for (const file of ["bin/node", "LICENSE", "package.json"]) {
    mkdirSync(dirname(join(program, name, file)), { recursive: true });
    copyFileSync(join(sources, name, file), join(program, name, file));
  }
}

/**
 * Builds the Debian package from the program that was laid out with its runtime; answers its path. The program is in
 * /usr/lib/gantry, with the systemd unit, completion for three shells, and maintainer scripts that stop the platform
 * before the program goes and remove its data when the package is purged.
 * Source: Debian Policy 4.6, chapters 5 (control fields), 6 (maintainer scripts) and 9 (file system).
 */
export function buildDebianPackage(
  sources: string,
  options: { program: string; root: string; output: string; version: string },
): string {
  const { program, root, output, version } = options;
  const files = join(sources, "tools/release/files");
  const put = (path: string, content: string | Buffer, mode = 0o644): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content, { mode });
  };
  cpSync(program, join(root, "usr/lib/gantry"), { recursive: true });
  put("usr/bin/gantry", readFileSync(join(files, "debian/gantry")), 0o755);
  put("lib/systemd/system/gantry.service", readFileSync(join(files, "gantry.service")));
  const completion = (shell: string): string =>
    execFileSync(process.execPath, [join(program, "apps/cli/main.js"), "completion", shell], {
      encoding: "utf8",
    });
  put("usr/share/bash-completion/completions/gantry", completion("bash"));
  put("usr/share/zsh/vendor-completions/_gantry", completion("zsh"));
  put("usr/share/fish/vendor_completions.d/gantry.fish", completion("fish"));
  put("usr/share/doc/gantry/copyright", readFileSync(join(program, "THIRD-PARTY-NOTICES.txt")));
  put(
    "usr/share/doc/gantry/changelog.gz",
    gzipSync(readFileSync(join(program, "CHANGELOG.md")), { level: 9 }),
  );
  const installed = globSync("**/*", { cwd: root }).filter((path) => lstatSync(join(root, path)).isFile());
  const kilobytes = installed.reduce(
    (sum, path) => sum + Math.ceil(lstatSync(join(root, path)).size / 1024),
    0,
  );
  const sums = installed.toSorted().map(
    (path) =>
      `${createHash("md5")
        .update(readFileSync(join(root, path)))
        .digest("hex")}  ${path}\n`,
  );
  const architecture = ARCHITECTURES[process.arch] ?? process.arch;
  put("DEBIAN/control", renderControl({ version, architecture, kilobytes }));
  put("DEBIAN/md5sums", sums.join(""));
  for (const script of ["postinst", "prerm", "postrm"]) {
    put(`DEBIAN/${script}`, readFileSync(join(files, "debian", script)), 0o755);
    chmodSync(join(root, "DEBIAN", script), 0o755);
  }
  const path = join(output, `gantry_${version}_${architecture}.deb`);
  execFileSync("dpkg-deb", ["--root-owner-group", "-Zzstd", "-z6", "--build", root, path], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return path;
}

/**
 * The Node runtime needs the C and C++ libraries; images are built with apt-get, dpkg-deb and tar, which
 * Debian has.
 */
function renderControl(options: { version: string; architecture: string; kilobytes: number }): string {
  return `Package: gantry
Version: ${options.version}
Architecture: ${options.architecture}
Maintainer: The Gantry maintainers <gantry@localhost>
Installed-Size: ${options.kilobytes}
Depends: libc6 (>= 2.28), libstdc++6, libatomic1, ca-certificates, docker.io | docker-ce
Recommends: iptables
Suggests: awscli
Section: admin
Priority: optional
Description: managed container platform that speaks the AWS API
 Gantry runs task definitions, services, load balancers, databases, file
 systems and buckets on this machine, behind the API of AWS.
`;
}
