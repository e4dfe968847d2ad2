import type { IncomingMessage, ServerResponse } from "node:http";
import type { PolicyDecider } from "@gantry/api/iam/decide";
import {
  messageOf,
  type Clock,
  type ClockChange,
  type Ids,
  type Logger,
  type PlatformClock,
} from "@gantry/kernel";
import type { Store } from "@gantry/state";
import { equalsInConstantTime } from "@gantry/wire";
import { clockStatus, readClockChange, type ClockStatus } from "./clock-control.ts";
import { answerDeployments } from "./deployment-reports.ts";
import { explain } from "./explain.ts";
import { challengeOf, PROOF_HEADER, proofOf, type Health } from "./health.ts";
import { interrupt } from "./interruption.ts";
import { platformStatus } from "./platform-status.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import type { InstanceSettings } from "./settings.ts";
import { folderIdOf } from "./state-folder.ts";

interface OperatorDeps {
  readonly folder: string;
  readonly settings: InstanceSettings;
  readonly identity: ProcessIdentity;
  readonly store: Store;
  readonly clock: PlatformClock;
  readonly ids: Ids;
  readonly timers: Clock;
  readonly log: Logger;
  readonly policy: PolicyDecider;
  /** The key in the state folder, by which an answer proves that it is this instance's. */
  readonly fileKey: Buffer;
  readonly operatorToken: string;
  readonly agents: () => Health["agents"];
  /** Copies the state; returns the copy's folder. */
  readonly copy: () => Promise<string>;
  readonly changeClock: (change: ClockChange) => Promise<ClockStatus>;
}

type Answer = (status: number, body: object) => void;

/**
 * The endpoints under `/gantry/` that the command line calls: `health`, which anybody may call, and those that take the
 * operator's token. The handler returns whether the request was for one of them, and answered.
 */
export function operatorEndpoints(
  deps: OperatorDeps,
): (request: IncomingMessage, response: ServerResponse) => Promise<boolean> {
  return async (request, response) => {
    const url = request.url ?? "";
    if (!url.startsWith("/gantry/")) return false;
    if (/^\/gantry\/health(\?|$)/.test(url)) {
      answerHealth(deps, url, response);
      return true;
    }
    if (
      url !== "/gantry/status" &&
      url !== "/gantry/clock" &&
      !/^\/gantry\/deployments(\?|$)/.test(url) &&
      !url.startsWith("/gantry/explain?") &&
      !(url.startsWith("/gantry/interrupt?") && request.method === "POST") &&
      !(url === "/gantry/copy" && request.method === "POST")
    )
      return false;
    await answerOperator(deps, request, response);
    return true;
  };
}

function answerHealth(deps: OperatorDeps, url: string, response: ServerResponse): void {
  const { folder, settings, identity, fileKey, agents } = deps;
  const health: Health = {
    status: "ok",
    instance: settings.instance,
    ...identity,
    linkPort: settings.linkPort,
    folderId: folderIdOf(folder),
    version: settings.version,
    agents: agents(),
  };
  const body = JSON.stringify(health);
  const challenge = challengeOf(url);
  const proof = challenge === undefined ? {} : { [PROOF_HEADER]: proofOf(fileKey, challenge, body) };
  response.writeHead(200, { "content-type": "application/json", ...proof });
  response.end(body);
}

/** Answers the command line, which presents the operator's token. */
async function answerOperator(
  deps: OperatorDeps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { settings, store, clock, timers, policy, operatorToken } = deps;
  const answer: Answer = (status, body) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  };
  if (!equalsInConstantTime(request.headers.authorization ?? "", `Bearer ${operatorToken}`))
    return answer(403, {});
  if (request.url === "/gantry/status") return answer(200, platformStatus(store, { ...settings, clock }));
  if (request.url?.startsWith("/gantry/deployments") === true)
    return answerDeployments({ store, clock, timers }, request, response);
  if (request.url === "/gantry/clock") return answerClock(deps, request, answer);
  if (request.url?.startsWith("/gantry/explain?") === true)
    return answer(200, explain(policy, store, new URLSearchParams(request.url.split("?")[1])));
  if (request.url?.startsWith("/gantry/interrupt?") === true)
    return answer(
      ...(await interrupt(deps, new URLSearchParams(request.url.split("?")[1]).get("task") ?? "")),
    );
  return answerCopy(deps, answer);
}

async function answerCopy({ copy, log }: OperatorDeps, answer: Answer): Promise<void> {
  try {
    return answer(200, { folder: await copy() });
  } catch (thrown) {
    log.error("The state could not be copied", { reason: messageOf(thrown) });
    return answer(500, { reason: messageOf(thrown) });
  }
}

async function answerClock(
  { clock, log, changeClock }: OperatorDeps,
  request: IncomingMessage,
  answer: Answer,
): Promise<void> {
  if (request.method !== "POST") return answer(200, clockStatus(clock));
  const change = await readClockChange(request);
  if (typeof change === "string") return answer(400, { reason: change });
  log.info("The platform's clock was changed", change);
  return answer(200, await changeClock(change));
}
