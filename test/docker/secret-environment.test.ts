import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ContainerAssignment } from "@gantry/agent-protocol";
import { commandPrefixOf, COMMAND_PREFIX_LABEL } from "@gantry/agent";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { livePods, podOf, type LivePods } from "./live-pods.ts";

// Containers with secrets begin with a program of the platform. Each is compared with a container of the same
// settings that has the same variables in the engine's record: neither may find a difference but that of the
// record.
const run = promisify(execFile);
const BUSYBOX = "/usr/bin/busybox";
const SHELL = [BUSYBOX, "sh", "-c"];
/**
 * Prints the environment, the arguments, the folder, the user, the limits of the program, and whether it is
 * the first process.
 */
const REPORT =
  `${BUSYBOX} cat /proc/$$/environ | ${BUSYBOX} tr '\\0' '\\n'; echo "$0 $*"; ${BUSYBOX} pwd; ${BUSYBOX} ` +
  `id; ulimit -n; ${BUSYBOX} grep -E "^(Cap|SigBlk|SigIgn|SigCgt|NoNew|Seccomp)" /proc/self/status; [ $$ ` +
  "!= 1 ] || echo first process";
const IMAGES = {
  /** With an entry point, a command, a user, a folder and a PATH. */
  full: [
    "FROM gantry/pause:1",
    "ENV PATH=/opt/tools:/usr/bin a.b=1 COLOUR=blue",
    "USER nobody",
    "WORKDIR /tmp",
    `ENTRYPOINT ${JSON.stringify([...SHELL, REPORT])}`,
    'CMD ["zero", "image argument"]',
    "HEALTHCHECK --interval=1s CMD false",
  ],
  /** Without entry point. */
  command: [
    "FROM gantry/pause:1",
    "ENTRYPOINT []",
    `CMD ${JSON.stringify([...SHELL, "echo from the image $S"])}`,
  ],
  /** Without entry point and command. */
  empty: ["FROM gantry/pause:1", "ENTRYPOINT []", "CMD []"],
} as const;
const tag = (name: string) => `gantry/secret-environment-${name}:test`;
let live: LivePods;

beforeAll(async () => {
  live = await livePods();
  for (const [name, lines] of Object.entries(IMAGES))
    execFileSync("docker", ["build", "-q", "-t", tag(name), "-"], { input: lines.join("\n") });
  // A single static program, without folders, users and libraries.
  const folder = mkdtempSync(join(tmpdir(), "gantry-scratch-"));
  const id = execFileSync("docker", ["create", "gantry/pause:1"], { encoding: "utf8" }).trim();
  execFileSync("docker", ["cp", `${id}:${BUSYBOX}`, join(folder, "busybox")]);
  execFileSync("docker", ["rm", id]);
  const archive = execFileSync("tar", ["-C", folder, "-c", "busybox"], { maxBuffer: 2 ** 24 });
  execFileSync("docker", ["import", "-", tag("scratch")], { input: archive });
  rmSync(folder, { recursive: true });
});
afterAll(async () => {
  await live.close();
  execFileSync("docker", ["rmi", "-f", ...[...Object.keys(IMAGES), "scratch"].map(tag)]);
});

type Settings = Partial<ContainerAssignment> & { readonly image: string };

/** The output of a container with these variables, as secrets or in the engine's record, and its exit code. */
async function outcomeOf(settings: Settings, variables: readonly string[], secret: boolean) {
  const own = secret
    ? { secretEnvironment: variables }
    : { environment: [...(settings.environment ?? []), ...variables] };
  const pod = podOf({ ...settings, ...own });
  await live.reconcile(pod);
  const output = await live.outputOf(pod);
  const { exitCode } = (await live.engine.inspect(live.nameOf(pod))) ?? {};
  await live.remove(pod);
  return { output, exitCode };
}

const SECRETS = [
  "S=secret value",
  "LINES=one\ntwo\n",
  "dotted.name=x",
  "EMPTY=",
  "COLOUR=red",
  `LONG=${"x".repeat(65_536)}`,
];

describe("a container with secrets", () => {
  it.each<[string, Settings]>([
    ["the image's own command", { image: tag("full") }],
    ["a command", { image: tag("full"), command: ["zero", "a b", "", "$HOME", "*"] }],
    ["an entry point", { image: tag("full"), entryPoint: [...SHELL, `echo own $S; ${REPORT}`] }],
    [
      "an entry point and a command",
      { image: tag("full"), entryPoint: SHELL, command: [REPORT, "zero", "x"] },
    ],
    ["an empty entry point", { image: tag("full"), entryPoint: [], command: [...SHELL, REPORT] }],
    ["an image without entry point", { image: tag("command") }],
    [
      "a relative command",
      {
        image: tag("full"),
        entryPoint: ["./busybox", "sh", "-c"],
        command: [REPORT],
        workingDirectory: "/usr/bin",
      },
    ],
    [
      "a name that is looked up",
      { image: tag("full"), entryPoint: ["busybox", "sh", "-c"], command: [REPORT] },
    ],
    ["another user", { image: tag("full"), user: "1234:5678" }],
    ["root", { image: tag("full"), user: "0" }],
    ["a read-only root file system", { image: tag("full"), readonlyRootFilesystem: true }],
    ["an init process", { image: tag("full"), init: true }],
    ["limits", { image: tag("full"), ulimits: [{ name: "nofile", soft: 77, hard: 99 }] }],
    ["dropped capabilities", { image: tag("full"), user: "0", capabilitiesDrop: ["ALL"] }],
    ["added capabilities", { image: tag("full"), user: "0", capabilitiesAdd: ["SYS_PTRACE"] }],
    ["a single static program", { image: tag("scratch"), command: ["/busybox", "env"] }],
    ["a program that fails", { image: tag("full"), entryPoint: SHELL, command: ["echo $S; exit 7"] }],
    [
      "a program that ends with 127 by itself",
      { image: tag("full"), entryPoint: SHELL, command: ["echo $S; exit 127"] },
    ],
  ])("behaves as one without: %s", async (_, settings) => {
    const [secret, plain] = await Promise.all([
      outcomeOf(settings, SECRETS, true),
      outcomeOf(settings, SECRETS, false),
    ]);
    // Host names differ, and the environment's order has no meaning.
    const sorted = ({ output, exitCode }: typeof plain) => ({
      exitCode,
      lines: output
        .split("\n")
        .filter((line) => !line.startsWith("HOSTNAME="))
        .toSorted(),
    });
    expect(sorted(secret)).toEqual(sorted(plain));
    expect(plain.output).toMatch(/secret value|from the image/);
  });

  it("looks its program up in the PATH that a secret sets", async () => {
    const settings = { image: tag("full"), entryPoint: ["busybox", "echo", "found"] };
    expect(await outcomeOf(settings, ["PATH=/usr/bin"], true)).toEqual({ output: "found\n", exitCode: 0 });
    const missing = await outcomeOf(settings, ["PATH=/nowhere"], true);
    expect(missing).toMatchObject({ exitCode: 127 });
  });

  it("stops as one whose program the engine cannot find", async () => {
    const pod = podOf({ image: tag("full"), entryPoint: ["nosuch"], secretEnvironment: ["S=x"] });
    await live.reconcile(pod);
    await live.outputOf(pod);
    await live.reconcile(pod);
    const stop = {
      code: "TaskFailedToStart",
      reason: 'CannotStartContainerError: exec: "nosuch": executable file not found in $PATH',
    };
    expect(live.reports.get(pod.key)).toMatchObject({ phase: "stopped", stop });
    live.restartAgent();
    await live.reconcile(pod);
    expect(live.reports.get(pod.key)).toMatchObject({ stop });
    await live.remove(pod);
    const empty = podOf({ image: tag("empty"), secretEnvironment: ["S=x"] });
    await live.reconcile(empty);
    expect(live.reports.get(empty.key)?.stop?.reason).toMatch(
      /^CannotCreateContainerError: .*No command specified/,
    );
  });
});

describe("other commands in a container with secrets", () => {
  const times = { intervalSeconds: 1, timeoutSeconds: 5, retries: 1, startPeriodSeconds: 0 };
  const sleeping = { image: tag("full"), entryPoint: [BUSYBOX, "sleep", "600"], command: [] };

  it("have the secrets: health checks of both forms, and what gantry exec runs", async () => {
    const test = '[ "$S" = "a b" ]';
    const pod = podOf(
      {
        ...sleeping,
        secretEnvironment: ["S=a b"],
        healthCheck: { command: ["CMD", ...SHELL, test], ...times },
      },
      {
        ...sleeping,
        secretEnvironment: ["S=a b"],
        healthCheck: { command: ["CMD", ...SHELL, `! ${test}`], ...times },
      },
    );
    await live.reconcile(pod);
    await vi.waitFor(
      async () => {
        await live.reconcile(pod);
        const health = live.reports.get(pod.key)?.containers.map((container) => container.health);
        expect(health).toEqual(["HEALTHY", "UNHEALTHY"]);
      },
      { timeout: 60_000, interval: 200 },
    );
    const name = live.nameOf(pod);
    const { labels } = (await live.engine.inspect(name)) ?? {};
    const prefix = commandPrefixOf(labels?.[COMMAND_PREFIX_LABEL] ?? "");
    expect((await run("docker", ["exec", name, ...prefix, ...SHELL, "echo $S"])).stdout).toBe("a b\n");
    await live.remove(pod);
  });

  it("have no health check where the task definition has none, though the image has one", async () => {
    const pod = podOf({ ...sleeping, secretEnvironment: ["S=1"] });
    await live.reconcile(pod);
    const { stdout } = await run("docker", [
      "inspect",
      "--format",
      "{{json .Config.Healthcheck}}",
      live.nameOf(pod),
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ Test: ["NONE"] });
    await live.remove(pod);
  });
});

describe("the variables of a container with secrets", () => {
  // As after a reboot, if anything but the agent starts the container.
  it("are not left out where their file is missing: the engine does not start the container", async () => {
    const pod = podOf({
      ...{ image: tag("full"), entryPoint: SHELL, secretEnvironment: ["S=here"] },
      command: [`echo "started with $S"; exec ${BUSYBOX} sleep 600`],
    });
    await live.reconcile(pod);
    const name = live.nameOf(pod);
    await run("rm", ["-r", live.runFolder]);
    await run("docker", ["kill", name]);
    await expect(run("docker", ["start", name])).rejects.toThrow("bind source path does not exist");
    await expect.poll(async () => (await run("docker", ["logs", name])).stdout).toBe("started with here\n");
    await live.remove(pod);
  });

  it("are written again before the container restarts, and removed with those of unknown pods", async () => {
    const restartPolicy = { ignoredExitCodes: [], attemptPeriodSeconds: 0 };
    const settings = {
      image: tag("full"),
      entryPoint: SHELL,
      command: [`echo $S; exec ${BUSYBOX} sleep 600`],
    };
    const pod = podOf({ ...settings, secretEnvironment: ["S=again"], restartPolicy });
    await live.reconcile(pod);
    const name = live.nameOf(pod);
    await run("rm", ["-r", live.runFolder]);
    await run("docker", ["kill", name]);
    await vi.waitFor(async () => {
      await live.reconcile(pod);
      expect((await run("docker", ["logs", name])).stdout).toBe("again\nagain\n");
    }, 30_000);
    expect([...live.restarts.values()]).toEqual([1]);
    await live.host.environments.releaseOthers((key) => key === pod.key);
    expect((await run("ls", [`${live.runFolder}/environments`])).stdout).not.toBe("");
    await live.host.environments.releaseOthers(() => false);
    expect((await run("ls", [`${live.runFolder}/environments`])).stdout).toBe("");
    await live.remove(pod);
  });
});
