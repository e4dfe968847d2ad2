import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCredentials } from "@gantry/cli/credentials";
import { healthOf } from "@gantry/cli/control-plane-process";
import { PROJECT, RUNTIME_ENVIRONMENT, RUNTIME_FLAGS } from "@gantry/cli/project";
import { ECSClient, ListClustersCommand } from "@aws-sdk/client-ecs";
import { ensureInstance } from "@gantry/control-plane";
import { sleep } from "@gantry/kernel";
import { median, type Question } from "./question.ts";

const ROUNDS = 7;
const BARE = 'require("node:http").createServer((_, r) => r.end("ok")).listen(+process.argv[1], "127.0.0.1")';

/** From process start to the first answer, and what it weighs when idle, against a bare Node HTTP server. */
export const start: Question = {
  name: "start",
  async ask(bench) {
    const [gantry, bare]: [number[], number[]] = [[], []];
    const folder = mkdtempSync(join(tmpdir(), "gantry-bench-start-"));
    const port = bench.settings.port + 100;
    const settings = ensureInstance(folder, port);
    const startControlPlane = () =>
      spawn(process.execPath, [...RUNTIME_FLAGS, join(PROJECT, "apps/control-plane/main.ts"), folder], {
        stdio: "ignore",
        cwd: PROJECT,
        env: { ...RUNTIME_ENVIRONMENT, ...process.env },
      });
    const startBare = () => spawn(process.execPath, ["-e", BARE, String(port)], { stdio: "ignore" });
    const isUp = () => succeeded(fetch(`http://127.0.0.1:${port}/gantry/health`));
    let weight = 0;
    let bareWeight = 0;
    try {
      // The first start makes keys and certificates, and is not what is measured.
      await untilAnswer(startControlPlane(), isUp);
      // Without retries: the client's own waits would be measured.
      const ecs = new ECSClient({
        region: bench.region,
        endpoint: `http://127.0.0.1:${port}`,
        credentials: rootCredentials(settings),
        maxAttempts: 1,
      });
      const isListed = () => succeeded(ecs.send(new ListClustersCommand({})));
      for (let round = 0; round < ROUNDS; round += 1) {
        gantry.push(await untilAnswer(startControlPlane(), isListed));
        bare.push(await untilAnswer(startBare(), isUp));
      }
      const server = startBare();
      await untilAnswer(server, isUp, async () => {
        await sleep(bench.clock, 2_000);
        bareWeight = residentMiB(server.pid ?? 0);
      });
      const control = startControlPlane();
      await untilAnswer(control, isListed, async () => {
        await sleep(bench.clock, 5_000);
        weight = residentMiB(control.pid ?? 0);
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const agent = (await healthOf(bench.settings))?.agents[0];
    const against = "a bare Node server";
    return [
      {
        name: "start-to-first-answer",
        unit: "ms",
        value: median(gantry),
        baseline: median(bare),
        against,
        goal: { of: "ratio", most: 4 },
      },
      {
        name: "idle-memory-control-plane",
        unit: "MiB",
        value: weight,
        baseline: bareWeight,
        against,
        goal: { of: "value", most: 150 },
      },
      {
        name: "idle-memory-agent",
        unit: "MiB",
        value: residentMiB(agent?.pid ?? 0),
        baseline: bareWeight,
        against,
        goal: { of: "value", most: 120 },
      },
    ];
  },
};

function succeeded(answer: Promise<unknown>): Promise<boolean> {
  return answer.then(
    () => true,
    () => false,
  );
}

/** Milliseconds from the spawn until it answers; then the process is ended. */
async function untilAnswer(
  child: ChildProcess,
  answers: () => Promise<boolean>,
  then: () => Promise<void> = async () => {},
): Promise<number> {
  const began = performance.now();
  while (!(await answers())) {
    if (child.exitCode !== null) throw new Error("The process ended before it answered.");
    await new Promise((done) => setTimeout(done, 5));
  }
  const took = performance.now() - began;
  await then();
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  await ended;
  return took;
}

function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}
