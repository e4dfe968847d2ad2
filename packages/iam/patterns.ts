/** One element of a pattern: a character code, or one of the two wildcards. */
type Place = number;
const ANY_RUN: Place = -1;
const ANY_ONE: Place = -2;

/**
 * A pattern with its variables substituted; the substituted values are literal. Undefined: a variable has no
 * value.
 */
export type Pattern = readonly Place[];

/** `*` matches any run of characters, `?` any one. */
export function glob(pattern: string, text: string): boolean {
  return matchesPattern(wildcards(pattern), text);
}

/** Whether the pattern matches the whole text. Linear in the text for each `*`. */
export function matchesPattern(pattern: Pattern, text: string): boolean {
  let [p, t, star, mark] = [0, 0, -1, 0];
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === ANY_RUN) [star, mark, p] = [p, t, p + 1];
    else if (p < pattern.length && (pattern[p] === ANY_ONE || pattern[p] === text.charCodeAt(t)))
      [p, t] = [p + 1, t + 1];
    else if (star >= 0) [p, mark, t] = [star + 1, mark + 1, mark + 1];
    else return false;
  }
  while (pattern[p] === ANY_RUN) p += 1;
  return p === pattern.length;
}

/**
 * Converts a policy's text into a pattern. `${key}` becomes the key's value and `${key, 'default'}` the
 * default where the key has no single value; `${*}`, `${?}` and `${$}` stand for the character. Values are
 * literal: a `*` in a tag is not a wildcard.
 * Undefined: a variable has neither a value nor a default. Source: IAM User Guide, "IAM policy elements:
 * Variables and tags".
 */
export function patternOf(
  text: string,
  valueOf: ((key: string) => string | undefined) | undefined,
): Pattern | undefined {
  if (valueOf === undefined || !text.includes("${")) return wildcards(text);
  const places: Place[] = [];
  for (const piece of piecesOf(text)) {
    if (piece.type === "text") {
      places.push(...wildcards(piece.text));
      continue;
    }
    const value = variableValue(piece.expression, valueOf);
    if (value === undefined) return undefined;
    places.push(...literal(value));
  }
  return places;
}

/**
 * Returns a policy's text with its variables substituted, for operators without wildcards. Undefined as in
 * patternOf.
 */
export function substituted(
  text: string,
  valueOf: ((key: string) => string | undefined) | undefined,
): string | undefined {
  if (valueOf === undefined || !text.includes("${")) return text;
  let result = "";
  for (const piece of piecesOf(text)) {
    const value = piece.type === "text" ? piece.text : variableValue(piece.expression, valueOf);
    if (value === undefined) return undefined;
    result += value;
  }
  return result;
}

/** Splits a pattern at its literal or written colons into at most `most` parts; the last takes the rest. */
export function splitPattern(pattern: Pattern, most: number): readonly Pattern[] {
  const parts: Place[][] = [[]];
  for (const place of pattern) {
    if (place === 58 && parts.length < most) parts.push([]);
    else parts.at(-1)?.push(place);
  }
  return parts;
}

/** The keys of a text's variables. */
export function variableKeys(text: string): readonly string[] {
  return [...text.matchAll(/\$\{([^},]*)[^}]*\}/g)]
    .map((match) => (match[1] ?? "").trim())
    .filter((key) => key !== "*" && key !== "?" && key !== "$");
}

type Piece =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "variable"; readonly expression: string };

function piecesOf(text: string): readonly Piece[] {
  return text
    .split(/(\$\{[^}]*\})/)
    .filter((part) => part !== "")
    .map((part) =>
      part.startsWith("${") && part.endsWith("}")
        ? { type: "variable", expression: part.slice(2, -1) }
        : { type: "text", text: part },
    );
}

function variableValue(expression: string, valueOf: (key: string) => string | undefined): string | undefined {
  if (expression === "*" || expression === "?" || expression === "$") return expression;
  const comma = expression.indexOf(",");
  const key = (comma < 0 ? expression : expression.slice(0, comma)).trim();
  const fallback = comma < 0 ? undefined : /^\s*'([^']*)'\s*$/.exec(expression.slice(comma + 1))?.[1];
  return valueOf(key) ?? fallback;
}

function literal(text: string): Pattern {
  return Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
}

const PATTERNS_MAX = 10_000;
const patterns = new Map<string, Pattern>();

/** Parsed once: the texts of the policies in use recur with every call. */
function wildcards(text: string): Pattern {
  const known = patterns.get(text);
  if (known !== undefined) return known;
  const pattern = literal(text).map((code) => (code === 42 ? ANY_RUN : code === 63 ? ANY_ONE : code));
  if (patterns.size >= PATTERNS_MAX) patterns.clear();
  patterns.set(text, pattern);
  return pattern;
}
