import { sleep, SystemClock } from "@gantry/kernel";
import { afterAll, beforeAll, expect, it } from "vitest";
import { balancer, forward, group, listenerOn } from "../attacks/balancer-builders.ts";
import { get, openRealProxy, statusOf, TARGET_ADDRESS } from "../attacks/real-proxy.ts";

const PORT = 8_001;
let proxy: Awaited<ReturnType<typeof openRealProxy>>;
beforeAll(async () => (proxy = await openRealProxy()));
afterAll(() => proxy.close());

// Source: "Target groups for your Application Load Balancers", routing and health: fail open.
it("sends requests to healthy targets alone, and to all where none is healthy", async () => {
  const sick = "const health = (url) => url === '/health' ? 500 : 200;";
  await proxy.exec(
    "sh",
    "-c",
    `(echo "${sick}"; sed 's/8080/8083/; s/response.end(/response.writeHead(health(request.url)).end("SICK" + /' ` +
      `${proxy.folder}/target.cjs) > ${proxy.folder}/sick.cjs`,
  );
  await proxy.exec("sh", "-c", `node ${proxy.folder}/sick.cjs >/dev/null 2>&1 & sleep 0.5`);
  const target = { address: TARGET_ADDRESS, port: 8_080, isNew: false, draining: false };
  const targets = [target, { ...target, port: 8_083 }];
  const answersOf = async (matcher: string) => {
    const healthCheck = {
      ...group().healthCheck,
      ...{ enabled: true, intervalSeconds: 1, timeoutSeconds: 1, matcher },
    };
    await proxy.serve({
      kind: "balancers",
      key: "balancers",
      balancers: [balancer("a", listenerOn(PORT, { defaultAction: forward }))],
      targetGroups: [group({ targets, healthCheck })],
    });
    await sleep(new SystemClock(), 4_000);
    const answers = await proxy.request(...Array.from({ length: 6 }, () => get(PORT)));
    expect(answers.map(statusOf)).toEqual([200, 200, 200, 200, 200, 200]);
    return answers.filter(({ said }) => said.includes("SICK")).length;
  };
  expect(await answersOf("200")).toBe(0);
  expect(await answersOf("201")).toBe(3);
});
