import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "@gantry/cli/run";
import { sleep } from "@gantry/kernel";
import { ensureLoadGenerator, load, medianOf, type Load } from "./load.ts";
import type { Question } from "./question.ts";
import { serve } from "./serve.ts";

const ROUNDS = 9;
const SECONDS = 4;
const CONNECTIONS = 32;
const PLAIN_PORT = 14_999;

/** Requests a second through a load balancer of ours, against HAProxy with a configuration written by hand before the same task. */
export const loadBalancer: Question = {
  name: "load-balancer",
  async ask(bench) {
    await ensureLoadGenerator();
    const { url, address, vpcId } = await serve(bench);
    const proxy = `gantry-${bench.settings.instance}-proxy`;
    const file = join(bench.settings.folder, "plain.cfg");
    writeFileSync(file, plainConfiguration(address, vpcId));
    await run("docker", ["cp", file, `${proxy}:/tmp/plain.cfg`]);
    await run("docker", ["exec", "-d", proxy, "haproxy", "-f", "/tmp/plain.cfg"]);
    await sleep(bench.clock, 1_000);
    const options = { folder: bench.settings.folder, connections: CONNECTIONS, seconds: SECONDS };
    const [gantry, plain]: [Load[], Load[]] = [[], []];
    const { host } = new URL(url);
    for (let round = 0; round < ROUNDS; round += 1) {
      gantry.push(
        await load({ ...options, url: url.replace(/\/\/[^/:]+/, "//127.0.0.1"), headers: { Host: host } }),
      );
      plain.push(await load({ ...options, url: `http://127.0.0.1:${PLAIN_PORT}/`, headers: { Host: host } }));
    }
    const failed = [...gantry, ...plain].reduce((sum, each) => sum + each.failed, 0);
    if (failed > 0) throw new Error(`${failed} requests failed.`);
    const against = "plain HAProxy";
    return [
      {
        name: "load-balancer-rate",
        unit: "requests/s",
        value: medianOf(gantry, "requestsPerSecond"),
        baseline: medianOf(plain, "requestsPerSecond"),
        against,
        goal: { of: "ratio", least: 0.95 },
      },
      {
        name: "load-balancer-p99",
        unit: "ms",
        value: medianOf(gantry, "p99Ms"),
        baseline: medianOf(plain, "p99Ms"),
        against,
        goal: undefined,
      },
    ];
  },
};

function plainConfiguration(address: string, vpcId: string): string {
  return `global
  maxconn 8000
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
frontend plain
  bind 127.0.0.1:${PLAIN_PORT}
  default_backend plain
backend plain
  server task ${address}:80 namespace ${vpcId}
`;
}
