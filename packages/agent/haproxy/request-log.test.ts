import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BalancersAssignment } from "@gantry/agent-protocol";
import { silentLogger } from "@gantry/kernel";
import { afterEach, describe, expect, it } from "vitest";
import { backendName, balancerName } from "./names.ts";
import { RequestLog, requestSocket } from "./request-log.ts";

const ASSIGNMENT = {
  balancers: [{ arn: "lb" }],
  targetGroups: [{ arn: "tg", targets: [{ address: "10.0.0.5", port: 80 }] }],
} as unknown as BalancersAssignment; // Only these fields are read.
const LB = balancerName("lb");
const TG = backendName("tg");
const SERVER = "t_10_0_0_5_80";
const line = (more: {
  backend?: string;
  server?: string;
  status?: number;
  ms?: number;
  end?: string;
  answered?: boolean;
  id?: string;
}) =>
  `${more.id ?? "7:1"} ${LB} ${more.backend ?? TG} ${more.server ?? SERVER} ${more.status ?? 200} ${more.ms ?? 3} 100 20 ${more.end ?? "--"} ${more.answered === false ? "-" : "1"}`;
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

  it("tell what the load balancer answered itself from what a target did", () => {
    const redirect = line({ backend: `${LB}_80`, server: "<NOSRV>", status: 301, ms: -1, answered: false });
    const refused = line({ status: 502, ms: -1, end: "SC", answered: false });
    expect(counted(redirect, refused)).toMatchObject([
      { targetGroup: undefined, requests: 0, generated: { 301: 1 } },
      { targetGroup: "tg", requests: 1, generated: { 502: 1 }, connectionErrors: 1, latencies: [] },
    ]);
  });

  it("are not counted where a worker that leaves passes the request on", () => {
    expect(counted(line({ backend: `handover_${LB}_80`, server: "next" }))).toEqual([]);
  });

  it("are counted once where they may come twice, while a worker leaves", () => {
    const log = new RequestLog(silentLogger);
    const countEach = (...ids: readonly string[]) => {
      for (const id of ids) log.count(line({ id }));
      return log.drain(ASSIGNMENT).reduce((sum, each) => sum + each.requests, 0);
    };
    log.expectTwice("7");
    expect(countEach("7:1", "7:2", "7:1", "7:2", "8:1")).toBe(3);
    log.expectOnce("7");
    expect(countEach("7:1", "8:1")).toBe(2);
  });

  it("count nothing that is malformed, aborted or of no load balancer", () => {
    expect(counted("", "nonsense", line({ status: -1 }), line({}).replace(LB, "-"))).toEqual([]);
    expect(counted(line({}).replace(LB, "lb_unknown"))).toEqual([]);
  });

  it("stay few however many different latencies there are", () => {
    const lines = Array.from({ length: 20_000 }, (_, ms) => line({ ms }));
    const [sample] = counted(...lines);
    expect(sample?.requests).toBe(20_000);
    expect(sample?.latencies.length).toBeLessThan(2 * 700);
  });
});

describe("the socket", () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  it("takes lines in whatever pieces they come, and is taken over from an agent that died", async () => {
    const folder = mkdtempSync(join(tmpdir(), "gantry-requests-"));
    folders.push(folder);
    mkdirSync(join(folder, "run"));
    const left = new RequestLog(silentLogger);
    await left.listen(folder);
    const log = new RequestLog(silentLogger);
    await log.listen(folder);
    await log.listen(folder);
    const text = `${line({})}\n${line({ status: 404 })}\n`;
    await new Promise<void>((resolve) => {
      const socket = connect(requestSocket(folder), () => {
        socket.write(text.slice(0, 74));
        setTimeout(() => socket.end(text.slice(74)), 20);
      });
      socket.on("close", () => resolve());
    });
    expect(log.drain(ASSIGNMENT)).toMatchObject([{ requests: 2, answered: [1, 0, 1, 0] }]);
    expect(log.drain(ASSIGNMENT)).toEqual([]);
    log.close();
    left.close();
  });
});
