import { ApiError, type Handler } from "@gantry/wire";

/** How a service asks for a page of a list. */
export interface PageWords {
  /** The input's members that say how many items are wanted and where to continue. */
  readonly size: string;
  readonly token: string;
  /** The output's member that says where to continue. */
  readonly next: string;
  /** How many items a page has where the input does not say. */
  readonly most: number;
  readonly invalidToken: () => ApiError;
}

/** An operation's list: the pages follow the ascending order of its items' keys. */
export interface PagedList extends PageWords {
  readonly keyOf: (
    item: Readonly<Record<string, unknown>>,
    input: Readonly<Record<string, unknown>>,
  ) => string;
}

/** The list of an operation whose items have their key in one member. */
export function pagedBy(words: PageWords, member: string): PagedList {
  return { ...words, keyOf: (item) => String(item[member]) };
}

/**
 * One page of a list and the token of the next page. `items` are in the order of their keys. The token holds
 * the last key of the page, so that it stays good while items come and go. Errors: `invalidToken`.
 */
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

/**
 * The operations, those named in `lists` answering page by page the one list that they have.
 * Errors: `invalidToken`.
 */
export function paged(
  operations: Readonly<Record<string, unknown>>,
  lists: Readonly<Record<string, PagedList>>,
): Readonly<Record<string, Handler>> {
  return Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => {
      const handler = operation as Handler; // Typed by Implementation where it is declared.
      const list = lists[name];
      const answer: Handler =
        list === undefined
          ? handler
          : async (input, context) =>
              pageOfOutput((await handler(input, context)) as Record<string, unknown>, input, list); // As above.
      return [name, answer];
    }),
  );
}

function pageOfOutput(
  output: Record<string, unknown>,
  input: Readonly<Record<string, unknown>>,
  list: PagedList,
): Record<string, unknown> {
  const entry = Object.entries(output).find(([, value]) => Array.isArray(value));
  const [asked, token] = [input[list.size], input[list.token]];
  if (entry === undefined) return output;
  // The array that was found; its items are structures.
  const [name, all] = entry as [string, Readonly<Record<string, unknown>>[]];
  // A list that fits one page has no token: EC2 answers the whole list where the input names no size.
  if (asked === undefined && token === undefined && all.length <= list.most) return output;
  const byKey = new Map(all.map((item) => [list.keyOf(item, input), item]));
  const keys = [...byKey.keys()].sort();
  const { items, nextToken } = page(keys, (key) => key, {
    token: token === undefined ? undefined : String(token),
    size: typeof asked === "number" ? asked : list.most,
    invalidToken: list.invalidToken,
  });
  return { ...output, [name]: items.map((key) => byKey.get(key)), [list.next]: nextToken };
}
