import type { IncomingMessage, ServerResponse } from "node:http";
import { messageOf } from "@gantry/kernel";
import { changePlatformClock, clockStatus, readClockChange } from "./clock-control.ts";
import { copyState } from "./copy-state.ts";
import { answerDeployments } from "./deployment-reports.ts";
import { explain } from "./explain.ts";
import { interrupt } from "./interruption.ts";
import type { OperatorDeps } from "./operator-deps.ts";
import { platformStatus } from "./platform-status.ts";

type Answer = (status: number, body: object) => void;

/** Answers a request of the command line that presented the operator's token. */
export async function answerOperator(
  deps: OperatorDeps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { settings, store, clock, timers, policy } = deps;
  const answer: Answer = (status, body) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  };
  if (request.url === "/gantry/status") return answer(200, platformStatus(store, { ...settings, clock }));
  if (request.url?.startsWith("/gantry/deployments") === true)
    return answerDeployments({ store, clock, timers }, request, response);
  if (request.url === "/gantry/clock") return answerClock(deps, request, answer);
  if (request.url === "/gantry/resolver") return answerResolver(deps, request, answer);
  if (request.url?.startsWith("/gantry/explain?") === true)
    return answer(200, explain(policy, store, new URLSearchParams(request.url.split("?")[1])));
  if (request.url?.startsWith("/gantry/interrupt?") === true)
    return answer(
      ...(await interrupt(deps, new URLSearchParams(request.url.split("?")[1]).get("task") ?? "")),
    );
  return answerCopy(deps, answer);
}

/** The zones that the host's resolver answers. A POST has the local node read what `gantry dns` has written. */
function answerResolver(
  { store, settings, gateway }: OperatorDeps,
  request: IncomingMessage,
  answer: Answer,
): void {
  if (request.method === "POST") gateway()?.tellSettings();
  const own = store
    .list("hostedZone")
    .filter(({ account, vpcs }) => account === settings.account && vpcs === undefined);
  answer(200, { zones: [...new Set(own.map(({ name }) => name))].toSorted() });
}

async function answerCopy(deps: OperatorDeps, answer: Answer): Promise<void> {
  try {
    return answer(200, { folder: await copyState(deps) });
  } catch (thrown) {
    deps.log.error("The state could not be copied", { reason: messageOf(thrown) });
    return answer(500, { reason: messageOf(thrown) });
  }
}

async function answerClock(
  { store, clock, log, gateway }: OperatorDeps,
  request: IncomingMessage,
  answer: Answer,
): Promise<void> {
  if (request.method !== "POST") return answer(200, clockStatus(clock));
  const change = await readClockChange(request);
  if (typeof change === "string") return answer(400, { reason: change });
  log.info("The platform's clock was changed", change);
  const changed = (): void => gateway()?.tellClock();
  return answer(200, await changePlatformClock({ store, clock, changed }, change));
}
