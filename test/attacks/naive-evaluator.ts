/**
 * A second evaluation of policies, for tests only: written from the IAM User Guide ("How AWS enforcement code logic
 * evaluates requests", "Condition operators", "Set operators") without the platform's code, slow and literal.
 */
export interface NaiveStatement {
  readonly Effect: "Allow" | "Deny";
  readonly Action?: string | readonly string[];
  readonly NotAction?: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly NotResource?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

export interface NaiveRequest {
  readonly action: string;
  readonly resource: string;
  /** By the keys' spelling in lower case. */
  readonly context: Readonly<Record<string, readonly string[]>>;
}

/** Explicit deny, then boundary, session policies and identity policies each need an allow. */
export function naivelyAllows(
  policies: {
    readonly identity: readonly NaiveStatement[];
    readonly boundary?: readonly NaiveStatement[] | undefined;
    readonly session?: readonly NaiveStatement[] | undefined;
  },
  request: NaiveRequest,
): boolean {
  const sets = [policies.identity, policies.boundary, policies.session].filter((set) => set !== undefined);
  const matching = (effect: string, set: readonly NaiveStatement[]) =>
    set.filter((statement) => statement.Effect === effect && matches(statement, request));
  if (sets.some((set) => matching("Deny", set).length > 0)) return false;
  return sets.every((set) => matching("Allow", set).length > 0);
}

function matches(statement: NaiveStatement, request: NaiveRequest): boolean {
  const action = (pattern: string) => expression(pattern, "i").test(request.action);
  if (statement.Action !== undefined && !list(statement.Action).some(action)) return false;
  if (statement.NotAction !== undefined && list(statement.NotAction).some(action)) return false;
  const resource = (pattern: string) => filled(pattern, request)?.test(request.resource) === true;
  if (statement.Resource !== undefined && !list(statement.Resource).some(resource)) return false;
  if (statement.NotResource !== undefined) {
    const isOpen = list(statement.NotResource).some((pattern) => filled(pattern, request) === undefined);
    if (isOpen && statement.Effect === "Allow") return false;
    if (list(statement.NotResource).some(resource)) return false;
  }
  return Object.entries(statement.Condition ?? {}).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) => holds(operator, key, list(wanted), request)),
  );
}

function holds(operator: string, key: string, wanted: readonly string[], request: NaiveRequest): boolean {
  const present = request.context[key.toLowerCase()] ?? [];
  if (operator === "Null") return wanted.some((each) => each === String(present.length === 0));
  if (operator.endsWith("IfExists")) {
    if (present.length === 0) return true;
    return holds(operator.slice(0, -"IfExists".length), key, wanted, request);
  }
  if (operator.startsWith("ForAllValues:")) {
    const plain = operator.slice("ForAllValues:".length);
    return present.every((value) => single(plain, value, wanted, request));
  }
  if (operator.startsWith("ForAnyValue:")) {
    const plain = operator.slice("ForAnyValue:".length);
    return present.some((value) => single(plain, value, wanted, request));
  }
  const isNegated = operator.includes("Not");
  if (present.length === 0) return isNegated;
  return isNegated
    ? present.every((value) => single(operator, value, wanted, request))
    : present.some((value) => single(operator, value, wanted, request));
}

/** One value against all of the policy's: any may match, and none for a negated operator. */
function single(operator: string, value: string, wanted: readonly string[], request: NaiveRequest): boolean {
  if (operator.includes("Not")) return !single(operator.replace("Not", ""), value, wanted, request);
  return wanted.some((each) => {
    switch (operator) {
      case "StringEquals":
        return text(each, request) === value;
      case "StringEqualsIgnoreCase":
        return text(each, request)?.toUpperCase() === value.toUpperCase();
      case "StringLike":
        return filled(each, request)?.test(value) === true;
      case "NumericLessThan":
        return Number.parseFloat(value) < Number.parseFloat(each);
      case "NumericEquals":
        return Number.parseFloat(value) === Number.parseFloat(each);
      case "Bool":
        return value === each;
      case "IpAddress":
        return inBlock(value, each);
      default:
        throw new Error(`The test does not know ${operator}.`);
    }
  });
}

/** Bits compared one by one. */
function inBlock(address: string, block: string): boolean {
  const [base = "", length = "32"] = block.split("/");
  const bits = (ip: string) =>
    ip
      .split(".")
      .map((byte) => Number(byte).toString(2).padStart(8, "0"))
      .join("");
  return bits(address).slice(0, Number(length)) === bits(base).slice(0, Number(length));
}

function text(pattern: string, request: NaiveRequest): string | undefined {
  let isMissing = false;
  const result = pattern.replace(/\$\{([^}]*)\}/g, (_, key: string) => {
    const values = request.context[key.toLowerCase()] ?? [];
    if (values.length !== 1) isMissing = true;
    return values[0] ?? "";
  });
  return isMissing ? undefined : result;
}

function filled(pattern: string, request: NaiveRequest): RegExp | undefined {
  let isMissing = false;
  const source = pattern
    .split(/(\$\{[^}]*\})/)
    .map((piece) => {
      if (!piece.startsWith("${")) return wildcard(piece);
      const values = request.context[piece.slice(2, -1).toLowerCase()] ?? [];
      if (values.length !== 1) isMissing = true;
      return escaped(values[0] ?? "");
    })
    .join("");
  return isMissing ? undefined : new RegExp(`^${source}$`, "s");
}

function expression(pattern: string, flags: string): RegExp {
  return new RegExp(`^${wildcard(pattern)}$`, `s${flags}`);
}

function wildcard(pattern: string): string {
  return escaped(pattern).replaceAll("\\*", ".*").replaceAll("\\?", ".");
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

function list(value: string | readonly string[]): readonly string[] {
  return typeof value === "string" ? [value] : value;
}
