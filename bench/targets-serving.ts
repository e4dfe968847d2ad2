import { Agent, request } from "node:http";
import { prepareTargets, TARGET_HEADER, TARGETS } from "./many-targets.ts";
import { median, type Question } from "./question.ts";

const ROUNDS = 5;
const CLIENTS = 4;
const ALL_MS_MAX = 1_000;
const EMPTY_MIN = 50;
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
      await untilNoneServes(targets.url);
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

/** Waits until the proxy has no target left, on connections of all of its workers: so many answers in a row say so. */
async function untilNoneServes(url: string): Promise<void> {
  for (let empty = 0; empty < EMPTY_MIN;) empty = (await ask(url, false)) === undefined ? empty + 1 : 0;
}

/** One request. Returns the target that answered; undefined where none did. */
function ask(url: string, agent: Agent | false): Promise<string | undefined> {
  const { host, port } = new URL(url);
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port, headers: { host }, agent }, (response) => {
      const target = response.headers[TARGET_HEADER];
      response.resume();
      response.on("end", () =>
        resolve(response.statusCode === 200 && typeof target === "string" ? target : undefined),
      );
    });
    // A connection that the proxy closes while it takes a new configuration.
    asked.on("error", () => resolve(undefined));
    asked.end();
  });
}

/** Clients ask again and again until each target has answered. Returns when the first one did, and the last. */
async function askUntilAllServe(url: string, now: () => number) {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const seen = new Map<string, number>();
  const began = now();
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (seen.size < TARGETS) {
      if (now() - began > ROUND_MS_MAX) throw new Error(`${seen.size} of ${TARGETS} targets serve.`);
      const target = await ask(url, agent);
      if (target !== undefined && !seen.has(target)) seen.set(target, now());
    }
  });
  await Promise.all(clients);
  agent.destroy();
  const moments = [...seen.values()];
  return { firstAt: Math.min(...moments), allAt: Math.max(...moments) };
}
