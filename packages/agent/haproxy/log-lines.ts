import type { RequestDetails } from "./request-details.ts";

/** What the log lines need of the load balancer, its target groups and its certificates. */
export interface LoggedRequest {
  /** `app/NAME/ID`. */
  readonly balancer: string;
  readonly targetGroupArn: string | undefined;
  readonly isGrpc: boolean;
  /** `ADDRESS:PORT`; undefined where no target was chosen. */
  readonly target: string | undefined;
  readonly status: number;
  readonly isAnswered: boolean;
  /** Milliseconds until the target's answer began; -1 where none came. */
  readonly latencyMs: number;
  readonly received: number;
  readonly sent: number;
  readonly certificateArn: string | undefined;
  readonly details: RequestDetails;
}

/**
 * One line of an access log. Source: "Access logs for your Application Load Balancer", access log entries.
 */
export function accessLine(request: LoggedRequest): string {
  const { details, status, isAnswered, target } = request;
  const endedAt = micros(details.endedAt) ?? 0;
  const createdAt = micros(details.createdAt) ?? endedAt;
  const [, priority = "-", action = "-"] = details.rule === "-" ? [] : details.rule.split(":");
  const targetStatus = isAnswered ? String(status) : "-";
  // Of redirects of the load balancer alone, not of those of its targets.
  const location = isAnswered ? "-" : decoded(details.location);
  const [name, reason] = classification(request);
  // This is a hot path: a list that is joined takes longer.
  return (
    `${typeOf(request)} ${timestamp(endedAt)} ${request.balancer} ${details.clientAddress}:${details.clientPort} ` +
    `${target ?? "-"} ${times(request)} ${status} ${targetStatus} ${request.received} ${request.sent} ` +
    `"${requestLine(request)}" "${decodedOnce(details.userAgent)}" ${details.cipher} ${details.protocol} ` +
    `${request.targetGroupArn ?? "-"} "${decoded(details.traceId)}" "${decoded(details.serverName)}" ` +
    `"${request.certificateArn ?? "-"}" ${priority === "-" ? "-1" : priority} ${timestamp(createdAt)} ` +
    `"${action}" "${location}" "${details.error}" "${target ?? "-"}" "${targetStatus}" "${name}" "${reason}" ` +
    `${connectionId(details)} "-" "-" "-"`
  );
}

/** How long the request, the target and the response took, in seconds. */
function times({ details, target, latencyMs, isAnswered }: LoggedRequest): string {
  if (target === undefined) return "-1 -1 -1";
  const { requestMs, queueMs, connectMs, responseMs } = details;
  const answer = isAnswered ? seconds(Number(responseMs)) : "-1";
  return `${seconds(sum(requestMs, queueMs, connectMs))} ${seconds(latencyMs)} ${answer}`;
}

/**
 * One line of a connection log. Source: "Connection logs for your Application Load Balancer", connection log
 * entries.
 */
export function connectionLine({ details }: LoggedRequest): string {
  const hasCertificate = details.clientSerial !== "-";
  return [
    timestamp(micros(details.createdAt) ?? micros(details.endedAt) ?? 0),
    details.clientAddress,
    details.clientPort,
    details.listenerPort,
    details.protocol,
    details.cipher,
    details.protocol === "-" ? "-" : seconds(Number(details.handshakeMs)),
    `"${decoded(details.clientSubject)}"`,
    hasCertificate ? validity(details) : "-",
    details.clientSerial,
    hasCertificate ? "Success" : "-",
    connectionId(details),
  ].join(" ");
}

function typeOf({ details, isGrpc, status }: LoggedRequest): string {
  const isTls = details.protocol !== "-";
  if (status === 101) return isTls ? "wss" : "ws";
  if (isGrpc) return "grpcs";
  if (details.version.startsWith("HTTP/2")) return "h2";
  return isTls ? "https" : "http";
}

/**
 * The classification and its reason, of a GET or HEAD request that has a body, or says that it has an empty one. A
 * request that could not be read was refused as a severe one; the proxy does not say for which of the reasons.
 * Source: "Access logs for your Application Load Balancer", classification reasons.
 */
function classification({ details, status }: LoggedRequest): readonly [string, string] {
  const { method, body } = details;
  if (method.startsWith("<")) return [status === 400 ? "Severe" : "-", "-"];
  if (body === "-" || (method !== "GET" && method !== "HEAD")) return ["-", "-"];
  const [length = "", encoding = ""] = body.split("%3A");
  if (encoding !== "") return ["Ambiguous", "UndefinedTransferEncodingSemantics"];
  if (length === "0") return ["Acceptable", "GetHeadZeroContentLength"];
  return Number(length) > 0 ? ["Ambiguous", "UndefinedContentLengthSemantics"] : ["-", "-"];
}

/** A request that could not be read has a hyphen for its method and for its version. */
function requestLine({ details }: LoggedRequest): string {
  const { method, version, listenerPort, protocol } = details;
  const scheme = protocol === "-" ? "http" : "https";
  const path = decoded(details.path);
  const host = hostOnly(decodedOnce(details.host));
  if (method.startsWith("<")) return `- ${scheme}://${host}:${listenerPort}- -`;
  return `${method} ${scheme}://${host}:${listenerPort}${path === "-" ? "/" : path} ${version}`;
}

function hostOnly(host: string): string {
  return host.includes(":") ? host.replace(/:\d+$/, "") : host;
}

const UUID_LENGTH = 36;

/** `TID_` and 32 digits: the same for all requests of a connection, and in both logs. */
function connectionId({ connectionId: id }: RequestDetails): string {
  if (id.length !== UUID_LENGTH) return id === "-" ? "-" : `TID_${id.replaceAll("-", "")}`;
  return `TID_${id.slice(0, 8)}${id.slice(9, 13)}${id.slice(14, 18)}${id.slice(19, 23)}${id.slice(24)}`;
}

function validity({ clientNotBefore, clientNotAfter }: RequestDetails): string {
  return `NotBefore=${asn1Time(clientNotBefore)};NotAfter=${asn1Time(clientNotAfter)}`;
}

/** `YYMMDDhhmmss[Z]` as an ISO timestamp. */
function asn1Time(text: string): string {
  const [, year, month, day, hour, minute, second] =
    /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z?$/.exec(text) ?? [];
  return year === undefined ? "-" : `20${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
}

/** What is not written as it is. */
const UNSAFE = /["\\]|[^\u0020-\u007e]/;
const UNSAFE_ALL = new RegExp(UNSAFE, "g");
const PERCENT = "%";
const HEX = 16;
/** By the two hexadecimal digits of a byte: how it is written. */
const BYTES: ReadonlyMap<string, string> = new Map(
  Array.from({ length: 256 }, (_, code): [string, string][] => {
    const digits = code.toString(HEX).padStart(2, "0");
    const [low, high] = [digits[0] ?? "", digits[1] ?? ""];
    const written = escapedOf(String.fromCharCode(code));
    const spellings = [low, low.toUpperCase()].flatMap((a) => [high, high.toUpperCase()].map((b) => a + b));
    return spellings.map((spelling) => [spelling, written]);
  }).flat(),
);
/** Texts that many requests have, such as user agents, with what they decode to. */
const KNOWN = new Map<string, string>();
const KNOWN_MAX = 1_000;
const KNOWN_LENGTH_MAX = 256;

/** The same as `decoded`, remembered for the next request with this text. */
function decodedOnce(encoded: string): string {
  if (encoded.length > KNOWN_LENGTH_MAX) return decoded(encoded);
  let text = KNOWN.get(encoded);
  if (text === undefined) {
    if (KNOWN.size >= KNOWN_MAX) KNOWN.clear();
    KNOWN.set(encoded, (text = decoded(encoded)));
  }
  return text;
}

/**
 * The client's text. Quotes, backslashes and bytes that are not printable ASCII are written as `\xHH`, so that
 * a client cannot forge a field or a line. Source: "Access log entries", user_agent.
 */
export function decoded(encoded: string): string {
  if (encoded === "-" || encoded === "") return "-";
  const safe = UNSAFE.test(encoded) ? encoded.replace(UNSAFE_ALL, escapedOf) : encoded;
  let at = safe.indexOf(PERCENT);
  if (at < 0) return safe;
  let text = "";
  let from = 0;
  for (; at >= 0; at = safe.indexOf(PERCENT, at + 1)) {
    const written = BYTES.get(safe.slice(at + 1, at + 3));
    if (written === undefined) continue;
    text += safe.slice(from, at) + written;
    from = at + 3;
  }
  return text + safe.slice(from);
}

function escapedOf(character: string): string {
  if (!UNSAFE.test(character)) return character;
  return `\\x${character.charCodeAt(0).toString(HEX).toUpperCase().padStart(2, "0")}`;
}

function micros(text: string): number | undefined {
  const number = text.length < 10 || text.length > 20 ? NaN : Number(text);
  return Number.isNaN(number) ? undefined : number;
}

const MICROS = 1_000_000;
/** The second of the last timestamp and its text, which most requests of a busy load balancer share. */
let lastSecond = Number.NaN;
let lastText = "";

export function timestamp(microseconds: number): string {
  const second = Math.floor(microseconds / MICROS);
  if (second !== lastSecond) {
    lastText = new Date(second * 1_000).toISOString().slice(0, -"000Z".length);
    lastSecond = second;
  }
  // The leading digit keeps the zeros.
  return `${lastText}${String(Math.floor(microseconds - second * MICROS) + MICROS).slice(1)}Z`;
}

function sum(a: string, b: string, c: string): number {
  const [first, second, third] = [Number(a), Number(b), Number(c)];
  return first >= 0 && second >= 0 && third >= 0 ? first + second + third : -1;
}

function seconds(ms: number): string {
  if (!(ms >= 0)) return "-1";
  if (ms < 1_000) return `0.${String(ms + 1_000).slice(1)}`;
  return `${Math.floor(ms / 1_000)}.${String(ms % 1_000).padStart(3, "0")}`;
}
