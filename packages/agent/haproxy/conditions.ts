import type { BalancerCondition } from "@gantry/agent-protocol";

/** A rule's condition as the proxy's tests: one of them has to hold. */
export function renderCondition(condition: BalancerCondition): readonly string[] {
  switch (condition.field) {
    case "host-header":
      return condition.values.map((value) => `req.hdr(host),host_only,lower ${matcher(value.toLowerCase())}`);
    case "path-pattern":
      return condition.values.map((value) => `path ${matcher(value)}`);
    case "http-request-method":
      // Compared as text: the proxy's own match reads a value that begins with a hyphen as an option.
      return condition.values.map((value) => `method -m str -- ${quote(value)}`);
    case "source-ip":
      return condition.values.map((value) => `src -- ${quote(value)}`);
    case "http-header":
      return condition.values.map(
        (value) => `${quote(`req.fhdr("${condition.header}"),lower`)} ${matcher(value.toLowerCase())}`,
      );
    case "query-string":
      return condition.pairs.map(({ key, value }) => {
        if (key !== undefined && /^[A-Za-z0-9_.~-]+$/.test(key))
          return `url_param(${key}),lower ${matcher(value.toLowerCase())}`;
        const source = key === undefined ? "[^=&]*=?" : `${globSource(key.toLowerCase())}=`;
        return `query,lower -m reg -- ${quote(`(^|&)${source}${globSource(value.toLowerCase())}(&|$)`)}`;
      });
  }
}

/** The cheapest match that means the same as the pattern: `*` any run, `?` any one character. */
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
 * HAProxy's strong quotes: nothing inside them is special but a line's end, which no quotes keep in. Control characters
 * are in no request that the proxy lets in, so that whatever stands for them matches as little.
 */
export function quote(text: string): string {
  return `'${withoutControls(text).replaceAll("'", `'\\''`)}'`;
}

export function withoutControls(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f]/g, "\ufffd");
}
