import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { credentialSource } from "@gantry/api/iam/principals";
import type { PolicyDecider } from "@gantry/api/iam/decide";
import { loginDeniedBecause } from "@gantry/api/rds/login-token";
import { messageOf, type Clock, type Logger } from "@gantry/kernel";
import type { Store } from "@gantry/state";
import { databaseLoginKey } from "@gantry/state/transactions/database-login-key";
import type { Instance } from "./instance.ts";
import { secretIdOf } from "./secret-id.ts";

const BODY_MAX_BYTES = 64 * 1024;
const ALLOWED = { status: 200, body: "allowed" };
const DENIED = { status: 403, body: "denied" };

interface DatabaseLoginDeps {
  readonly store: Store;
  readonly credentials: ReturnType<typeof credentialSource>;
  readonly policy: PolicyDecider;
  readonly clock: Clock;
  readonly log: Logger;
  readonly keys: Instance["keys"];
}

/**
 * Answers the server of a database whether a user may log in with an authentication token. The server proves itself
 * with a key of its instance, so that nobody else tries tokens here. The body has the user and the token, each in
 * base64, on lines of their own.
 */
export async function answerDatabaseLogin(
  deps: DatabaseLoginDeps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, body } = await answer(deps, request).catch((thrown: unknown) => {
    // The server may end in the middle of its question: nobody waits for the answer then.
    deps.log.warn("A login to a database was not verified", {
      ...{ url: request.url, reason: messageOf(thrown) },
    });
    return DENIED;
  });
  response.writeHead(status, { "content-type": "text/plain", connection: "close" });
  response.end(body);
}

async function answer(deps: DatabaseLoginDeps, request: IncomingMessage): Promise<typeof ALLOWED> {
  const { store, clock, log } = deps;
  const resourceId = /^\/gantry\/database-login\/(db-[A-Z0-9]{1,40})$/.exec(request.url ?? "")?.[1];
  const instance = store.list("databaseInstance").find((each) => each.resourceId === resourceId);
  const key = /^Bearer ([0-9a-f]{32})$/.exec(request.headers.authorization ?? "")?.[1];
  if (request.method !== "POST" || instance === undefined || key === undefined) return DENIED;
  const own = databaseLoginKey((text) => secretIdOf(deps.keys, text), instance.resourceId);
  if (!timingSafeEqual(Buffer.from(key), Buffer.from(own))) return DENIED;
  const [user, token] = (await bodyOf(request))
    .split("\n")
    .map((line) => Buffer.from(line, "base64").toString());
  if (user === undefined || token === undefined) return DENIED;
  await store.settled();
  const why = loginDeniedBecause({ ...deps, now: clock.now() }, { instance, user, token });
  if (why === undefined) return ALLOWED;
  log.info("A login to a database was denied", { database: instance.arn, user, reason: why });
  return DENIED;
}

/** The body of a request; empty where it is too long. */
async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > BODY_MAX_BYTES) return "";
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
