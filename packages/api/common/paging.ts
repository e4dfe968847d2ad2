import { ApiError } from "@gantry/wire";

/** One page of a list and the token of the next. The token is the last key of the page, so it stays good while the list changes. */
export function page<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  options: { token: string | undefined; size: number; invalidToken: () => ApiError },
): { items: readonly T[]; nextToken: string | undefined } {
  let start = 0;
  if (options.token !== undefined) {
    const last = Buffer.from(options.token, "base64url").toString();
    if (Buffer.from(last).toString("base64url") !== options.token || last === "")
      throw options.invalidToken();
    start = items.findIndex((item) => keyOf(item) > last);
    if (start < 0) return { items: [], nextToken: undefined };
  }
  const some = items.slice(start, start + options.size);
  const last = some.at(-1);
  const more = start + options.size < items.length && last !== undefined;
  return { items: some, nextToken: more ? Buffer.from(keyOf(last)).toString("base64url") : undefined };
}
