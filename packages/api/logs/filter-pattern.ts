import { ApiError } from "@gantry/wire";

/**
 * The unstructured filter patterns: words that must all be there, `?word` of which one must, `-word` that must not,
 * "quoted phrases", `%regular expressions%`. JSON and space-delimited patterns are refused.
 * Source: "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail".
 */
export function matchesFilter(pattern: string): (message: string) => boolean {
  const trimmed = pattern.trim();
  if (trimmed === "") return () => true;
  if (trimmed.startsWith("{") || trimmed.startsWith("["))
    throw new ApiError(
      "InvalidParameterException",
      'Gantry supports unstructured filter patterns so far: words, ?words, -words, "phrases" and %regular expressions%.',
    );
  if (/^%.+%$/.test(trimmed)) return regular(trimmed.slice(1, -1));
  const terms = [...trimmed.matchAll(/([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))/g)].map((match) => ({
    sign: match[1] ?? "",
    text: (match[2] ?? match[3] ?? "").replace(/\\(.)/g, "$1"),
  }));
  const [all, any, none] = [
    terms.filter((term) => term.sign === ""),
    terms.filter((term) => term.sign === "?"),
    terms.filter((term) => term.sign === "-"),
  ];
  return (message) =>
    all.every((term) => message.includes(term.text)) &&
    (any.length === 0 || any.some((term) => message.includes(term.text))) &&
    !none.some((term) => message.includes(term.text));
}

function regular(source: string): (message: string) => boolean {
  try {
    const expression = new RegExp(source);
    return (message) => expression.test(message);
  } catch {
    throw new ApiError(
      "InvalidParameterException",
      `Invalid regular expression in the filter pattern: ${source}`,
    );
  }
}
