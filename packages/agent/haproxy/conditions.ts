import type { BalancerCondition } from "@gantry/agent-protocol";

/** The step limit of a match: about a millisecond. */
const MATCH_STEPS_MAX = 50_000;

/** Renders a rule's condition as tests of the proxy, of which one must hold. */
export function renderCondition(condition: BalancerCondition): readonly string[] {
  switch (condition.field) {
    case "host-header":
      return [
        ...condition.values.map((value) => `req.hdr(host),host_only,lower ${matcher(value.toLowerCase())}`),
        ...regexes(condition, "req.hdr(host),host_only", "-i "),
      ];
    case "path-pattern":
      return [...condition.values.map((value) => `path ${matcher(value)}`), ...regexes(condition, "path")];
    case "http-request-method":
      // Values are compared as text: the proxy's own match parses a value that begins with a hyphen as an
      // option.
      return condition.values.map((value) => `method -m str -- ${quote(value)}`);
    case "source-ip":
      return condition.values.map((value) => `src -- ${quote(value)}`);
    case "http-header":
      return [
        ...condition.values.map(
          (value) => `${quote(`req.fhdr("${condition.header}"),lower`)} ${matcher(value.toLowerCase())}`,
        ),
        ...regexes(condition, quote(`req.fhdr("${condition.header}")`)),
      ];
    case "query-string":
      return condition.pairs.map(({ key, value }) => {
        if (key !== undefined && /^[A-Za-z0-9_.~-]+$/.test(key))
          return `url_param(${key}),lower ${matcher(value.toLowerCase())}`;
        const source = key === undefined ? "[^=&]*=?" : `${globSource(key.toLowerCase())}=`;
        return `query,lower -m reg -- ${quote(`(^|&)${source}${globSource(value.toLowerCase())}(&|$)`)}`;
      });
  }
}

function regexes(
  { regexValues = [] }: { readonly regexValues?: readonly string[] | undefined },
  sample: string,
  flags = "",
): readonly string[] {
  return regexValues.map((regex) => `${sample} ${flags}-m reg -- ${quote(bounded(`(?:${regex})`))}`);
}

/**
 * Limits the number of matching steps of an expression, because all load balancers of a node share the
 * proxy's threads. Source: PCRE2, pcre2pattern, "Setting match resource limits".
 */
export function bounded(regex: string): string {
  return `(*LIMIT_MATCH=${MATCH_STEPS_MAX})${regex}`;
}

/**
 * Selects the cheapest match that is equivalent to the pattern: `*` matches any run, `?` any one character.
 */
export function matcher(pattern: string): string {
  const wild = /[*?]/.test(pattern);
  if (!wild) return `-m str -- ${quote(pattern)}`;
  if (/^[^*?]*\*$/.test(pattern))
    return pattern === "*" ? "-m found" : `-m beg -- ${quote(pattern.slice(0, -1))}`;
  if (/^\*[^*?]*$/.test(pattern)) return `-m end -- ${quote(pattern.slice(1))}`;
  return `-m reg -- ${quote(`^${globSource(pattern)}$`)}`;
}

function globSource(pattern: string): string {
  return pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
}

/**
 * Renders text in HAProxy's strong quotes: nothing inside them is special except a line end, which quotes
 * cannot contain. The proxy admits no request with control characters, so their replacement matches nothing
 * either.
 */
export function quote(text: string): string {
  return `'${withoutControls(text).replaceAll("'", `'\\''`)}'`;
}

export function withoutControls(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f]/g, "\ufffd");
}
