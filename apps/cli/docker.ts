import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { sleep, type Clock } from "@gantry/kernel";
import type { Progress } from "./progress.ts";
import { run, runVisibly, succeeds, UserError } from "./run.ts";

const START_WAIT_MS = 60_000;

/**
 * Ensures that Docker Engine answers: it is found, or started, or installed from Debian's packages after a
 * message.
 */
export async function ensureDocker(deps: { clock: Clock; progress: Progress }): Promise<void> {
  if (await succeeds("docker", ["version"])) return;
  const isRoot = process.getuid?.() === 0;
  if (!(await succeeds("sh", ["-c", "command -v dockerd"]))) {
    if (!isRoot)
      throw new UserError(
        "Docker Engine does not answer and is not installed: install Docker, or run this as root on " +
          "Debian and Gantry installs it.",
      );
    if (!(await succeeds("sh", ["-c", "command -v apt-get"])))
      throw new UserError(
        "Docker Engine does not answer, and Gantry can install it on Debian only: install Docker and start it.",
      );
    deps.progress.say(
      "Docker Engine is not installed: installing it from Debian's packages (docker.io, iptables).",
    );
    await deps.progress.step("Installing Docker Engine", async () => {
      const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
      await run("apt-get", ["-q", "update"], { env: environment });
      await run("apt-get", ["-q", "-y", "--no-install-recommends", "install", "docker.io", "iptables"], {
        env: environment,
      });
    });
  }
  if (!isRoot)
    throw new UserError(
      "Docker Engine is installed but does not answer: start it (systemctl start docker), and check " +
        "that you may use it (docker version).",
    );
  await deps.progress.step("Starting Docker Engine", () => startEngine(deps.clock));
}

async function startEngine(clock: Clock): Promise<void> {
  const bySystemd =
    (await succeeds("sh", ["-c", "test -d /run/systemd/system"])) &&
    (await runVisibly("systemctl", ["start", "docker"])) === 0;
  if (!bySystemd) {
    const log = openSync("/var/log/dockerd.log", "a");
    spawn("dockerd", [], { detached: true, stdio: ["ignore", log, log] }).unref();
  }
  const deadline = clock.now() + START_WAIT_MS;
  while (!(await succeeds("docker", ["version"]))) {
    if (clock.now() > deadline)
      throw new UserError("Docker Engine did not start within a minute: see /var/log/dockerd.log.");
    await sleep(clock, 200);
  }
}
