import { jsonPattern } from "./json-pattern.ts";
import { LinearRegex } from "./linear-regex.ts";
import { PatternError, type FieldLookup, type FilterPattern } from "./pattern-types.ts";
import { RegexError } from "./regex-syntax.ts";
import { spacePattern } from "./space-pattern.ts";

const NO_FIELDS: FieldLookup = () => undefined;

/**
 * Compiles a filter pattern: words that must all be there, `?word` of which one must, `-word` that must not,
 * "quoted phrases", `%regular expressions%`, `{ JSON }` and `[space, delimited]` patterns. Its time is linear
 * in a message's length.
 * Errors: PatternError.
 * Source: CloudWatch Logs User Guide, "Filter pattern syntax".
 */
export function compileFilterPattern(pattern: string): FilterPattern {
  const trimmed = pattern.trim();
  try {
    if (trimmed.startsWith("{")) return jsonPattern(trimmed);
    if (trimmed.startsWith("[")) return spacePattern(trimmed);
    return textPattern(trimmed);
  } catch (thrown) {
    if (thrown instanceof RegexError) throw new PatternError(thrown.message);
    throw thrown;
  }
}

type Term = { readonly sign: string; readonly isIn: (message: string) => boolean };

function textPattern(pattern: string): FilterPattern {
  const terms: Term[] = [
    ...pattern.matchAll(/([?-]?)(?:%((?:[^%\\]|\\.)+)%|"((?:[^"\\]|\\.)*)"|(\S+))/g),
  ].map(([, sign = "", regex, quoted, word = ""]) => {
    if (regex !== undefined) {
      const expression = new LinearRegex(regex);
      return { sign, isIn: (message) => expression.test(message) };
    }
    const text = (quoted ?? word).replace(/\\(.)/g, "$1");
    return { sign, isIn: (message) => message.includes(text) };
  });
  const of = (sign: string) => terms.filter((term) => term.sign === sign);
  const [all, none] = [of(""), of("-")];
  // Optional terms have no effect beside others. Source: as above, "Match terms with optional terms".
  const any = all.length + none.length > 0 ? [] : of("?");
  const matches = (message: string): boolean =>
    all.every((term) => term.isIn(message)) &&
    (any.length === 0 || any.some((term) => term.isIn(message))) &&
    !none.some((term) => term.isIn(message));
  return { type: "text", fields: [], match: (message) => (matches(message) ? NO_FIELDS : undefined) };
}
