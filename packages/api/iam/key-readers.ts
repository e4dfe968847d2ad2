import type { Reader } from "@gantry/state";
import type { AskedKeys } from "@gantry/wire";

/** A permission that is asked for, with the request it belongs to. `now` is in ms since the epoch. */
export type Asked = AskedKeys & { readonly now: number };
export type Value = string | readonly string[] | undefined;
/** Reads the value of one condition key; undefined where the key has none. */
export type Read = (asked: Asked, store: Reader) => Value;

/** The value at a path of the input, as text; a list of texts stays one. */
export function member(...path: readonly string[]): Read {
  return ({ input }) => {
    let value: unknown = input;
    for (const name of path)
      value =
        typeof value === "object" && value !== null
          ? (value as Readonly<Record<string, unknown>>)[name] // An object has members.
          : undefined;
    return Array.isArray(value) ? list(value) : text(value);
  };
}

/** One member of each entry of a list of the input. */
export function members(name: string, of: string): Read {
  return ({ input }) => {
    const entries: readonly unknown[] = Array.isArray(input[name]) ? input[name] : [];
    return entries.flatMap((entry) => {
      const value =
        typeof entry === "object" && entry !== null
          ? text((entry as Record<string, unknown>)[of])
          : undefined; // As above.
      return value ?? [];
    });
  };
}

/** The value of the first that has one. */
export function either(one: Read, other: Read): Read {
  return (asked, store) => {
    const value = one(asked, store);
    return value === undefined || value.length === 0 ? other(asked, store) : value;
  };
}

/** A switch of the input; a call that creates something without naming it leaves it off. */
export function flag(name: string): Read {
  return ({ action, input }) =>
    text(input[name]) ?? (/:(?:Create|Run|Register)/.test(action) ? "false" : undefined);
}

/** A text, a number, a switch or a time as text. */
export function text(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return value instanceof Date ? value.toISOString() : undefined;
}

/** The texts of a list. */
export function list(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.flatMap((each: unknown) => text(each) ?? []) : [];
}
