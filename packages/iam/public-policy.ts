import type { Condition, PolicyDocument, Statement } from "./policy-document.ts";

/**
 * Keys with which a condition restricts a policy to a known caller, where it fixes their values. Source: see
 * `isPublic`.
 */
const NARROWING_KEYS: ReadonlySet<string> = new Set([
  "aws:principalarn",
  "aws:principalaccount",
  "aws:principalorgid",
  "aws:sourcearn",
  "aws:sourcevpc",
  "aws:sourcevpce",
  "aws:sourceowner",
  "aws:sourceaccount",
  "aws:userid",
  "s3:dataaccesspointaccount",
  "s3:dataaccesspointarn",
]);

/** Operators that hold only where the key is present and equals one of the values. */
const FIXING_OPERATORS: ReadonlySet<string> = new Set([
  "stringequals",
  "stringequalsignorecase",
  "stringlike",
  "arnequals",
  "arnlike",
]);

/** A broader prefix than these counts as public. Source: see `isPublic`. */
const BROADEST_V4 = 8;
const BROADEST_V6 = 32;
const PRIVATE_RANGES = [
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const;

/**
 * Whether a resource policy is public: it is, unless each Allow statement grants to fixed principals only, or
 * has a condition that fixes the caller. A condition fixes the caller when its operator requires the key to
 * be present and to equal one of the values, and no value has a wildcard or a variable. A Deny does not make
 * a policy less public.
 * Stricter than S3 in one point: the sizes of address ranges are added up, so that a list of ranges is
 * limited like a single range.
 * Source: S3 User Guide, "Blocking public access to your Amazon S3 storage", The meaning of "public".
 */
export function isPublic(document: PolicyDocument): boolean {
  return document.statements.some(
    (statement) =>
      statement.effect === "Allow" &&
      !hasFixedPrincipals(statement) &&
      !statement.conditions.some(fixesCaller),
  );
}

function hasFixedPrincipals({ principals, notPrincipals }: Statement): boolean {
  return notPrincipals === undefined && (principals ?? []).every(isFixed);
}

function fixesCaller({ operator, key, values }: Condition): boolean {
  if (values.length === 0) return false;
  // `ForAllValues:` holds where the key is absent, and so does `…IfExists`, which is not in the lists below.
  const name = operator.toLowerCase().replace(/^foranyvalue:/, "");
  const lowerKey = key.toLowerCase();
  if (lowerKey === "aws:sourceip") return name === "ipaddress" && areNarrow(values);
  if (!NARROWING_KEYS.has(lowerKey) || !FIXING_OPERATORS.has(name)) return false;
  return values.every((value) => {
    // A value that covers all access points of one account counts as fixed. Source: as above.
    if (lowerKey === "s3:dataaccesspointarn")
      return /^arn:aws:s3:[^:$]*:\d{12}:accesspoint\/[^$]*$/.test(value);
    // An unsigned call has this user id.
    if (lowerKey === "aws:userid" && value.toLowerCase() === "anonymous") return false;
    return isFixed(value);
  });
}

/** No wildcard and no policy variable. */
function isFixed(value: string): boolean {
  return !/[*?]|\$\{/.test(value);
}

/**
 * Whether the total size of the ranges is at most that of the broadest permitted range; private ranges are
 * not counted. Sizes are added up as shares of the whole address space.
 */
function areNarrow(values: readonly string[]): boolean {
  let [v4, v6] = [0, 0];
  for (const value of values) {
    const range = rangeOf(value);
    if (range === undefined) return false;
    if (range.version === 6) v6 += 2 ** -range.prefix;
    else if (!isPrivate(range)) v4 += 2 ** -range.prefix;
  }
  return v4 <= 2 ** -BROADEST_V4 && v6 <= 2 ** -BROADEST_V6;
}

interface Range {
  readonly version: 4 | 6;
  readonly prefix: number;
  /** The first address as a number; set only for IPv4. */
  readonly first: number;
}

/** Parses an address or a range of addresses; undefined where the text is neither. */
function rangeOf(value: string): Range | undefined {
  const match = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(value);
  if (match === null) return undefined;
  const [, address = "", length] = match;
  if (address.includes(":")) {
    const prefix = length === undefined ? 128 : Number(length);
    return prefix <= 128 ? { version: 6, prefix, first: 0 } : undefined;
  }
  const first = numberOf(address);
  const prefix = length === undefined ? 32 : Number(length);
  return first === undefined || prefix > 32 ? undefined : { version: 4, prefix, first };
}

function numberOf(address: string): number | undefined {
  const parts = address.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255))
    return undefined;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

function isPrivate({ prefix, first }: Range): boolean {
  return PRIVATE_RANGES.some(([start, length]) => {
    const size = 2 ** (32 - length);
    return prefix >= length && Math.floor(first / size) === Math.floor((numberOf(start) ?? 0) / size);
  });
}
