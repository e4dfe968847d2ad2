import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import type { ActionRecord, ListenerRecord } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { validation } from "./validation.ts";

const PLACEHOLDER = /#\{([^}]*)\}?/g;
/** Placeholders that a part of a redirect may hold, each once. Source: API_RedirectActionConfig. */
const PERMITTED = {
  Host: ["host"],
  Path: ["path", "host", "port"],
  Query: ["query", "path", "host", "port", "protocol"],
} as const;
const PORT_MAX = 65_535;
const TEXT = /^[\u0020-\u007e]{1,128}$/;
const HOST = /^(?:[A-Za-z0-9_.-]|#\{host\})+$/;

/**
 * A redirect as it is kept. It leads elsewhere than to the listener that redirects, and never from HTTPS to HTTP.
 * Source: API_RedirectActionConfig. Errors: ValidationError, InvalidLoadBalancerAction.
 */
export function toRedirect(
  config: elb.RedirectActionConfig | undefined,
  listener: Pick<ListenerRecord, "protocol" | "port">,
): ActionRecord {
  if (config === undefined)
    throw invalidAction(
      "For actions of type 'redirect', you must specify the following fields: 'RedirectConfig'",
    );
  const {
    Protocol = "#{protocol}",
    Host = "#{host}",
    Port = "#{port}",
    Path = "/#{path}",
    Query = "#{query}",
    StatusCode,
  } = config;
  if (StatusCode !== "HTTP_301" && StatusCode !== "HTTP_302")
    throw validation("A redirect action needs the status code HTTP_301 or HTTP_302");
  if (!/^(HTTPS?|#\{protocol\})$/.test(Protocol))
    throw validation(`Protocol '${Protocol}' must be one of '[HTTP, HTTPS, #{protocol}]'`);
  if (Port !== "#{port}" && !(/^[1-9]\d{0,4}$/.test(Port) && Number(Port) <= PORT_MAX))
    throw validation(`Port '${Port}' must be from 1 to ${PORT_MAX}, or #{port}`);
  checkPart("Host", Host, HOST.test(Host));
  checkPart("Path", Path, Path.startsWith("/"));
  checkPart("Query", Query, !Query.startsWith("?"));
  if (listener.protocol === "HTTPS" && Protocol === "HTTP")
    throw invalidAction("You can't redirect HTTPS to HTTP");
  const isSame =
    (Protocol === "#{protocol}" || Protocol === listener.protocol) &&
    (Port === "#{port}" || Port === String(listener.port)) &&
    Host === "#{host}" &&
    Path === "/#{path}";
  // The query is not enough to tell one request from the other.
  if (isSame) throw invalidAction("The redirect configuration is not valid because it creates a loop.");
  return {
    type: "redirect",
    statusCode: StatusCode,
    protocol: Protocol,
    host: Host,
    port: Port,
    path: Path,
    query: Query,
  };
}

const RULES = {
  Host: "must be a valid host name",
  Path: "must be a valid path, should start with a '/'",
  Query: "should not start with a '?'",
} as const;

function checkPart(part: keyof typeof PERMITTED, text: string, isWellFormed: boolean): void {
  const permitted: readonly string[] = PERMITTED[part];
  const used = [...text.matchAll(PLACEHOLDER)].map((match) =>
    match[0].endsWith("}") ? match[1] : undefined,
  );
  const isUsedWell =
    used.every((name) => name !== undefined && permitted.includes(name)) &&
    new Set(used).size === used.length;
  const isText = TEXT.test(text) || (part === "Query" && text === "");
  if (isWellFormed && isText && isUsedWell) return;
  throw invalidAction(
    `The ${part} parameter ${RULES[part]}, and may contain up to one of each of these placeholders: ` +
      `${permitted.map((name) => `'#{${name}}'`).join(", ")}.`,
  );
}

function invalidAction(message: string): ApiError {
  return new ApiError("InvalidLoadBalancerAction", message);
}
