import { isObject } from "@gantry/kernel";
import type { ApiDestinationRecord, EventConnectionRecord, EventDeliveryRecord } from "@gantry/state";
import type { ConnectionSecret } from "@gantry/state/transactions/event-connections";

/**
 * Headers that the connection itself determines: neither a connection nor a rule sets them. Names in lower case.
 * Source: EventBridge User Guide, "Headers in requests to API destinations".
 */
const RESERVED = new Set([
  ...["host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer"],
  ...["expect", "via", "proxy-authorization", "proxy-authenticate", "x-forwarded-for", "user-agent"],
]);

/** What a URL resolves against the segments before it. Source: WHATWG URL, "double-dot path segment". */
const DOT_SEGMENT = /^(?:\.|%2e){1,2}$/i;

export interface DestinationRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The request that delivers a payload to an API destination: the target's parameters, then the connection's, then its
 * authorization, of which later ones replace earlier ones. Undefined where the endpoint is no URL, or a value for its
 * path leads out of its segment. Source: EventBridge User Guide, "API destinations as targets".
 */
export function destinationRequest(
  { target, payload }: Pick<EventDeliveryRecord, "target" | "payload">,
  destination: ApiDestinationRecord,
  given: {
    readonly connection: EventConnectionRecord;
    readonly secret: ConnectionSecret;
    readonly token: string | undefined;
  },
): DestinationRequest | undefined {
  const { secret } = given;
  const url = URL.parse(destination.endpoint);
  if (url === null) return undefined;
  const { path = [], headers = {}, query = {} } = target.http ?? {};
  let index = 0;
  // Only the path has wildcards, and a value is one segment of it: a rule does not choose another host or path.
  const filled = url.pathname.replaceAll("*", () => encodeURIComponent(path[index++] ?? ""));
  if (filled !== url.pathname && filled.split("/").some((segment) => DOT_SEGMENT.test(segment)))
    return undefined;
  url.pathname = filled;
  for (const [key, value] of Object.entries({ ...query, ...secret.values.query }))
    url.searchParams.set(key, value);
  return {
    url: url.href,
    method: destination.method,
    headers: headersOf({
      ...lowerCased(headers),
      ...lowerCased(secret.values.headers),
      ...authorizationOf(given),
    }),
    body: ["GET", "HEAD"].includes(destination.method) ? "" : withMembers(payload, secret.values.body),
  };
}

function lowerCased(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.trim().toLowerCase(), value]),
  );
}

function headersOf(given: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const own = Object.entries(given).filter(([name]) => !RESERVED.has(name));
  return {
    "content-type": "application/json; charset=utf-8",
    ...Object.fromEntries(own),
    "user-agent": "Amazon/EventBridge/ApiDestinations",
  };
}

function authorizationOf({
  connection: { authorization },
  secret,
  token,
}: {
  readonly connection: EventConnectionRecord;
  readonly secret: ConnectionSecret;
  readonly token: string | undefined;
}): Readonly<Record<string, string>> {
  switch (authorization.type) {
    case "BASIC": {
      const text = Buffer.from(`${authorization.username}:${secret.secret}`).toString("base64");
      return { authorization: `Basic ${text}` };
    }
    case "API_KEY":
      return lowerCased({ [authorization.name]: secret.secret });
    case "OAUTH_CLIENT_CREDENTIALS":
      return { authorization: `Bearer ${token ?? ""}` };
  }
}

/** The payload with the connection's members; one that is no JSON object stays as it is. */
function withMembers(payload: string, members: Readonly<Record<string, string>>): string {
  if (Object.keys(members).length === 0) return payload;
  try {
    const body: unknown = JSON.parse(payload);
    return isObject(body) ? JSON.stringify({ ...body, ...members }) : payload;
  } catch {
    return payload;
  }
}
