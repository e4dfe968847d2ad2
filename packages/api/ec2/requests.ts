import { ApiError, type Handler } from "@gantry/wire";

const LEAST = 5;
const MOST = 1_000;

/**
 * What every EC2 operation does alike: a dry run ends once it is known to be allowed, a description comes page by page.
 * Source: EC2 API Reference, DryRun, MaxResults and NextToken.
 */
export function asRequests(operations: Readonly<Record<string, unknown>>): Readonly<Record<string, Handler>> {
  return Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => {
      const handler = operation as Handler; // Typed by Implementation where it is declared.
      return [
        name,
        async (input, context) => {
          if (input["DryRun"] === true)
            throw new ApiError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", { status: 412 });
          const output = (await handler(input, context)) as Record<string, unknown>; // As above.
          return name.startsWith("Describe") ? pageOf(output, input) : output;
        },
      ];
    }),
  );
}

function pageOf(output: Record<string, unknown>, input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { MaxResults: size, NextToken: token } = input;
  const list = Object.entries(output).find((entry): entry is [string, unknown[]] => Array.isArray(entry[1]));
  if (list === undefined || (size === undefined && token === undefined)) return output;
  if (typeof size === "number" && (size < LEAST || size > MOST))
    throw new ApiError(
      "InvalidParameterValue",
      `Value ( ${size} ) for parameter maxResults is invalid. Expecting a value ${size < LEAST ? `greater than ${LEAST}` : `less than ${MOST}`}.`,
    );
  const start = token === undefined ? 0 : startOf(String(token));
  const end = start + (typeof size === "number" ? size : MOST);
  const [name, items] = list;
  return { ...output, [name]: items.slice(start, end), NextToken: end < items.length ? tokenOf(end) : undefined };
}

function tokenOf(start: number): string {
  return Buffer.from(`ec2/${start}`).toString("base64url");
}

function startOf(token: string): number {
  const start = /^ec2\/(\d+)$/.exec(Buffer.from(token, "base64url").toString())?.[1];
  if (start === undefined) throw new ApiError("InvalidNextToken", "The specified NextToken is not valid.");
  return Number(start);
}
