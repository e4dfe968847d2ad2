import { serializationError } from "./api-error.ts";
import type { TimestampFormat } from "./shape.ts";

/** The moment that a text or number means, in any of the formats AWS takes. */
export function parseTimestamp(value: unknown, path: string): Date {
  if (typeof value === "number") return new Date(Math.round(value * 1000));
  if (typeof value === "string") {
    const date = /^-?\d+(\.\d+)?$/.test(value) ? new Date(Math.round(Number(value) * 1000)) : new Date(value);
    if (!Number.isNaN(date.getTime())) return date;
  }
  throw serializationError(`${path} is not a timestamp`);
}

/** The text (or, for JSON's epoch-seconds, the number as text) of a moment. */
export function formatTimestamp(value: Date, format: TimestampFormat): string {
  switch (format) {
    case "date-time":
      return value.toISOString();
    case "http-date":
      return value.toUTCString();
    case "epoch-seconds":
      return String(value.getTime() / 1000);
  }
}

/** A number from its text. AWS's JSON readers take numbers written as strings, so ours do. */
export function parseNumber(value: unknown, path: string): number {
  if (typeof value === "number") return value;
  if (typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value)))
    return Number(value);
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
  throw serializationError(`${describe(value)} can not be converted to a Number (${path})`);
}

export function parseBoolean(value: unknown, path: string): boolean {
  if (typeof value === "boolean") return value;
  if (value === "true" || value === "false") return value === "true";
  throw serializationError(`${describe(value)} can not be converted to a Boolean (${path})`);
}

export function describe(value: unknown): string {
  if (value === null) return "NULL_VALUE";
  if (Array.isArray(value)) return "START_ARRAY";
  if (typeof value === "object") return "START_OBJECT";
  if (typeof value === "string") return "STRING_VALUE";
  return typeof value === "number" ? "NUMBER_VALUE" : "TRUE_VALUE";
}

/** Bytes of whatever a handler gave for a blob. */
export function bytesOf(value: unknown): Uint8Array {
  if (typeof value === "string") return Buffer.from(value);
  return value instanceof Uint8Array ? value : Buffer.from([]);
}
