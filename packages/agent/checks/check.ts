import { isObject, parseCidr, parseIp } from "@gantry/kernel";

/** Describes the problem of a value, with its path; undefined where it is valid. */
export type Check = (value: unknown, path: string) => string | undefined;

/** A check for every member of a type. Adding a member to the type without a check is a compile error. */
export type ChecksOf<T> = { readonly [Key in keyof T]-?: Check };

/** Accepts text that the pattern matches as a whole. */
export function matching(pattern: RegExp, what: string): Check {
  return (value, path) =>
    typeof value === "string" && pattern.test(value) ? undefined : `${path} is not ${what}: ${shown(value)}`;
}

export function integer(min: number, max = Number.MAX_SAFE_INTEGER): Check {
  return (value, path) =>
    Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max
      ? undefined
      : `${path} is not an integer from ${min} to ${max}: ${shown(value)}`;
}

export function oneOf(...values: readonly unknown[]): Check {
  return (value, path) => (values.includes(value) ? undefined : `${path} is not known: ${shown(value)}`);
}

export function optional(check: Check): Check {
  return (value, path) => (value === undefined ? undefined : check(value, path));
}

export function list(check: Check): Check {
  return (value, path) =>
    Array.isArray(value)
      ? first(value.map((each, index) => () => check(each, `${path}[${index}]`)))
      : `${path} is not a list`;
}

/** Accepts an object whose members all pass. Members without a check are ignored. */
export function object<T>(checks: ChecksOf<T>): Check {
  const members = Object.entries<Check>(checks);
  return (value, path) =>
    isObject(value)
      ? first(
          members.map(
            ([key, check]) =>
              () =>
                check(value[key], path === "" ? key : `${path}.${key}`),
          ),
        )
      : `${path} is not an object`;
}

/** Accepts an object used as a map: each key and each value must pass. */
export function map(key: Check, check: Check): Check {
  return (value, path) =>
    isObject(value)
      ? first(
          Object.entries(value).flatMap(([name, each]) => [
            () => key(name, `a name in ${path}`),
            () => check(each, `${path}.${name}`),
          ]),
        )
      : `${path} is not an object`;
}

/** Accepts text of any length. It may contain a secret, so the problem text does not contain it. */
export const text: Check = (value, path) =>
  typeof value === "string" && !value.includes("\0") ? undefined : `${path} is not text without NUL bytes`;
export const boolean: Check = oneOf(true, false);
/** The id of a resource: a word that is safe in names of links, sets and chains. */
export const id: Check = matching(/^[A-Za-z]+-[A-Za-z0-9-]{1,64}$/, "the id of a resource");
export const address: Check = (value, path) =>
  typeof value === "string" && parseIp(value) !== undefined && !/(?:^|\.)0\d/.test(value)
    ? undefined
    : `${path} is not an IPv4 address: ${shown(value)}`;
export const block: Check = (value, path) =>
  typeof value === "string" && parseCidr(value) !== undefined && !/(?:^|[./])0\d/.test(value)
    ? undefined
    : `${path} is not an IPv4 block: ${shown(value)}`;
export const mac: Check = matching(/^[0-9a-f][02468ace](?::[0-9a-f]{2}){5}$/, "a unicast MAC address");
/** A DNS name. Source: RFC 1123, section 2.1; underscores occur in service names. */
export const dnsName: Check = matching(
  /^(?=.{1,253}$)(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*$/,
  "a DNS name",
);
/** A path relative to the node's data volume that contains no element that leaves it. */
export const relativePath: Check = matching(
  /^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\0\n]+$/,
  "a path inside the data volume",
);

/** The value where it is text, else an empty word: the value's own `toString` is never called. */
export function wordOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export const count = integer(0);
export const ARN = matching(/^arn:[^\s\0]{1,2048}$/, "an ARN");

function first(problems: readonly (() => string | undefined)[]): string | undefined {
  for (const find of problems) {
    const problem = find();
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Formats a value for a message: shortened, and without control characters. */
function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 80);
}
