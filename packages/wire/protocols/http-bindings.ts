import { serializationError } from "../api-error.ts";
import type { Member, Shape, TimestampFormat } from "../shape.ts";
import { bytesOf, formatTimestamp } from "../values.ts";
import { readScalar } from "./xml.ts";

/** The parts of an HTTP request that the bindings read. Header names are lower case. */
export interface BoundRequest {
  readonly labels: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** Where a member of a REST operation is bound. */
export function bindingOf(
  member: Member,
): "label" | "query" | "queryParams" | "header" | "prefixHeaders" | "payload" | "responseCode" | "body" {
  if (member.traits["httpLabel"]) return "label";
  if (member.traits["httpQuery"]) return "query";
  if (member.traits["httpQueryParams"]) return "queryParams";
  if (member.traits["httpHeader"]) return "header";
  if (member.traits["httpPrefixHeaders"] !== undefined) return "prefixHeaders";
  if (member.traits["httpPayload"]) return "payload";
  return member.traits["httpResponseCode"] ? "responseCode" : "body";
}

/** The members that are bound outside the body. */
export function readBindings(shape: Shape, request: BoundRequest): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  if (shape.type !== "structure") return result;
  for (const member of shape.members) {
    const value = readBinding(member, request);
    if (value !== undefined) result[member.name] = value;
  }
  return result;
}

function readBinding(member: Member, request: BoundRequest): unknown {
  switch (bindingOf(member)) {
    case "label": {
      const label = request.labels[member.name];
      return label === undefined ? undefined : readScalar(member.shape, label, member.name);
    }
    case "query": {
      const values = request.query.getAll(String(member.traits["httpQuery"]));
      if (values.length === 0) return undefined;
      const { shape } = member;
      if (shape.type === "list")
        return values.map((value) => readScalar(shape.element.shape, value, member.name));
      return member.read?.(values[0] ?? "") ?? readScalar(shape, values[0] ?? "", member.name);
    }
    case "queryParams":
      return Object.fromEntries(request.query);
    case "header":
      return readHeader(member, request.headers[String(member.traits["httpHeader"]).toLowerCase()]);
    case "prefixHeaders": {
      const prefix = String(member.traits["httpPrefixHeaders"]).toLowerCase();
      const entries = Object.entries(request.headers).filter(
        ([name, value]) => name.startsWith(prefix) && value !== undefined,
      );
      return Object.fromEntries(entries.map(([name, value]) => [name.slice(prefix.length), value]));
    }
    default:
      return undefined;
  }
}

function readHeader(member: Member, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  if (member.read !== undefined) return member.read(text);
  const { shape } = member;
  if (shape.type === "list")
    return text.split(",").map((part) => readScalar(shape.element.shape, part.trim(), member.name));
  if (shape.type === "string" && member.traits["mediaType"] === "application/json")
    return Buffer.from(text, "base64").toString();
  try {
    return readScalar(shape, text, member.name);
  } catch {
    throw serializationError(`The header ${String(member.traits["httpHeader"])} has the wrong form`);
  }
}

/** The headers and status of a typed output. */
export function writeBindings(
  shape: Shape,
  output: Record<string, unknown>,
): { headers: Record<string, string>; status: number | undefined } {
  const headers: Record<string, string> = {};
  let status: number | undefined;
  if (shape.type !== "structure") return { headers, status };
  for (const member of shape.members) {
    const value = output[member.name];
    if (value === undefined || value === null) continue;
    const binding = bindingOf(member);
    if (binding === "header") headers[String(member.traits["httpHeader"])] = headerText(member.shape, value);
    if (binding === "responseCode") status = Number(value);
    if (binding !== "prefixHeaders") continue;
    for (const [name, text] of Object.entries(value))
      headers[`${String(member.traits["httpPrefixHeaders"])}${name}`] = String(text);
  }
  return { headers, status };
}

function headerText(shape: Shape, value: unknown, format: TimestampFormat = "http-date"): string {
  // Handlers' outputs are checked against the SDK's types.
  if (shape.type === "timestamp") return formatTimestamp(value as Date, shape.format ?? format);
  if (shape.type === "list")
    return (value as unknown[]).map((each) => headerText(shape.element.shape, each)).join(","); // As above.
  if (shape.type === "blob") return Buffer.from(bytesOf(value)).toString("base64");
  return String(value);
}
