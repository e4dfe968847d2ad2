import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, run } from "./helpers.ts";

/**
 * An engine of a test's own: whatever else uses Docker on this machine does not notice. It has a bridge of its own,
 * because an engine with the usual one would take that away from the machine's engine. `number` keeps tests apart.
 */
export function newOwnEngine(number: number) {
  const folder = mkdtempSync(join(tmpdir(), "gantry-engine-"));
  const socket = join(folder, "docker.sock");
  const bridge = `gantry-e2e${number}`;
  let engine: ChildProcess | undefined;
  const docker = (...parameters: readonly string[]) =>
    run("docker", ["-H", `unix://${socket}`, ...parameters]);

  async function start(options: { liveRestore: boolean }): Promise<void> {
    const log = openSync(join(folder, "dockerd.log"), "a");
    rmSync(join(folder, "pid"), { force: true });
    // An engine that was killed leaves the file of its containerd behind, and would wait for what is not there.
    rmSync(join(folder, "exec/containerd/containerd.pid"), { force: true });
    const parameters = [
      ...["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")],
      ...[
        "--pidfile",
        join(folder, "pid"),
        "-H",
        `unix://${socket}`,
        `--bridge=${bridge}`,
        "--iptables=false",
      ],
      ...(options.liveRestore ? ["--live-restore"] : []),
    ];
    engine = spawn("dockerd", parameters, { detached: true, stdio: ["ignore", log, log] });
    await eventually(() => docker("version"), 30_000);
  }

  async function end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const ended = new Promise((done) => engine?.on("exit", done));
    engine?.kill(signal);
    await ended;
  }

  /** Everything of the engine's: the engine, its containerd, the shims and what they hold. */
  async function endEverything(): Promise<void> {
    await run("sh", ["-c", `pkill -9 -f '${folder}/[e]xec' ; pkill -9 -f '${folder}/[d]ata'; true`]);
    if (engine?.exitCode === null && engine.signalCode === null) await end("SIGKILL");
  }

  return {
    folder,
    docker,
    start,
    end,
    endEverything,
    /** The environment variable by which Gantry and the docker command use this engine. */
    host: `unix://${socket}`,
    signal: (name: "SIGSTOP" | "SIGCONT") => engine?.kill(name),
    async setUp(subnet: string): Promise<void> {
      mkdirSync(join(folder, "data"));
      // A test run that was killed leaves its bridge behind.
      await run("ip", ["link", "del", bridge]).catch(() => undefined);
      await run("ip", ["link", "add", bridge, "type", "bridge"]);
      await run("ip", ["addr", "add", subnet, "dev", bridge]);
      await start({ liveRestore: false });
    },
    async tearDown(): Promise<void> {
      await endEverything();
      await run("ip", ["link", "del", bridge]);
      await run("sh", [
        "-c",
        `for i in 1 2 3; do awk '{print $2}' /proc/mounts | grep '^${folder}' | sort -r | xargs -r ` +
          `umount -l; done; rm -rf ${folder}`,
      ]);
    },
  };
}
