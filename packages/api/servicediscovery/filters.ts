import { invalidInput } from "./lookups.ts";

/** A filter of a list, of any of the three kinds. */
export interface Filter {
  readonly Name: string | undefined;
  readonly Values: readonly string[] | undefined;
  readonly Condition?: string | undefined;
}

/**
 * Whether something passes all filters of a list. `conditions` says which conditions each filter knows, and
 * `valueOf` gives the value of a filter's name. Errors: InvalidInput.
 */
export function matches<Name extends string>(
  filters: readonly Filter[],
  conditions: Readonly<Record<Name, readonly string[]>>,
  valueOf: (name: Name) => string | undefined,
): boolean {
  return filters.every((filter) => {
    const name = filter.Name as Name; // Checked below.
    const allowed: readonly string[] | undefined = conditions[name];
    const condition = filter.Condition ?? "EQ";
    const values = filter.Values ?? [];
    if (allowed === undefined || !allowed.includes(condition))
      throw invalidInput(`The filter ${filter.Name} doesn't support the condition ${condition}.`);
    if (values.length === 0 || values.length !== (COUNTS[condition] ?? values.length))
      throw invalidInput(`The filter ${filter.Name} has the wrong number of values for ${condition}.`);
    const value = valueOf(name);
    return value !== undefined && fits(value, condition, values);
  });
}

const COUNTS: Readonly<Record<string, number | undefined>> = { EQ: 1, BEGINS_WITH: 1, BETWEEN: 2 };

function fits(value: string, condition: string, values: readonly string[]): boolean {
  if (condition === "BEGINS_WITH") return value.startsWith(values[0] ?? "");
  if (condition === "BETWEEN")
    return Number(value) >= Number(values[0]) && Number(value) <= Number(values[1]);
  return values.includes(value);
}
