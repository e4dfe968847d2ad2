import { ApiError, type Handler } from "@gantry/wire";
import { paged, type PageWords } from "../common/paged.ts";

const LEAST = 5;
const MOST = 1_000;
const WORDS: PageWords = {
  size: "MaxResults",
  token: "NextToken",
  next: "NextToken",
  most: Infinity,
  invalidToken: () => new ApiError("InvalidNextToken", "The specified NextToken is not valid."),
};

/**
 * What every EC2 operation does alike: a dry run ends once it is known to be allowed, a description comes page by page.
 * Source: EC2 API Reference, DryRun, MaxResults and NextToken.
 */
export function asRequests(operations: Readonly<Record<string, unknown>>): Readonly<Record<string, Handler>> {
  const pages = paged(operations, (name) => (name.startsWith("Describe") ? WORDS : undefined));
  return Object.fromEntries(
    Object.entries(pages).map(([name, handler]) => {
      const request: Handler = (input, context) => {
        if (input["DryRun"] === true)
          throw new ApiError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", {
            status: 412,
          });
        const size = input["MaxResults"];
        if (typeof size === "number" && (size < LEAST || size > MOST))
          throw new ApiError(
            "InvalidParameterValue",
            `Value ( ${size} ) for parameter maxResults is invalid. Expecting a value ${size < LEAST ? `greater than ${LEAST}` : `less than ${MOST}`}.`,
          );
        return handler(input, context);
      };
      return [name, request];
    }),
  );
}
