import { ApiError, serializationError } from "../api-error.ts";
import type { Member, Shape } from "../shape.ts";
import { readScalar } from "./xml.ts";

/** How awsQuery and ec2Query differ in decoding: the names of keys, and whether lists are wrapped. */
export type QueryDialect = "query" | "ec2";

interface Node {
  value: string | undefined;
  readonly children: Map<string, Node>;
}

const DEPTH_MAX = 50;
const NAME_MAX = 1_000;
/**
 * Characters that an XML response cannot contain. Source: XML 1.0 §2.2; the services' models exclude the
 * same.
 */
const UNSPEAKABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

/** Parses the parameters of a form. Errors: SerializationException if there are more than any request has. */
export function parseForm(text: string, parametersMax: number): URLSearchParams {
  let count = 1;
  for (let at = text.indexOf("&"); at >= 0 && count <= parametersMax; at = text.indexOf("&", at + 1))
    count += 1;
  if (count > parametersMax) throw serializationError("Too many parameters");
  return new URLSearchParams(text);
}

/** Decodes a form body to the shape's typed value. Errors: SerializationException. */
export function readQuery(shape: Shape, parameters: URLSearchParams, dialect: QueryDialect): unknown {
  const root: Node = { value: undefined, children: new Map() };
  for (const [name, value] of parameters) {
    if (name.length > NAME_MAX) throw serializationError("The name of a parameter is too long");
    if (UNSPEAKABLE.test(value)) throw unspeakable(name, dialect);
    const parts = name.split(".");
    if (parts.length > DEPTH_MAX) throw serializationError("The input is nested too deeply");
    let node = root;
    for (const part of parts) {
      let child = node.children.get(part);
      if (child === undefined) node.children.set(part, (child = { value: undefined, children: new Map() }));
      node = child;
    }
    node.value = value;
  }
  return read(shape, root, dialect, "");
}

/** The refusal of text with control characters, because a response that returned it could not be parsed. */
function unspeakable(name: string, dialect: QueryDialect): ApiError {
  return new ApiError(
    dialect === "ec2" ? "InvalidParameterValue" : "ValidationError",
    `1 validation error detected: Value at '${name}' failed to satisfy constraint: Member must satisfy ` +
      `regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\uD7FF\\uE000-\\uFFFD]*`,
    { status: 400 },
  );
}

function read(shape: Shape, node: Node, dialect: QueryDialect, path: string): unknown {
  switch (shape.type) {
    case "structure": {
      const result: Record<string, unknown> = {};
      for (const member of shape.members) {
        const child = node.children.get(keyOf(member, dialect)) ?? node.children.get(member.name);
        if (child !== undefined)
          result[member.name] = readMember(member, child, dialect, `${path}.${member.name}`);
      }
      return result;
    }
    case "list":
      return numbered(node, elementKeys(shape.element)).map((child, index) =>
        read(shape.element.shape, child, dialect, `${path}.${index + 1}`),
      );
    case "map":
      return readEntries(shape, node, dialect, path);
    case "unit":
      return {};
    default:
      return readScalar(shape, node.value ?? "", path);
  }
}

function readMember(member: Member, child: Node, dialect: QueryDialect, path: string): unknown {
  // An empty list is written as the bare key with an empty value.
  if (member.shape.type === "list" && child.children.size === 0)
    return child.value ? [readScalar(member.shape.element.shape, child.value, path)] : [];
  return read(member.shape, child, dialect, path);
}

function readEntries(
  shape: Extract<Shape, { type: "map" }>,
  node: Node,
  dialect: QueryDialect,
  path: string,
): Record<string, unknown> {
  const entries = numbered(node, ["entry"]);
  const keyName = String(shape.key.own["xmlName"] ?? "key");
  const valueName = String(shape.value.own["xmlName"] ?? "value");
  return Object.fromEntries(
    entries.map((entry) => [
      entry.children.get(keyName)?.value ?? "",
      read(shape.value.shape, entry.children.get(valueName) ?? entry, dialect, path),
    ]),
  );
}

function elementKeys(element: Member): readonly string[] {
  return ["member", typeof element.own["xmlName"] === "string" ? element.own["xmlName"] : "member"];
}

/** The children 1, 2, 3 … in order, with or without a wrapper. */
function numbered(node: Node, wrappers: readonly string[]): readonly Node[] {
  const holder = wrappers.map((name) => node.children.get(name)).find((child) => child !== undefined) ?? node;
  return [...holder.children]
    .filter(([key]) => /^\d+$/.test(key))
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .map(([, child]) => child);
}

function keyOf(member: Member, dialect: QueryDialect): string {
  const xmlName = typeof member.own["xmlName"] === "string" ? member.own["xmlName"] : member.name;
  if (dialect === "query") return xmlName;
  if (typeof member.own["ec2QueryName"] === "string") return member.own["ec2QueryName"];
  return xmlName.charAt(0).toUpperCase() + xmlName.slice(1);
}
