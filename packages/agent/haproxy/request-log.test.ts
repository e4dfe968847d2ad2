import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BalancersAssignment } from "@gantry/agent-protocol";
import { silentLogger, SystemClock } from "@gantry/kernel";
import { afterEach, describe, expect, it } from "vitest";
import { backendName, balancerName } from "./names.ts";
import { nextInterval, RequestLog } from "./request-log.ts";
import { requestPipe } from "./request-pipe.ts";

const ASSIGNMENT = {
  balancers: [{ arn: "lb" }],
  targetGroups: [{ arn: "tg", targets: [{ address: "10.0.0.5", port: 80 }] }],
} as unknown as BalancersAssignment; // Only these fields are read.
const LB = balancerName("lb");
const TG = backendName("tg");
const SERVER = "t_10_0_0_5_80";
const line = (more: { backend?: string; server?: string; status?: number; ms?: number; end?: string }) =>
  `${LB} ${more.backend ?? TG} ${more.server ?? SERVER} ${more.status ?? 200} ` +
  `${more.ms ?? 3} 100 20 ${more.end ?? "--"}`;
const counted = (...lines: readonly string[]) => {
  const log = new RequestLog(silentLogger);
  for (const each of lines) log.count(each);
  return log.drain(ASSIGNMENT);
};

describe("the lines of the proxy", () => {
  it("are counted by load balancer, target group and target", () => {
    const lines = [line({}), line({ ms: 5 }), line({ ms: 5, status: 404 }), line({ status: 500, ms: 7 })];
    expect(counted(...lines)).toEqual([
      {
        balancer: "lb",
        targetGroup: "tg",
        target: "10.0.0.5",
        requests: 4,
        answered: [2, 0, 1, 1],
        generated: {},
        bytes: 480,
        connectionErrors: 0,
        latencies: [3, 1, 5, 2, 7, 1],
      },
    ]);
  });

  it("distinguish responses of the load balancer from those of targets", () => {
    const redirect = line({ backend: `${LB}_80`, server: "<NOSRV>", status: 301, ms: -1 });
    const refused = line({ status: 502, ms: -1, end: "SC" });
    expect(counted(redirect, refused)).toMatchObject([
      { targetGroup: undefined, requests: 0, generated: { 301: 1 } },
      { targetGroup: "tg", requests: 1, generated: { 502: 1 }, connectionErrors: 1, latencies: [] },
    ]);
  });

  it("are not counted where a terminating worker forwards the request", () => {
    expect(counted(line({ backend: `handover_${LB}_80`, server: "next" }))).toEqual([]);
  });

  it("count nothing that is malformed, aborted or of no load balancer", () => {
    expect(counted("", "nonsense", line({ status: -1 }), line({}).replace(LB, "-"))).toEqual([]);
    expect(counted(line({}).replace(LB, "lb_unknown"))).toEqual([]);
    // A line that was cut, and the next one behind it.
    expect(counted(`${line({}).slice(0, -9)}${line({})}`)).toEqual([]);
  });

  it("are aggregated, however many different latencies there are", () => {
    const lines = Array.from({ length: 20_000 }, (_, ms) => line({ ms }));
    const [sample] = counted(...lines);
    expect(sample?.requests).toBe(20_000);
    expect(sample?.latencies.length).toBeLessThan(2 * 700);
  });
});

describe("the interval of the reads", () => {
  it("lets an eighth of the pipe fill up, and the pipe is never full", () => {
    for (const bytesPerMs of [0, 1, 75, 1_500, 5_000]) {
      let delay = 200;
      for (let reads = 0; reads < 50; reads += 1) delay = nextInterval(delay, delay * bytesPerMs);
      expect(delay).toBeLessThanOrEqual(200);
      expect(delay * bytesPerMs).toBeLessThan(200 * 1024);
      expect(delay).toBeGreaterThanOrEqual(bytesPerMs === 0 ? 200 : 20);
    }
    expect(nextInterval(200, 600 * 1024)).toBe(0);
    expect(nextInterval(0, 0)).toBe(20);
  });
});

describe("the pipe", () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  it("keeps lines while no agent reads, and gives them in whatever pieces they come", () => {
    const folder = mkdtempSync(join(tmpdir(), "gantry-requests-"));
    folders.push(folder);
    execFileSync("mkfifo", [requestPipe(folder)]);
    const proxy = openSync(requestPipe(folder), "r+");
    const clock = new SystemClock();
    const text = `${line({})}\n${line({ status: 404 })}\n`;
    writeSync(proxy, text.slice(0, 74));
    const left = new RequestLog(silentLogger);
    left.read(folder, clock);
    left.close();
    const log = new RequestLog(silentLogger);
    log.read(folder, clock);
    log.read(folder, clock);
    expect(log.drain(ASSIGNMENT)).toHaveLength(1);
    writeSync(proxy, text.slice(74));
    expect(log.drain(ASSIGNMENT)).toMatchObject([{ requests: 1, answered: [0, 0, 1, 0] }]);
    expect(log.drain(ASSIGNMENT)).toEqual([]);
    log.close();
    closeSync(proxy);
  });
});
