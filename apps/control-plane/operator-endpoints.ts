import type { IncomingMessage, ServerResponse } from "node:http";
import { equalsInConstantTime } from "@gantry/wire";
import { challengeOf, PROOF_HEADER, proofOf, type Health } from "./health.ts";
import type { OperatorDeps } from "./operator-deps.ts";
import { folderIdOf } from "./state-folder.ts";

/**
 * The endpoints under `/gantry/` that the command line calls: `health`, which anybody may call, and those
 * that take the operator's token; these are loaded with their first request. The handler returns whether the
 * request was for one of them, and answered.
 */
export function operatorEndpoints(
  deps: OperatorDeps,
): (request: IncomingMessage, response: ServerResponse) => Promise<boolean> {
  return async (request, response) => {
    const { url = "" } = request;
    if (!isForOperator(request)) return false;
    if (/^\/gantry\/health(\?|$)/.test(url)) {
      answerHealth(deps, url, response);
      return true;
    }
    if (
      url !== "/gantry/status" &&
      url !== "/gantry/clock" &&
      url !== "/gantry/resolver" &&
      !/^\/gantry\/deployments(\?|$)/.test(url) &&
      !url.startsWith("/gantry/explain?") &&
      !(url.startsWith("/gantry/interrupt?") && request.method === "POST") &&
      !(url === "/gantry/copy" && request.method === "POST")
    )
      return false;
    if (!equalsInConstantTime(request.headers.authorization ?? "", `Bearer ${deps.operatorToken}`)) {
      response.writeHead(403, { "content-type": "application/json" });
      response.end("{}");
      return true;
    }
    const { answerOperator } = await import("./operator-answers.ts");
    await answerOperator(deps, request, response);
    return true;
  };
}

/** Whether a request may be for one of the operator's endpoints: no other needs to wait for an answer to that. */
export function isForOperator({ url = "" }: Pick<IncomingMessage, "url">): boolean {
  return url.startsWith("/gantry/");
}

function answerHealth(deps: OperatorDeps, url: string, response: ServerResponse): void {
  const { folder, settings, identity, fileKey, gateway } = deps;
  const health: Health = {
    status: "ok",
    instance: settings.instance,
    ...identity,
    linkPort: settings.linkPort,
    folderId: folderIdOf(folder),
    version: settings.version,
    agents: gateway()?.agents ?? [],
  };
  const body = JSON.stringify(health);
  const challenge = challengeOf(url);
  const proof = challenge === undefined ? {} : { [PROOF_HEADER]: proofOf(fileKey, challenge, body) };
  response.writeHead(200, { "content-type": "application/json", ...proof });
  response.end(body);
}
