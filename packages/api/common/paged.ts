import type { ApiError, Handler } from "@gantry/wire";

/** How a service asks for its lists page by page. */
export interface PageWords {
  /** The members that say how much is wanted and where to go on, and the answer's that says where. */
  readonly size: string;
  readonly token: string;
  readonly next: string;
  /** How much a page holds unless less is asked for. */
  readonly most: number;
  readonly invalidToken: () => ApiError;
}

/**
 * The operations, those that have words answering their one list page by page. Where a list changes between two pages an entry
 * may come twice or not at all, as on AWS. Errors: `invalidToken`.
 */
export function paged(
  operations: Readonly<Record<string, unknown>>,
  wordsOf: (name: string) => PageWords | undefined,
): Readonly<Record<string, Handler>> {
  return Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => {
      const handler = operation as Handler; // Typed by Implementation where it is declared.
      const words = wordsOf(name);
      const answer: Handler =
        words === undefined
          ? handler
          : async (input, context) =>
              pageOf((await handler(input, context)) as Record<string, unknown>, input, words); // As above.
      return [name, answer];
    }),
  );
}

function pageOf(
  output: Record<string, unknown>,
  input: Readonly<Record<string, unknown>>,
  words: PageWords,
): Record<string, unknown> {
  const list = Object.entries(output).find((entry): entry is [string, unknown[]] => Array.isArray(entry[1]));
  const [asked, token] = [input[words.size], input[words.token]];
  // What needs no pages has none: EC2 answers all of a list whose size nobody says.
  if (list === undefined || (asked === undefined && token === undefined && list[1].length <= words.most))
    return output;
  const [name, items] = list;
  const start = token === undefined ? 0 : startOf(String(token), words);
  const end = start + (typeof asked === "number" ? asked : words.most);
  return {
    ...output,
    [name]: items.slice(start, end),
    [words.next]: end < items.length ? tokenOf(end) : undefined,
  };
}

function tokenOf(start: number): string {
  return Buffer.from(`page/${start}`).toString("base64url");
}

function startOf(token: string, words: PageWords): number {
  const start = /^page\/(\d+)$/.exec(Buffer.from(token, "base64url").toString())?.[1];
  if (start === undefined) throw words.invalidToken();
  return Number(start);
}
