import type { BalancerTransform } from "@gantry/agent-protocol";
import { bounded, quote } from "./conditions.ts";

/** Groups before those of the expression: what stands before the match, and the match. */
const OWN_GROUPS = 2;

/**
 * What a transform changes of the requests that `when` holds for. The proxy replaces a value as a whole, so that what
 * stands around the match is captured and put back. Source: HAProxy 2.6 manual, "http-request replace-pathq".
 */
export function renderTransform(
  { type, regex, replace }: BalancerTransform,
  when: string,
): readonly string[] {
  const whole = quote(bounded(`^(.*?)(${regex})(.*)$`));
  const rest = OWN_GROUPS + countGroups(regex) + 1;
  // What replaces the beginning of a path begins with a slash.
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

/** Capturing groups of an expression. */
export function countGroups(regex: string): number {
  return [...regex.replaceAll(/\\.|\[(?:\\.|[^\]\\])*\]/g, "").matchAll(/\((?!\?)/g)].length;
}

/** The proxy's references and signs for those of a replacement. */
function toReplacement(replace: string): string {
  return replace
    .replaceAll("\\", "\\\\")
    .replaceAll("%", "%%")
    .replaceAll(/\$(\d)/g, (_, group: string) => `\\${Number(group) + OWN_GROUPS}`);
}
