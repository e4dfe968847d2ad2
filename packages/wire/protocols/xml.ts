import { ApiError } from "../api-error.ts";
import type { Member, Shape } from "../shape.ts";
import { mapInTurns } from "./turns.ts";
import { XmlError, XmlReader, type XmlNode } from "./xml-reader.ts";
import { bytesOf, formatTimestamp, parseBoolean, parseNumber, parseTimestamp } from "../values.ts";

/**
 * Characters that XML 1.0 requires to be escaped, line ends as the SDKs write them, and characters that it
 * cannot contain.
 */
const SPECIAL = /[&<>"'\r\n\u0085\u2028\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/gu;
const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\r": "&#xD;",
  "\n": "&#xA;",
  "'": "&#x27;",
  "\u0085": "&#x85;",
  "\u2028": "&#x2028;",
};

/**
 * Escapes text for an element or attribute. Characters that an XML 1.0 document cannot contain, not even as a
 * reference, become U+FFFD, so that the response can be parsed. Source: XML 1.0 §2.2, §2.4.
 */
export function escapeXml(text: string): string {
  return text.replace(SPECIAL, (found) => ESCAPES[found] ?? "\ufffd");
}

/** How a dialect names elements: REST-XML and awsQuery by `xmlName` or the member's name; the list element likewise. */
export function elementName(member: Member): string {
  return typeof member.own["xmlName"] === "string" ? member.own["xmlName"] : member.name;
}

function attributesOf(shape: Shape, value: unknown, namespace: unknown): string {
  let text = "";
  if (typeof namespace === "string") text += ` xmlns="${escapeXml(namespace)}"`;
  if (Array.isArray(namespace))
    text += ` xmlns${namespace[0] ? `:${namespace[0]}` : ""}="${escapeXml(String(namespace[1]))}"`;
  if (shape.type !== "structure") return text;
  for (const member of shape.members) {
    // Handlers' outputs are checked against the SDK's types.
    const given = (value as Record<string, unknown>)[member.name];
    if (member.traits["xmlAttribute"] && given !== undefined)
      text += ` ${elementName(member)}="${escapeXml(String(given))}"`;
  }
  return text;
}

/** One element with its content. */
export function writeElement(name: string, shape: Shape, value: unknown, namespace?: unknown): string {
  return `<${name}${attributesOf(shape, value, namespace)}>${writeContent(shape, value)}</${name}>`;
}

/** The content of an element: the members of a structure, the elements of a list, the text of a scalar. */
export function writeContent(shape: Shape, value: unknown): string {
  switch (shape.type) {
    case "structure":
      return shape.members
        .map((member) => writeMember(member, (value as Record<string, unknown>)[member.name]))
        .join(""); // As above.
    case "list":
      return (value as unknown[])
        .map((element) => writeElement(elementName(shape.element), shape.element.shape, element))
        .join(""); // As above.
    case "map":
      return writeEntries(shape, value, "entry");
    default:
      return escapeXml(scalarText(shape, value));
  }
}

function writeMember(member: Member, value: unknown): string {
  if (value === undefined || value === null || member.traits["xmlAttribute"]) return "";
  const name = elementName(member);
  const flat = Boolean(member.traits["xmlFlattened"]);
  if (flat && member.shape.type === "list") {
    const { element } = member.shape;
    return (value as unknown[]).map((each) => writeElement(name, element.shape, each)).join(""); // As above.
  }
  if (flat && member.shape.type === "map") return writeEntries(member.shape, value, name);
  return writeElement(name, member.shape, value, member.own["xmlNamespace"]);
}

function writeEntries(shape: Extract<Shape, { type: "map" }>, value: unknown, name: string): string {
  return Object.entries(value as object) // As above.
    .map(([key, element]) => {
      const keyName = elementName(shape.key);
      const content = writeElement(elementName(shape.value), shape.value.shape, element);
      return `<${name}><${keyName}>${escapeXml(key)}</${keyName}>${content}</${name}>`;
    })
    .join("");
}

export function scalarText(shape: Shape, value: unknown): string {
  if (shape.type === "timestamp") return formatTimestamp(value as Date, shape.format ?? "date-time"); // As above.
  if (shape.type === "blob" || shape.type === "streaming")
    return Buffer.from(bytesOf(value)).toString("base64");
  return String(value);
}

/** Elements that are read before the event loop serves other requests: about a millisecond's worth. */
const NODES_A_TURN = 2_000;

/** Parses a document and returns its root. Errors: MalformedXML. */
export function parseXml(text: string, nodesMax: number): XmlNode {
  const reader = new XmlReader(text, nodesMax);
  for (;;) {
    const root = advance(reader, NODES_A_TURN);
    if (root !== undefined) return root;
  }
}

/** As `parseXml`, but yields to other requests: for large documents. */
export async function parseXmlInTurns(
  text: string,
  nodesMax: number,
  nextTurn: () => Promise<void>,
): Promise<XmlNode> {
  const reader = new XmlReader(text, nodesMax);
  for (;;) {
    const root = advance(reader, NODES_A_TURN);
    if (root !== undefined) return root;
    await nextTurn();
  }
}

function advance(reader: XmlReader, count: number): XmlNode | undefined {
  try {
    return reader.advance(count);
  } catch (thrown) {
    if (thrown instanceof XmlError) malformed();
    throw thrown;
  }
}

function malformed(): never {
  throw new ApiError(
    "MalformedXML",
    "The XML you provided was not well-formed or did not validate against our published schema",
    { status: 400 },
  );
}

/** As `readXml`, but yields to other requests between the elements of long lists. */
export async function readXmlInTurns(
  shape: Shape,
  node: XmlNode,
  nextTurn: () => Promise<void>,
): Promise<unknown> {
  if (node.children.length === 0) return readXml(shape, node);
  const read = (of: Shape, child: XmlNode) => readXmlInTurns(of, child, nextTurn);
  if (shape.type === "list") {
    const name = elementName(shape.element);
    const elements = node.children.filter((child) => child.name === name);
    return mapInTurns(elements, (child) => readXml(shape.element.shape, child), nextTurn);
  }
  if (shape.type !== "structure") return readXml(shape, node);
  const byName = childrenByName(node);
  const result: Record<string, unknown> = {};
  for (const member of shape.members) {
    const given = byName.get(elementName(member));
    const last = given?.at(-1);
    const isFlat = Boolean(member.traits["xmlFlattened"]);
    if (given === undefined || last === undefined) continue;
    if (isFlat && member.shape.type === "list") {
      const { shape: element } = member.shape.element;
      result[member.name] = await mapInTurns(given, (child) => readXml(element, child), nextTurn);
    } else result[member.name] = isFlat ? readMember(member, given) : await read(member.shape, last);
  }
  return { ...result, ...attributesIn(shape, node, result) };
}

function childrenByName(node: XmlNode): ReadonlyMap<string, readonly XmlNode[]> {
  const byName = new Map<string, XmlNode[]>();
  for (const child of node.children) {
    const same = byName.get(child.name);
    if (same === undefined) byName.set(child.name, [child]);
    else same.push(child);
  }
  return byName;
}

/** The members that are bound to attributes, if no element has set them. */
function attributesIn(
  shape: Extract<Shape, { type: "structure" }>,
  node: XmlNode,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  if (node.attributes.size === 0) return result;
  for (const member of shape.members) {
    const attribute = node.attributes.get(elementName(member));
    if (attribute !== undefined && !(member.name in given))
      result[member.name] = readScalar(member.shape, attribute);
  }
  return result;
}

/** Decodes an element's content to a typed value. */
export function readXml(shape: Shape, node: XmlNode): unknown {
  switch (shape.type) {
    case "structure": {
      const byName = childrenByName(node);
      const result: Record<string, unknown> = {};
      for (const member of shape.members) {
        const given = byName.get(elementName(member));
        if (given !== undefined) result[member.name] = readMember(member, given);
      }
      return { ...result, ...attributesIn(shape, node, result) };
    }
    case "list": {
      const name = elementName(shape.element);
      return node.children
        .filter((child) => child.name === name)
        .map((child) => readXml(shape.element.shape, child));
    }
    case "map":
      return entriesOf(
        shape,
        node.children.filter((child) => child.name === "entry"),
      );
    default:
      return readScalar(shape, node.text);
  }
}

function readMember(member: Member, given: readonly XmlNode[]): unknown {
  const flat = Boolean(member.traits["xmlFlattened"]);
  if (flat && member.shape.type === "list") {
    const { element } = member.shape;
    return given.map((each) => readXml(element.shape, each));
  }
  if (flat && member.shape.type === "map") return entriesOf(member.shape, given);
  const last = given.at(-1);
  return last && readXml(member.shape, last);
}

function entriesOf(
  shape: Extract<Shape, { type: "map" }>,
  entries: readonly XmlNode[],
): Record<string, unknown> {
  return Object.fromEntries(
    entries.map((entry) => {
      const find = (member: Member) => entry.children.find((child) => child.name === elementName(member));
      const value = find(shape.value);
      return [find(shape.key)?.text ?? "", value && readXml(shape.value.shape, value)];
    }),
  );
}

/** Decodes a scalar from its text, for XML, query strings and headers. */
export function readScalar(shape: Shape, given: unknown, path = ""): unknown {
  const text = String(given);
  switch (shape.type) {
    case "number":
      return parseNumber(text, path);
    case "boolean":
      return parseBoolean(text, path);
    case "timestamp":
      return parseTimestamp(text, path);
    case "blob":
    case "streaming":
      return Buffer.from(text, "base64");
    case "bigInteger":
      return BigInt(text);
    default:
      return text;
  }
}
