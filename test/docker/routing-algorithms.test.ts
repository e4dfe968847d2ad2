import type { BalancerTargetGroup } from "@gantry/agent-protocol";
import { afterAll, beforeAll, expect, it } from "vitest";
import { balancer, forward, group, listenerOn } from "../attacks/balancer-builders.ts";
import { openRealProxy, TARGET_ADDRESS } from "../attacks/real-proxy.ts";

const PORT = 8_101;
const REQUESTS = 30;
let proxy: Awaited<ReturnType<typeof openRealProxy>>;
beforeAll(async () => (proxy = await openRealProxy()));
afterAll(() => proxy.close());

/** A second target that answers after 1.5 s. */
const SLOW_TARGET = `require("node:http").createServer((_, response) =>
  setTimeout(() => response.end("SLOW"), 1500)).listen(8087, "${TARGET_ADDRESS}")`;
/** Begins a request every 40 ms; prints for each which target answered. */
const SPACED_CLIENT = `
  const ask = () => new Promise((resolve) => require("node:http").get({ host: "127.0.0.1", port: ${PORT}, agent: false },
    (response) => { let said = ""; response.on("data", (data) => (said += data));
      response.on("end", () => resolve(said === "SLOW" ? "slow" : "fast")); }));
  const all = Array.from({ length: ${REQUESTS} }, (_, index) =>
    new Promise((resolve) => setTimeout(() => resolve(ask()), index * 40)));
  Promise.all(all).then((names) => console.log(JSON.stringify(names)));
`;

async function answersBy(algorithm: BalancerTargetGroup["algorithm"]): Promise<readonly string[]> {
  const target = { address: TARGET_ADDRESS, port: 8_080, isNew: false, draining: false };
  await proxy.serve({
    kind: "balancers",
    key: "balancers",
    balancers: [balancer("a", listenerOn(PORT, { defaultAction: forward }))],
    targetGroups: [group({ targets: [target, { ...target, port: 8_087 }], algorithm })],
  });
  return JSON.parse(await proxy.exec("node", "-e", SPACED_CLIENT)) as readonly string[]; // The client's own.
}

const slowOf = (names: readonly string[]) => names.filter((name) => name === "slow").length;

// Source: "Target groups for your Application Load Balancers", routing algorithms.
it("sends requests in turns, to the target with the fewest outstanding ones, or at random", async () => {
  await proxy.exec("sh", "-c", `node -e '${SLOW_TARGET}' >/dev/null 2>&1 & sleep 0.5`);
  const isInTurns = (names: readonly string[]) =>
    names.every((name, index) => index === 0 || name !== names[index - 1]);
  expect(slowOf(await answersBy("round_robin"))).toBe(REQUESTS / 2);
  // The slow target has an outstanding request nearly always.
  expect(slowOf(await answersBy("least_outstanding_requests"))).toBeLessThan(REQUESTS / 5);
  const random = await answersBy("weighted_random");
  expect(new Set(random).size).toBe(2);
  // By chance it would be in one run of 2^29.
  expect(isInTurns(random)).toBe(false);
});
