import { serializationError } from "./api-error.ts";
import type { TimestampFormat } from "./shape.ts";

/** The time of a text or number, in any of the formats that AWS accepts. */
export function parseTimestamp(value: unknown, path: string): Date {
  if (typeof value === "number") return new Date(Math.round(value * 1000));
  if (typeof value === "string") {
    const date = /^-?\d+(\.\d+)?$/.test(value) ? new Date(Math.round(Number(value) * 1000)) : new Date(value);
    if (!Number.isNaN(date.getTime())) return date;
  }
  throw serializationError(`${path} is not a timestamp`);
}

/** The text of a time (for JSON's epoch-seconds, the number as text). */
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

/** Parses a number. AWS's JSON readers accept numbers written as strings, so ours do. */
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

/** The bytes of a handler's value for a blob. */
export function bytesOf(value: unknown): Uint8Array {
  if (typeof value === "string") return Buffer.from(value);
  return value instanceof Uint8Array ? value : Buffer.from([]);
}
