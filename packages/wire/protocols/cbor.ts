import { createRequire } from "node:module";
import { serializationError } from "../api-error.ts";
import type { Shape } from "../shape.ts";
import { bytesOf, parseBoolean, parseNumber, parseTimestamp } from "../values.ts";

const DEPTH_MAX = 100;

/** Loaded with the first CBOR body, because it loads half of the SDK's core. */
const library = (): typeof import("@smithy/core/cbor") =>
  (loaded ??= load("@smithy/core/cbor") as typeof import("@smithy/core/cbor")); // What it is.
let loaded: typeof import("@smithy/core/cbor") | undefined;
const load = createRequire(import.meta.url);

/** Decodes a CBOR body to the shape's typed value. Errors: SerializationException. */
export function readCbor(shape: Shape, body: Uint8Array): unknown {
  if (body.length === 0) return {};
  let value: unknown;
  try {
    value = library().cbor.deserialize(body);
  } catch {
    throw serializationError("The request body is not valid CBOR");
  }
  return read(shape, value, "", 0);
}

function read(shape: Shape, value: unknown, path: string, depth: number): unknown {
  if (depth > DEPTH_MAX) throw serializationError("The input is nested too deeply");
  switch (shape.type) {
    case "structure": {
      if (typeof value !== "object" || value === null || Array.isArray(value))
        throw serializationError(`Expected a structure (${path || "/"})`);
      const source = value as Record<string, unknown>; // Checked above.
      const result: Record<string, unknown> = {};
      for (const member of shape.members) {
        const given = source[member.name];
        if (given !== undefined && given !== null)
          result[member.name] = read(member.shape, given, `${path}/${member.name}`, depth + 1);
      }
      return result;
    }
    case "list":
      if (!Array.isArray(value)) throw serializationError(`Expected a list (${path})`);
      return value.map((element, index) => read(shape.element.shape, element, `${path}/${index}`, depth + 1));
    case "map":
      if (typeof value !== "object" || value === null) throw serializationError(`Expected a map (${path})`);
      return Object.fromEntries(
        Object.entries(value).map(([key, element]) => [
          key,
          read(shape.value.shape, element, `${path}/${key}`, depth + 1),
        ]),
      );
    case "string":
      if (typeof value !== "string") throw serializationError(`Expected a string (${path})`);
      return value;
    case "number":
      return parseNumber(typeof value === "bigint" ? Number(value) : value, path);
    case "boolean":
      return parseBoolean(value, path);
    case "timestamp":
      return value instanceof Date ? value : parseTimestamp(tagValue(value), path);
    case "blob":
    case "streaming":
      if (!(value instanceof Uint8Array)) throw serializationError(`Expected bytes (${path})`);
      return value;
    case "unit":
      return {};
    default:
      return value;
  }
}

function tagValue(value: unknown): unknown {
  return typeof value === "object" && value !== null && "value" in value ? value.value : value;
}

/** Encodes a typed value as CBOR: modelled members only. */
export function writeCbor(shape: Shape, value: unknown, more: Record<string, unknown> = {}): Uint8Array {
  return library().cbor.serialize({ ...(plain(shape, value) as object), ...more });
}

function plain(shape: Shape, value: unknown): unknown {
  switch (shape.type) {
    case "structure": {
      const source = value as Record<string, unknown>; // Handlers' outputs are checked against the SDK's types.
      const given = shape.members.filter(
        (member) => source[member.name] !== undefined && source[member.name] !== null,
      );
      return Object.fromEntries(
        given.map((member) => [member.name, plain(member.shape, source[member.name])]),
      );
    }
    case "list":
      return (value as unknown[]).map((element) => plain(shape.element.shape, element)); // As above.
    case "map":
      return Object.fromEntries(
        Object.entries(value as object).map(([key, element]) => [key, plain(shape.value.shape, element)]),
      ); // As above.
    case "timestamp":
      return library().dateToTag(value as Date); // As above.
    case "blob":
    case "streaming":
      return bytesOf(value);
    case "unit":
      return {};
    default:
      return value;
  }
}
