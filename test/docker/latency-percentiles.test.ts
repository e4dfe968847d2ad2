import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RequestLog } from "@gantry/agent/haproxy/request-log";
import type { BalancersAssignment, TrafficSample } from "@gantry/agent-protocol";
import { keyOf } from "@gantry/content/metrics/metric-points";
import { MetricStore } from "@gantry/content/metrics/metric-store";
import { balancerMetrics } from "@gantry/control-plane/balancer-metrics";
import { silentLogger, sleep, SystemClock } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import { afterAll, beforeAll, expect, it } from "vitest";
import { balancer, forward, group, listenerOn } from "../attacks/balancer-builders.ts";
import { openRealProxy, TARGET_ADDRESS } from "../attacks/real-proxy.ts";

const PORT = 8_001;
const TARGET_PORT = 8_090;
const REQUESTS = 240;
const MINUTE = 60_000;
const LB = "arn:aws:elasticloadbalancing:eu-south-1:000000000000:loadbalancer/app/a/1";
const PERCENTILES = ["p50", "p90", "p99"];
const clock = new SystemClock();

/** Answers after the milliseconds that the path names. */
const TARGET = `
require("node:http").createServer((request, response) => {
  setTimeout(() => response.end("ok"), Number(request.url.slice(1)));
}).listen(${TARGET_PORT}, "${TARGET_ADDRESS}");
`;

/** Makes requests of 400 to 2000 ms, most of them short, and prints how long each took. */
const GENERATOR = `
const http = require("node:http");
const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
const one = (ms) => new Promise((resolve, reject) => {
  let since = 0;
  const request = http.get({ host: "127.0.0.1", port: ${PORT}, path: "/" + ms, agent }, (response) => {
    const took = performance.now() - since;
    response.resume();
    response.on("end", () => resolve([response.statusCode, took]));
  });
  request.on("socket", () => (since = performance.now()));
  request.on("error", reject);
});
const delays = Array.from({ length: ${REQUESTS} }, (_, index) => 400 + Math.round(1600 * (index / ${REQUESTS}) ** 4));
Promise.all(delays.map(one)).then((all) => console.log(JSON.stringify(all)));
`;

const assignment: BalancersAssignment = {
  kind: "balancers",
  key: "balancers",
  balancers: [{ ...balancer("a", listenerOn(PORT, { defaultAction: forward })), arn: LB }],
  targetGroups: [
    group({ targets: [{ address: TARGET_ADDRESS, port: TARGET_PORT, isNew: false, draining: false }] }),
  ],
};
const place = { arn: LB, account: "000000000000", region: "eu-south-1", vpcId: "vpc-1" };
const records = {
  get: (_kind: string, arn: string) => (arn === LB ? place : undefined),
  list: (kind: string) => (kind === "loadBalancer" ? [place] : []),
  listBy: () => [],
  countBy: () => 0,
} as unknown as Reader; // Only these are read.

let proxy: Awaited<ReturnType<typeof openRealProxy>>;
beforeAll(async () => (proxy = await openRealProxy()));
afterAll(() => proxy.close());

it("measures the percentiles that the load generator measures, and counts each request", async () => {
  writeFileSync(join(proxy.folder, "delays.cjs"), TARGET);
  await proxy.exec("sh", "-c", `node ${proxy.folder}/delays.cjs >/dev/null 2>&1 & sleep 0.5`);
  const requests = new RequestLog(silentLogger);
  await proxy.serve(assignment);
  requests.read(proxy.folder, clock);
  const seen = JSON.parse(await proxy.exec("node", "-e", GENERATOR)) as [number, number][]; // The generator's own.
  expect(seen.filter(([status]) => status !== 200)).toEqual([]);
  await sleep(clock, 500);
  const traffic: readonly TrafficSample[] = requests.drain(assignment);
  requests.close();

  const metrics = new MetricStore(join(mkdtempSync(join(proxy.folder, "metrics-")), "metrics.db"));
  const batch = { type: "metrics" as const, session: "s", sequence: 1, usage: [], at: MINUTE, traffic };
  await metrics.add(balancerMetrics(records, batch));
  const read = async (name: string, statistics: readonly string[]) => {
    const dimensions = { LoadBalancer: "app/a/1" };
    const { account, region } = place;
    const key = keyOf({ account, region, namespace: "AWS/ApplicationELB", name, dimensions });
    const range = { from: MINUTE, until: 2 * MINUTE, period: MINUTE, unit: undefined, perUnit: false };
    const [values] = await metrics.read([{ key, statistics, ...range }]);
    return statistics.map((_, index) => values?.[0]?.values[index]?.[0] ?? Number.NaN);
  };
  expect(await read("RequestCount", ["Sum"])).toEqual([REQUESTS]);
  expect(await read("HTTPCode_Target_2XX_Count", ["Sum"])).toEqual([REQUESTS]);
  const [count, ...measured] = await read("TargetResponseTime", ["SampleCount", ...PERCENTILES]);
  await metrics.close();
  expect(count).toBe(REQUESTS);
  const sorted = seen.map(([, ms]) => ms / 1_000).toSorted((a, b) => a - b);
  for (const [index, name] of PERCENTILES.entries()) {
    const expected = sorted[Math.ceil((Number(name.slice(1)) / 100) * REQUESTS) - 1] ?? Number.NaN;
    const ratio = (measured[index] ?? Number.NaN) / expected;
    console.log(`${name}: ${measured[index]?.toFixed(3)} s, load generator ${expected.toFixed(3)} s`);
    expect(ratio, name).toBeGreaterThan(0.9);
    expect(ratio, name).toBeLessThan(1.1);
  }
});
