import { validation } from "./validation.ts";

/** Groups that a replacement can refer to: the proxy knows nine, three of which are its own. */
const GROUPS_MAX = 6;
const PRINTABLE = /^[\u0020-\u007e]+$/;
/** Verbs, callouts, recursion and conditions of PCRE; `(?:`, `(?=`, `(?!` and the flag `(?i)` are none of them. */
const SPECIAL = /\(\*|\(\?(?!:|=|!|i\))|\\[gkK]/;

/** An expression that the proxy can match, with a bounded number of groups. Errors: ValidationError. */
export function toRegex(text: string, lengthMax: number): string {
  const problem = problemOf(text, lengthMax);
  if (problem !== undefined) throw validation(`The regular expression '${text}' is not valid: ${problem}`);
  return text;
}

function problemOf(text: string, lengthMax: number): string | undefined {
  if (text.length > lengthMax) return `it can have ${lengthMax} characters at most`;
  if (!PRINTABLE.test(text)) return "it must have printable ASCII characters only";
  const plain = text.replaceAll(/\\[^gkK]|\[(?:\\.|[^\]\\])*\]/g, "");
  if (SPECIAL.test(plain)) return "named references, verbs, callouts and recursion are not supported";
  if ([...plain.matchAll(/\((?!\?)/g)].length > GROUPS_MAX) return `it can have ${GROUPS_MAX} groups at most`;
  try {
    new RegExp(text.replaceAll("(?i)", "")).test("");
  } catch {
    return "it cannot be parsed";
  }
  return undefined;
}
