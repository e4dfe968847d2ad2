import { serializationError } from "../api-error.ts";
import type { Member, Shape, TimestampFormat } from "../shape.ts";
import { mapInTurns } from "./turns.ts";
import { bytesOf, describe, formatTimestamp, parseBoolean, parseNumber, parseTimestamp } from "../values.ts";

/** Deeper than any modelled input; a deeper document is refused before it exhausts the stack. */
const DEPTH_MAX = 100;

/**
 * Decodes a JSON value to the shape's typed value. Unknown members are dropped, null members are absent,
 * wrong types are refused.
 */
export function readJson(shape: Shape, value: unknown, path = "", depth = 0): unknown {
  if (depth > DEPTH_MAX) throw serializationError("The input is nested too deeply");
  switch (shape.type) {
    case "structure": {
      const source = objectOf(value, path);
      const result: Record<string, unknown> = {};
      for (const member of shape.members) {
        const given = source[jsonNameOf(member)];
        if (given !== undefined && given !== null)
          result[member.name] = readJson(member.shape, given, `${path}/${member.name}`, depth + 1);
      }
      return result;
    }
    case "list":
      if (!Array.isArray(value)) throw serializationError(`Expected list or null (${path})`);
      // Long lists are measurements: they need no path for each element.
      if (shape.element.shape.type === "number" && value.every(Number.isFinite)) return value;
      if (shape.element.shape.type === "string" && value.every(isText)) return value;
      return value.map((element, index) =>
        element === null ? null : readJson(shape.element.shape, element, `${path}/${index}`, depth + 1),
      );
    case "map":
      return Object.fromEntries(
        Object.entries(objectOf(value, path)).map(([key, element]) => [
          key,
          element === null ? null : readJson(shape.value.shape, element, `${path}/${key}`, depth + 1),
        ]),
      );
    case "string":
      if (typeof value === "string") return value;
      if (typeof value === "number" || typeof value === "boolean") return String(value);
      throw serializationError(`${describe(value)} can not be converted to a String (${path})`);
    case "number":
      return parseNumber(value, path);
    case "boolean":
      return parseBoolean(value, path);
    case "timestamp":
      return parseTimestamp(value, path);
    case "blob":
    case "streaming":
      if (typeof value !== "string")
        throw serializationError(`${describe(value)} can not be converted to a Blob (${path})`);
      return Buffer.from(value, "base64");
    case "bigInteger":
      return BigInt(parseNumber(value, path));
    case "bigDecimal":
    case "document":
      return value;
    case "unit":
      return {};
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** Values that are decoded in one turn; larger inputs are decoded with turns between their parts. */
const VALUES_A_TURN = 2_000;

/** As `readJson`, but yields to other requests between the elements of long lists. */
export async function readJsonInTurns(
  shape: Shape,
  value: unknown,
  nextTurn: () => Promise<void>,
  at: { readonly path: string; readonly depth: number } = { path: "", depth: 0 },
): Promise<unknown> {
  const { path, depth } = at;
  if (depth > DEPTH_MAX || valuesIn(value, VALUES_A_TURN) < VALUES_A_TURN)
    return readJson(shape, value, path, depth);
  const read = (of: Shape, part: unknown, name: string | number) =>
    part === null ? null : readJsonInTurns(of, part, nextTurn, { path: `${path}/${name}`, depth: depth + 1 });
  if (shape.type === "list" && Array.isArray(value))
    return mapInTurns(value, (part, index) => read(shape.element.shape, part, index), nextTurn);
  if (shape.type === "map")
    return Object.fromEntries(
      await mapInTurns(
        Object.entries(objectOf(value, path)),
        async ([key, part]) => [key, await read(shape.value.shape, part, key)] as const,
        nextTurn,
      ),
    );
  if (shape.type !== "structure") return readJson(shape, value, path, depth);
  const source = objectOf(value, path);
  const result: Record<string, unknown> = {};
  for (const member of shape.members) {
    const given = source[jsonNameOf(member)];
    if (given !== undefined && given !== null)
      result[member.name] = await read(member.shape, given, member.name);
  }
  return result;
}

/** Counts the values of a JSON value; stops at `enough`. */
function valuesIn(value: unknown, enough: number): number {
  const left = [value];
  let count = 0;
  for (let each = left.pop(); each !== undefined && count < enough; each = left.pop()) {
    count += 1;
    if (typeof each !== "object" || each === null) continue;
    const parts: readonly unknown[] = Array.isArray(each) ? each : Object.values(each);
    if (parts.length >= enough) return enough;
    left.push(...parts);
  }
  return count;
}

function jsonNameOf(member: Member): string {
  return typeof member.own["jsonName"] === "string" ? member.own["jsonName"] : member.name;
}

const texts = new WeakMap<object, string>();

/**
 * The JSON text of a typed value. The text of a frozen structure or list is cached, because it never changes.
 */
export function writeJsonText(shape: Shape, value: unknown): string {
  if ((shape.type === "structure" || shape.type === "list") && Object.isFrozen(value)) {
    const key = value as object; // Frozen, so an object.
    let text = texts.get(key);
    if (text === undefined) texts.set(key, (text = JSON.stringify(writeJson(shape, value))));
    return text;
  }
  if (shape.type === "structure") {
    const source = value as Record<string, unknown>; // Handlers' outputs are checked against the SDK's types.
    let text = "";
    for (const member of shape.members) {
      const given = source[member.name];
      if (given === undefined || given === null) continue;
      const name = jsonNameOf(member);
      text += `${text === "" ? "" : ","}${JSON.stringify(name)}:${writeJsonText(member.shape, given)}`;
    }
    return `{${text}}`;
  }
  const textOf = (element: unknown): string =>
    element === null || shape.type !== "list" ? "null" : writeJsonText(shape.element.shape, element);
  // Only the text of structures is cached: a list of numbers or times is serialized in one call.
  if (
    shape.type === "list" &&
    (shape.element.shape.type === "structure" || shape.element.shape.type === "list")
  )
    return `[${(value as unknown[]).map(textOf).join(",")}]`; // A list is written as an array.
  return JSON.stringify(writeJson(shape, value)) ?? "null";
}

interface Written {
  readonly parts: readonly unknown[];
  readonly bytes: Uint8Array;
}
const written = new WeakMap<object, Written>();

/**
 * A JSON body. Repeated requests for unchanged data get the same bytes: a body that consists only of frozen
 * structures is cached by the first of them.
 */
export function writeJsonBody(shape: Shape, value: unknown): string | Uint8Array {
  const parts = partsOf(shape, value);
  const key = parts.find((part) => typeof part === "object" && part !== null);
  if (key === undefined) return writeJsonText(shape, value);
  // Bytes are kept for frozen parts alone, so the same parts are frozen.
  const known = written.get(key);
  if (known !== undefined && isSame(known.parts, parts)) return known.bytes;
  if (!parts.every((part) => Object.isFrozen(part))) return writeJsonText(shape, value);
  const bytes = Buffer.from(writeJsonText(shape, value));
  written.set(key, { parts, bytes });
  return bytes;
}

function isSame(before: readonly unknown[], now: readonly unknown[]): boolean {
  return before.length === now.length && before.every((part, index) => part === now[index]);
}

/** The parts of a structure, each after its member's name. */
function partsOf(shape: Shape, value: unknown): readonly unknown[] {
  const parts: unknown[] = [];
  if (shape.type !== "structure") return parts;
  const source = value as Record<string, unknown>; // Handlers' outputs are checked against the SDK's types.
  for (const member of shape.members) {
    const given = source[member.name];
    if (given === undefined || given === null) continue;
    parts.push(member.name);
    if (Array.isArray(given)) for (const part of given as unknown[]) parts.push(part);
    else parts.push(given);
  }
  return parts;
}

/** The JSON value of a typed value: modelled members only, epoch seconds unless the shape says otherwise. */
export function writeJson(shape: Shape, value: unknown, format: TimestampFormat = "epoch-seconds"): unknown {
  switch (shape.type) {
    case "structure": {
      const source = value as Record<string, unknown>; // Handlers' outputs are checked against the SDK's types.
      const result: Record<string, unknown> = {};
      for (const member of shape.members) {
        const given = source[member.name];
        if (given === undefined || given === null) continue;
        result[jsonNameOf(member)] = writeJson(member.shape, given, format);
      }
      return result;
    }
    case "list": {
      const list = value as unknown[]; // As above.
      const { shape: element } = shape.element;
      if (element.type === "number" && list.every(Number.isFinite)) return list;
      return list.map((each) => (each === null ? null : writeJson(element, each, format)));
    }
    case "map":
      return Object.fromEntries(
        Object.entries(value as object).map(([key, element]) => [
          key,
          writeJson(shape.value.shape, element, format),
        ]),
      ); // As above.
    case "timestamp": {
      const [date, wanted] = [value as Date, shape.format ?? format]; // As above.
      return wanted === "epoch-seconds" ? date.getTime() / 1_000 : formatTimestamp(date, wanted);
    }
    case "number":
      return Number.isFinite(value) ? value : String(value); // As above.
    case "blob":
    case "streaming":
      return Buffer.from(bytesOf(value)).toString("base64");
    case "bigInteger":
    case "bigDecimal":
      return Number(value);
    case "string":
    case "boolean":
    case "document":
      return value;
    case "unit":
      return {};
  }
}

/** Smaller texts cannot be deep or wide enough to take long. */
const HARMLESS_BYTES = 4_096;

/** Refuses a text that nests too deeply or holds more values than any request, before it is parsed. */
function checkSize(bytes: Buffer, valuesMax: number): void {
  if (bytes.length <= HARMLESS_BYTES) return;
  let [depth, values] = [0, 0];
  for (let index = 0; index < bytes.length; index += 1) {
    switch (bytes[index]) {
      case 0x22: // "
        index = endOfString(bytes, index);
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth += 1;
        values += 1;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
        break;
      case 0x2c: // ,
        values += 1;
        break;
    }
    if (depth > DEPTH_MAX) throw serializationError("The input is nested too deeply");
    if (values > valuesMax) throw serializationError("The input has too many values");
  }
}

function endOfString(bytes: Buffer, start: number): number {
  for (let end = bytes.indexOf(0x22, start + 1); end >= 0; end = bytes.indexOf(0x22, end + 1)) {
    let backslashes = 0;
    while (bytes[end - 1 - backslashes] === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return bytes.length;
}

/** Parses a JSON text of at most this many values to an object. Errors: SerializationException. */
export function parseJsonObject(bytes: Buffer, valuesMax: number): Record<string, unknown> {
  checkSize(bytes, valuesMax);
  return parseText(bytes.toString());
}

/** As `parseJsonObject`, but yields to other requests: for large texts. */
export async function parseJsonInTurns(
  bytes: Buffer,
  valuesMax: number,
  nextTurn: () => Promise<void>,
): Promise<Record<string, unknown>> {
  checkSize(bytes, valuesMax);
  await nextTurn();
  const text = bytes.toString();
  await nextTurn();
  const value = parseText(text);
  await nextTurn();
  return value;
}

function parseText(text: string): Record<string, unknown> {
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw serializationError("The request body is not valid JSON");
  }
  return objectOf(value, "");
}

function objectOf(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw serializationError(`Expected null or a structure (${path || "/"}), found ${describe(value)}`);
  return value as Record<string, unknown>; // Checked above.
}
