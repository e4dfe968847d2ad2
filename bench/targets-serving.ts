import { Agent, request } from "node:http";
import { prepareTargets, TARGET_HEADER, TARGETS } from "./many-targets.ts";
import { median, type Question } from "./question.ts";

const ROUNDS = 5;
const CLIENTS = 4;
const ALL_MS_MAX = 1_000;
/** A round that takes longer has failed. */
const ROUND_MS_MAX = 60_000;

/**
 * How soon new targets serve: from the call of RegisterTargets with a hundred targets to the moment at which
 * each of them has answered a request. Requests begin before the call.
 */
export const targetsServing: Question = {
  name: "targets-serving",
  async ask(bench) {
    const targets = await prepareTargets(bench);
    const { clock } = bench;
    const [firsts, alls]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      const traffic = askUntilAllServe(targets.url, () => clock.now());
      const registeredAt = clock.now();
      await targets.register();
      const { firstAt, allAt } = await traffic;
      firsts.push(firstAt - registeredAt);
      alls.push(allAt - registeredAt);
      await targets.deregister();
    }
    await targets.end();
    const against = `slowest of ${ROUNDS}`;
    return [
      {
        ...{ name: "targets-serving-first", unit: "ms", against, goal: undefined },
        ...{ value: median(firsts), baseline: Math.max(...firsts) },
      },
      {
        ...{ name: "targets-serving-all", unit: "ms", against, goal: { of: "value", most: ALL_MS_MAX } },
        ...{ value: median(alls), baseline: Math.max(...alls) },
      },
    ];
  },
};

/** Clients ask again and again until each target has answered. Returns when the first one did, and the last. */
async function askUntilAllServe(url: string, now: () => number) {
  const { host, port } = new URL(url);
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const seen = new Map<string, number>();
  const began = now();
  const ask = () =>
    new Promise<void>((resolve) => {
      const asked = request({ host: "127.0.0.1", port, headers: { host }, agent }, (response) => {
        const target = response.headers[TARGET_HEADER];
        if (response.statusCode === 200 && typeof target === "string" && !seen.has(target))
          seen.set(target, now());
        response.resume();
        response.on("end", resolve);
      });
      // A connection that the proxy closes while it takes a new configuration.
      asked.on("error", () => resolve());
      asked.end();
    });
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (seen.size < TARGETS) {
      if (now() - began > ROUND_MS_MAX) throw new Error(`${seen.size} of ${TARGETS} targets serve.`);
      await ask();
    }
  });
  await Promise.all(clients);
  agent.destroy();
  const moments = [...seen.values()];
  return { firstAt: Math.min(...moments), allAt: Math.max(...moments) };
}
