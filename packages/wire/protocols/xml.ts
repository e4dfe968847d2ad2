import { parseXML } from "@aws-sdk/xml-builder";
import { ApiError } from "../api-error.ts";
import type { Member, Shape } from "../shape.ts";
import { bytesOf, formatTimestamp, parseBoolean, parseNumber, parseTimestamp } from "../values.ts";

/** Text made safe inside an element or attribute. Source: XML 1.0 §2.4; line ends as the SDKs write them. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"'\r\n\u0085\u2028]/g, (character) => {
    switch (character) {
      case "&":
        return "&amp;";
      case "<":
        return "&lt;";
      case ">":
        return "&gt;";
      case '"':
        return "&quot;";
      default:
        return `&#x${character.charCodeAt(0).toString(16).toUpperCase()};`;
    }
  });
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
    const given = (value as Record<string, unknown>)[member.name]; // Handlers' outputs are checked against the SDK's types.
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
    .map(
      ([key, element]) =>
        `<${name}><${elementName(shape.key)}>${escapeXml(key)}</${elementName(shape.key)}>${writeElement(elementName(shape.value), shape.value.shape, element)}</${name}>`,
    )
    .join("");
}

export function scalarText(shape: Shape, value: unknown): string {
  if (shape.type === "timestamp") return formatTimestamp(value as Date, shape.format ?? "date-time"); // As above.
  if (shape.type === "blob" || shape.type === "streaming")
    return Buffer.from(bytesOf(value)).toString("base64");
  return String(value);
}

const DEPTH_MAX = 100;

/** A parsed document's root content as the shape's typed value. Errors: MalformedXML. */
export function readXmlDocument(shape: Shape, text: string): unknown {
  if (depthOf(text) > DEPTH_MAX) throw malformed();
  let document: unknown;
  try {
    document = parseXML(text);
  } catch {
    throw malformed();
  }
  const [root] = Object.entries(document as object).filter(([key]) => !key.startsWith("?")); // parseXML answers an object.
  return readXml(shape, root?.[1] ?? "");
}

function malformed(): ApiError {
  return new ApiError(
    "MalformedXML",
    "The XML you provided was not well-formed or did not validate against our published schema",
    { status: 400 },
  );
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [tag] of text.matchAll(/<[^!?][^>]*>/g)) {
    if (tag.startsWith("</")) depth -= 1;
    else if (!tag.endsWith("/>")) deepest = Math.max(deepest, (depth += 1));
  }
  return deepest;
}

function readXml(shape: Shape, node: unknown): unknown {
  switch (shape.type) {
    case "structure": {
      const source = typeof node === "object" && node !== null ? (node as Record<string, unknown>) : {};
      const result: Record<string, unknown> = {};
      for (const member of shape.members) {
        const given = source[elementName(member)];
        if (given !== undefined) result[member.name] = readMember(member, given);
      }
      return result;
    }
    case "list":
      return listOf((node as Record<string, unknown>)?.[elementName(shape.element)]).map((each) =>
        readXml(shape.element.shape, each),
      );
    case "map":
      return entriesOf(shape, listOf((node as Record<string, unknown>)?.["entry"]));
    default:
      return readScalar(
        shape,
        typeof node === "object" && node !== null ? ((node as Record<string, unknown>)["#text"] ?? "") : node,
      );
  }
}

function readMember(member: Member, given: unknown): unknown {
  const flat = Boolean(member.traits["xmlFlattened"]);
  if (flat && member.shape.type === "list") {
    const { element } = member.shape;
    return listOf(given).map((each) => readXml(element.shape, each));
  }
  if (flat && member.shape.type === "map") return entriesOf(member.shape, listOf(given));
  return readXml(member.shape, given);
}

function entriesOf(
  shape: Extract<Shape, { type: "map" }>,
  entries: readonly unknown[],
): Record<string, unknown> {
  return Object.fromEntries(
    entries.map((entry) => {
      const fields = entry as Record<string, unknown>;
      return [
        String(fields[elementName(shape.key)]),
        readXml(shape.value.shape, fields[elementName(shape.value)] ?? ""),
      ];
    }),
  );
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === "") return [];
  return Array.isArray(value) ? value : [value];
}

/** A scalar from its text, for XML, query strings and headers alike. */
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
