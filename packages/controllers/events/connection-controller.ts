import { isObject, messageOf, type Reconciler, type Vault } from "@gantry/kernel";
import type { EventConnectionRecord } from "@gantry/state";
import { openConnection, type ConnectionSecret } from "@gantry/state/transactions/event-connections";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { ForbiddenEndpointError, type SendOutbound } from "../outbound/outbound-request.ts";
import { HOOK_CALLS_MAX } from "../service/hook-controller.ts";

const WAIT_MS = 5_000;
const ANSWER_MAX_BYTES = 64 * 1024;
const ATTEMPTS_MAX = 5;
const RETRY_MS = 1_000;
/** A token is not used in its last minute. */
const MARGIN_MS = 60_000;

interface ConnectionControllerDeps extends ControllerDeps {
  readonly vault: Vault;
  readonly send: SendOutbound;
}

/**
 * Gets the tokens of connections with OAuth client credentials. A key is the ARN of a connection.
 * Source: EventBridge User Guide, "Connections for endpoint targets".
 */
export function connectionController(deps: ConnectionControllerDeps): Reconciler {
  const { store } = deps;
  const isWaiting = (key: string): boolean => store.get("eventConnection", key)?.state === "AUTHORIZING";
  /** Failed attempts of connections that are being authorized. After a restart they begin again. */
  const attempts = new Map<string, number>();
  return {
    name: "event-connections",
    concurrencyMax: HOOK_CALLS_MAX,
    keys: () => store.keys("eventConnection").filter(isWaiting),
    watch: watchKinds(store, { eventConnection: (key) => (isWaiting(key) ? [key] : []) }),
    async reconcile(key) {
      const connection = store.get("eventConnection", key);
      if (connection?.state !== "AUTHORIZING") return undefined;
      const outcome = await authorize(deps, connection);
      const failures = (attempts.get(key) ?? 0) + 1;
      if (outcome.type === "failed" && outcome.mayRetry && failures < ATTEMPTS_MAX) {
        attempts.set(key, failures);
        return RETRY_MS * 2 ** failures;
      }
      attempts.delete(key);
      store.transact((tx) => {
        const now = tx.get("eventConnection", key);
        // A connection that was changed meanwhile is authorized again.
        if (now?.modifiedAt !== connection.modifiedAt || now.state !== "AUTHORIZING") return;
        const { stateReason: _reason, token: _token, ...rest } = now;
        tx.put(
          "eventConnection",
          key,
          outcome.type === "failed"
            ? { ...rest, state: "DEAUTHORIZED", stateReason: outcome.reason }
            : { ...rest, state: "AUTHORIZED", token: outcome.token, authorizedAt: deps.clock.now() },
        );
      });
      return undefined;
    },
  };
}

type Authorized =
  | { readonly type: "done"; readonly token: NonNullable<EventConnectionRecord["token"]> }
  | { readonly type: "failed"; readonly reason: string; readonly mayRetry: boolean };

const failed = (reason: string, mayRetry: boolean): Authorized => ({ type: "failed", reason, mayRetry });

async function authorize(
  { store, vault, clock, send }: ConnectionControllerDeps,
  connection: EventConnectionRecord,
): Promise<Authorized> {
  try {
    const secret = openConnection(store, vault, connection);
    if (secret === undefined) return failed("The secret of the connection is not there.", false);
    const request = tokenRequest(connection, secret);
    if (request === undefined) return failed("The authorization endpoint is not a URL.", false);
    const { url, ...rest } = request;
    const { status, body } = await send(url, { ...rest, waitMs: WAIT_MS, bodyMaxBytes: ANSWER_MAX_BYTES });
    if (status < 200 || status >= 300)
      return failed(`The authorization endpoint answered ${status}.`, status === 429 || status >= 500);
    const answer = parsed(body);
    const { access_token: token, expires_in: seconds } = answer;
    if (typeof token !== "string" || token === "")
      return failed("The authorization endpoint answered without an access token.", false);
    const livesMs = Number(seconds) * 1_000;
    const expiresAt = livesMs > 0 ? clock.now() + Math.max(livesMs - MARGIN_MS, livesMs / 2) : undefined;
    return { type: "done", token: { sealedValue: vault.seal(token), expiresAt } };
  } catch (thrown) {
    return failed(messageOf(thrown), !(thrown instanceof ForbiddenEndpointError));
  }
}

/** Source: RFC 6749, 4.4.2 and 2.3.1: the client's credentials as parameters of the form, or of the query of a GET. */
function tokenRequest({ authorization }: EventConnectionRecord, secret: ConnectionSecret) {
  if (authorization.type !== "OAUTH_CLIENT_CREDENTIALS") return undefined;
  const url = URL.parse(authorization.endpoint);
  if (url === null) return undefined;
  const { headers, query, body } = secret.tokenValues;
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: authorization.clientId,
    client_secret: secret.secret,
    ...body,
  });
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
  const isGet = authorization.method === "GET";
  if (isGet) for (const [key, value] of form) url.searchParams.set(key, value);
  return {
    url: url.href,
    method: authorization.method,
    headers: {
      ...headers,
      accept: "application/json",
      "content-type": "application/x-www-form-urlencoded",
      "user-agent": "Amazon/EventBridge/ApiDestinations",
    },
    body: isGet ? "" : form.toString(),
  };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
