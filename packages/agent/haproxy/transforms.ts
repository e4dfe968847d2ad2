import type { BalancerTransform } from "@gantry/agent-protocol";
import { bounded, quote } from "./conditions.ts";

/** The groups that precede those of the expression: the text before the match, and the match. */
const OWN_GROUPS = 2;

/**
 * Renders a transform of the requests that `when` selects. The proxy replaces a value as a whole, so the text
 * around the match is captured and restored. Source: HAProxy 2.6 manual, "http-request replace-pathq".
 */
export function renderTransform(
  { type, regex, replace }: BalancerTransform,
  when: string,
): readonly string[] {
  const whole = quote(bounded(`^(.*?)(${regex})(.*)$`));
  const rest = OWN_GROUPS + countGroups(regex) + 1;
  // A replacement of the beginning of a path begins with a slash.
  const slash = type === "url-rewrite" && regex.startsWith("^") && !/^[/$]/.test(replace) ? "/" : "";
  const result = quote(`\\1${slash}${toReplacement(replace)}\\${rest}`);
  switch (type) {
    case "host-header-rewrite":
      return [`  http-request replace-header Host ${whole} ${result} if ${when}`];
    case "url-rewrite":
      return [
        `  http-request replace-pathq ${whole} ${result} if ${when}`,
        `  http-request return status 400 if ${when} !{ path -m beg / }`,
      ];
  }
}

/** Counts the capturing groups of an expression. */
export function countGroups(regex: string): number {
  return [...regex.replaceAll(/\\.|\[(?:\\.|[^\]\\])*\]/g, "").matchAll(/\((?!\?)/g)].length;
}

/** Converts a replacement's references and special characters to those of the proxy. */
function toReplacement(replace: string): string {
  return replace
    .replaceAll("\\", "\\\\")
    .replaceAll("%", "%%")
    .replaceAll(/\$(\d)/g, (_, group: string) => `\\${Number(group) + OWN_GROUPS}`);
}
