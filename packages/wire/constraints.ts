/** What AWS's model asks of a member besides its type. The sentences are those of AWS's generic validator. */
export interface Constraint {
  /** A regular expression that the whole text must fit, as AWS writes it. */
  readonly pattern?: string;
  /** Fewest and most characters, or elements of a list. */
  readonly shortest?: number;
  readonly longest?: number;
  /** Least and greatest value. */
  readonly least?: number;
  readonly most?: number;
  readonly oneOf?: readonly string[];
}

/** Constraints by member, of every operation that has it; `Operation.Member` where an operation has its own. */
export type Constraints = Readonly<Record<string, Constraint>>;

const patterns = new Map<string, RegExp>();

/** A sentence for each constraint that does not hold, in the order of the members. */
export function violations(operation: string, input: Readonly<Record<string, unknown>>, constraints: Constraints): readonly string[] {
  return Object.entries(input).flatMap(([member, value]) => {
    const constraint = constraints[`${operation}.${member}`] ?? constraints[member];
    if (constraint === undefined || value === undefined || value === null) return [];
    const where = `at '${member.charAt(0).toLowerCase()}${member.slice(1)}' failed to satisfy constraint: `;
    return breaches(value, constraint).map((breach) => `Value '${shown(value)}' ${where}${breach}`);
  });
}

function breaches(value: unknown, constraint: Constraint): readonly string[] {
  const { pattern, shortest, longest, least, most, oneOf } = constraint;
  const found: string[] = [];
  if (typeof value === "string" || Array.isArray(value)) {
    if (shortest !== undefined && value.length < shortest) found.push(`Member must have length greater than or equal to ${shortest}`);
    if (longest !== undefined && value.length > longest) found.push(`Member must have length less than or equal to ${longest}`);
  }
  if (typeof value === "string") {
    if (pattern !== undefined && !expressionOf(pattern).test(value)) found.push(`Member must satisfy regular expression pattern: ${pattern}`);
    if (oneOf !== undefined && !oneOf.includes(value)) found.push(`Member must satisfy enum value set: [${oneOf.join(", ")}]`);
  }
  if (typeof value === "number") {
    if (least !== undefined && value < least) found.push(`Member must have value greater than or equal to ${least}`);
    if (most !== undefined && value > most) found.push(`Member must have value less than or equal to ${most}`);
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
