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

type Structure = Extract<Shape, { type: "structure" }>;
type Binding =
  | "label"
  | "query"
  | "queryParams"
  | "header"
  | "prefixHeaders"
  | "payload"
  | "responseCode"
  | "body";

/** A member that is bound outside the body. */
interface BoundMember {
  readonly member: Member;
  readonly binding: Binding;
  /** Of the parameter or the header, or the prefix of the headers, as the model spells it; else empty. */
  readonly name: string;
  readonly lowerName: string;
}

/** The members of a structure by where they are bound. */
export interface Bindings {
  readonly bound: readonly BoundMember[];
  /** The member that is the whole body. */
  readonly payload: Member | undefined;
  /** The structure with only the members that a body holds. */
  readonly body: Structure;
}

const known = new WeakMap<Structure, Bindings>();

/** Where the members of a structure are bound: worked out once for each shape. */
export function bindingsOf(shape: Structure): Bindings {
  let bindings = known.get(shape);
  if (bindings === undefined) known.set(shape, (bindings = sortMembers(shape)));
  return bindings;
}

function sortMembers(shape: Structure): Bindings {
  const { members } = shape;
  const bound = members.map((member) => {
    const { httpQuery, httpHeader, httpPrefixHeaders } = member.traits;
    const name = String(httpQuery ?? httpHeader ?? httpPrefixHeaders ?? "");
    return { member, binding: bindingOf(member), name, lowerName: name.toLowerCase() };
  });
  return {
    bound: bound.filter(({ binding }) => binding !== "payload" && binding !== "body"),
    payload: bound.find(({ binding }) => binding === "payload")?.member,
    body: { ...shape, members: members.filter((_, index) => bound[index]?.binding === "body") },
  };
}

/** Where a member of a REST operation is bound. */
export function bindingOf(member: Member): Binding {
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
  for (const bound of bindingsOf(shape).bound) {
    const value = readBinding(bound, request);
    if (value !== undefined) result[bound.member.name] = value;
  }
  return result;
}

function readBinding({ member, binding, name, lowerName }: BoundMember, request: BoundRequest): unknown {
  switch (binding) {
    case "label": {
      const label = request.labels[member.name];
      return label === undefined ? undefined : readScalar(member.shape, label, member.name);
    }
    case "query": {
      if (request.query.size === 0) return undefined;
      const values = request.query.getAll(name);
      if (values.length === 0) return undefined;
      const { shape } = member;
      if (shape.type === "list")
        return values.map((value) => readScalar(shape.element.shape, value, member.name));
      return member.read?.(values[0] ?? "") ?? readScalar(shape, values[0] ?? "", member.name);
    }
    case "queryParams":
      return Object.fromEntries(request.query);
    case "header":
      return readHeader(member, request.headers[lowerName]);
    case "prefixHeaders": {
      const found: [string, string][] = [];
      for (const header of Object.keys(request.headers)) {
        const value = header.startsWith(lowerName) ? request.headers[header] : undefined;
        if (value !== undefined) found.push([header.slice(lowerName.length), value]);
      }
      return Object.fromEntries(found);
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
  for (const { member, binding, name } of bindingsOf(shape).bound) {
    const value = output[member.name];
    if (value === undefined || value === null) continue;
    if (binding === "header") headers[name] = headerText(member.shape, value);
    if (binding === "responseCode") status = Number(value);
    if (binding !== "prefixHeaders") continue;
    for (const [rest, text] of Object.entries(value)) headers[`${name}${rest}`] = String(text);
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
