/**
 * Constraints of AWS's model on a member besides its type. The messages are those of AWS's generic validator.
 */
export interface Constraint {
  /** A regular expression that the whole text must match, as AWS writes it. */
  readonly pattern?: string;
  /** Fewest and most characters, or elements of a list. */
  readonly shortest?: number;
  readonly longest?: number;
  /** Least and greatest value. */
  readonly least?: number;
  readonly most?: number;
  readonly oneOf?: readonly string[];
  /** The constraint on every element of a list. */
  readonly each?: Constraint;
}

/**
 * Constraints by member, for every operation that has it; `Operation.Member` if an operation has its own, and
 * `Member/Member` for nested members of structures and lists.
 */
export type Constraints = Readonly<Record<string, Constraint>>;

const patterns = new Map<string, RegExp>();

/** A message for each violated constraint, in the order of the members. */
export function violations(
  operation: string,
  input: Readonly<Record<string, unknown>>,
  constraints: Constraints,
): readonly string[] {
  const shallow: string[] = [];
  const nested: string[] = [];
  for (const member of Object.keys(input)) {
    const { own, deep } = constraintsOf(constraints, operation, member);
    if (own !== undefined) shallow.push(...sentences(lowerFirst(member), input[member], own));
    for (const { members, constraint } of deep)
      for (const { path, value } of valuesAt(input, members))
        nested.push(...sentences(path, value, constraint));
  }
  return [...shallow, ...nested];
}

/** The constraints on a member of an operation's input: on itself, and on what is nested in it. */
interface MemberConstraints {
  readonly own: Constraint | undefined;
  readonly deep: readonly Deep[];
}
const ofOperations = new WeakMap<Constraints, Map<string, Map<string, MemberConstraints>>>();

/** They are looked up once: the names of members are those of the model. */
function constraintsOf(constraints: Constraints, operation: string, member: string): MemberConstraints {
  let operations = ofOperations.get(constraints);
  if (operations === undefined) ofOperations.set(constraints, (operations = new Map()));
  let members = operations.get(operation);
  if (members === undefined) operations.set(operation, (members = new Map()));
  let found = members.get(member);
  if (found === undefined) {
    const own = constraints[`${operation}.${member}`] ?? constraints[member];
    members.set(member, (found = { own, deep: deepOnes(constraints).get(member) ?? [] }));
  }
  return found;
}

function sentences(path: string, value: unknown, constraint: Constraint): readonly string[] {
  if (value === undefined || value === null) return [];
  return breaches(value, constraint).map(
    (breach) => `Value '${shown(value)}' at '${path}' failed to satisfy constraint: ${breach}`,
  );
}

interface Deep {
  readonly members: readonly string[];
  readonly constraint: Constraint;
}
const deepOf = new WeakMap<Constraints, ReadonlyMap<string, readonly Deep[]>>();

/** The constraints on nested members, by the member of the input that they are in. */
function deepOnes(constraints: Constraints): ReadonlyMap<string, readonly Deep[]> {
  let known = deepOf.get(constraints);
  if (known === undefined) {
    const entries = Object.entries(constraints).filter(([name]) => name.includes("/"));
    const deep = entries.map(([name, constraint]) => ({ members: name.split("/"), constraint }));
    deepOf.set(constraints, (known = Map.groupBy(deep, ({ members: [first = ""] }) => first)));
  }
  return known;
}

/** The values at a path, each with its location in AWS's spelling: `containerDefinitions.1.member.name`. */
function valuesAt(
  input: unknown,
  members: readonly string[],
  path = "",
): readonly { path: string; value: unknown }[] {
  const [member, ...rest] = members;
  if (member === undefined) return [{ path, value: input }];
  if (Array.isArray(input))
    return input.flatMap((element, index) => valuesAt(element, members, `${path}.${index + 1}.member`));
  if (typeof input !== "object" || input === null) return [];
  const inner = (input as Record<string, unknown>)[member]; // A structure's members.
  return inner === undefined || inner === null
    ? []
    : valuesAt(inner, rest, path === "" ? lowerFirst(member) : `${path}.${lowerFirst(member)}`);
}

function lowerFirst(member: string): string {
  return member.charAt(0).toLowerCase() + member.slice(1);
}

function breaches(value: unknown, constraint: Constraint): readonly string[] {
  const { pattern, shortest, longest, least, most, oneOf, each } = constraint;
  const found: string[] = [];
  if (each !== undefined && Array.isArray(value)) {
    const inner = new Set(value.flatMap((element) => breaches(element, each)));
    if (inner.size > 0) found.push(`Member must satisfy constraint: [${[...inner].join(", ")}]`);
  }
  if (typeof value === "string" || Array.isArray(value)) {
    if (shortest !== undefined && value.length < shortest)
      found.push(`Member must have length greater than or equal to ${shortest}`);
    if (longest !== undefined && value.length > longest)
      found.push(`Member must have length less than or equal to ${longest}`);
  }
  if (typeof value === "string") {
    if (pattern !== undefined && !expressionOf(pattern).test(value))
      found.push(`Member must satisfy regular expression pattern: ${pattern}`);
    if (oneOf !== undefined && !oneOf.includes(value))
      found.push(`Member must satisfy enum value set: [${oneOf.join(", ")}]`);
  }
  if (typeof value === "number") {
    if (least !== undefined && value < least)
      found.push(`Member must have value greater than or equal to ${least}`);
    if (most !== undefined && value > most)
      found.push(`Member must have value less than or equal to ${most}`);
  }
  return found;
}

function shown(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(String).join(", ")}]` : String(value);
}

function expressionOf(pattern: string): RegExp {
  let expression = patterns.get(pattern);
  if (expression === undefined) patterns.set(pattern, (expression = new RegExp(`^(?:${pattern})$`, "su")));
  return expression;
}
