import { ApiError, type Handler, type Implementation, type ErrorCode } from "@gantry/wire";

/** The path of a member in an operation's input: names with dots between; lists add nothing. */
export type MemberPath<Input> = (keyof Input & string) | `${keyof Input & string}.${string}`;

type InputOf<Operation> = Operation extends (input: infer Input, ...rest: never[]) => unknown ? Input : never;
type InputsOf<Sdk> = {
  readonly [Name in keyof Implementation<Sdk>]-?: InputOf<NonNullable<Implementation<Sdk>[Name]>>;
};

/**
 * Members that each operation refuses, because they would have no effect. An entry with values refuses every
 * other value. `tools/members` writes the table into each SUPPORT.md.
 */
export type RefusedMembers<Sdk> = {
  readonly [Name in keyof InputsOf<Sdk>]?: readonly (
    | MemberPath<InputsOf<Sdk>[Name]>
    | readonly [MemberPath<InputsOf<Sdk>[Name]>, ...string[]]
  )[];
};

/** Members that each operation accepts without effect, or returns and does not act on, each with the reason. */
export type RecordedMembers<Sdk> = {
  readonly [Name in keyof InputsOf<Sdk>]?: { readonly [Path in MemberPath<InputsOf<Sdk>[Name]>]?: string };
};

type RefusedTable = Readonly<Record<string, readonly (string | readonly string[])[] | undefined>>;

/** `refusing` with the codes of one service. */
export type Refusing<Code extends ErrorCode> = (
  operations: Readonly<Record<string, unknown>>,
  table: RefusedTable,
  refusal: Code | ((path: string, operation: string) => ApiError),
) => Readonly<Record<string, Handler>>;

/** `unsupported` with the codes of one service. */
export type Unsupported<Code extends ErrorCode> = (code: Code, path: string, status?: number) => ApiError;

interface Refused {
  readonly path: string;
  readonly segments: readonly string[];
  readonly accepted: readonly unknown[];
}

/**
 * The operations, each refusing its members of the table. `refusal` makes the error, by default in the words
 * of `refuseMembers`.
 */
export function refusing(
  operations: Readonly<Record<string, unknown>>,
  table: RefusedTable,
  refusal: ErrorCode | ((path: string, operation: string) => ApiError),
): Readonly<Record<string, Handler>> {
  const errorOf = typeof refusal === "string" ? (path: string) => unsupported(refusal, path) : refusal;
  return Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => {
      const handler = operation as Handler; // Typed by Implementation where it is declared.
      const refused = (table[name] ?? []).map(toRefused);
      if (refused.length === 0) return [name, handler];
      const checked: Handler = (input, context) => {
        const found = refused.find(({ segments, accepted }) => isGiven(input, segments, accepted));
        if (found !== undefined) throw errorOf(found.path, name);
        return handler(input, context);
      };
      return [name, checked];
    }),
  );
}

/** The path of the first of the entries that the input has a value for; undefined where it has none. */
export function refusedMember(
  input: unknown,
  entries: readonly (string | readonly string[])[],
): string | undefined {
  return entries.map(toRefused).find(({ segments, accepted }) => isGiven(input, segments, accepted))?.path;
}

/** The error for a parameter that has no effect in Gantry. */
export function unsupported(code: ErrorCode, path: string, status?: number): ApiError {
  const message = `Gantry does not support the parameter ${path} yet: leave it out.`;
  return new ApiError(code, message, status === undefined ? {} : { status });
}

function toRefused(entry: string | readonly string[]): Refused {
  const [path = "", ...accepted] = typeof entry === "string" ? [entry] : entry;
  return { path, segments: path.split("."), accepted };
}

/** Whether the member has a value that asks for something: not `false`, 0, an empty list, or an accepted value. */
function isGiven(value: unknown, segments: readonly string[], accepted: readonly unknown[]): boolean {
  if (value === undefined || value === null || value === false || value === 0) return false;
  if (Array.isArray(value)) return value.some((each) => isGiven(each, segments, accepted));
  const [name, ...rest] = segments;
  if (name === undefined) return !accepted.includes(value);
  // Members are looked up by name.
  return typeof value === "object" && isGiven((value as Record<string, unknown>)[name], rest, accepted);
}
