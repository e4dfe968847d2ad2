import { ApiError, type RequestContext } from "@gantry/wire";
import { describe, expect, it } from "vitest";
import { paged, pagedBy, type PageWords } from "./paging.ts";

const WORDS: PageWords = {
  size: "MaxResults",
  token: "NextToken",
  next: "NextToken",
  most: 100,
  invalidToken: () => new ApiError("InvalidNextToken", "The token is not valid."),
};
const context = {} as RequestContext; // Not read by the operation below.

/** An operation over a list that the test changes between two pages. */
function listOf(names: string[]) {
  const { List } = paged(
    { List: () => ({ Items: names.map((Name) => ({ Name })) }) },
    { List: pagedBy(WORDS, "Name") },
  );
  return async (input: Record<string, unknown>) =>
    (await List?.(input, context)) as { Items: { Name: string }[]; NextToken?: string };
}

describe("a list that changes between two pages", () => {
  // Before: the token was a position, so that an item removed from the first page hid one of the second.
  it("loses no item when one of the previous page is removed", async () => {
    const names = ["a", "b", "c", "d"];
    const list = listOf(names);
    const first = await list({ MaxResults: 2 });
    names.shift();
    const second = await list({ MaxResults: 2, NextToken: first.NextToken });
    expect(second.Items.map((item) => item.Name)).toEqual(["c", "d"]);
  });

  // Before: the token was a position, so that an item added to the first page came a second time.
  it("repeats no item when one is added before it", async () => {
    const names = ["b", "c", "d"];
    const list = listOf(names);
    const first = await list({ MaxResults: 2 });
    names.unshift("a");
    const second = await list({ MaxResults: 2, NextToken: first.NextToken });
    expect(second.Items.map((item) => item.Name)).toEqual(["d"]);
  });

  it("continues after the last item of a page, even if that one is removed", async () => {
    const names = ["a", "b", "c", "d"];
    const list = listOf(names);
    const first = await list({ MaxResults: 2 });
    names.splice(1, 1);
    const second = await list({ MaxResults: 2, NextToken: first.NextToken });
    expect(second.Items.map((item) => item.Name)).toEqual(["c", "d"]);
    expect(second.NextToken).toBeUndefined();
  });

  it("refuses a token of another list", async () =>
    expect(listOf(["a"])({ NextToken: "nonsense" })).rejects.toMatchObject({ code: "InvalidNextToken" }));
});
