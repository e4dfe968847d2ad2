/** A value in a row of a query. Times are numbers: ms since the epoch. */
export type InsightsValue = string | number | boolean | undefined;

export function isTrue(value: InsightsValue): boolean {
  return value === true || (typeof value === "number" && value !== 0) || value === "true";
}

export function textOf(value: InsightsValue): string {
  return value === undefined ? "" : String(value);
}

/** The order of two values: numbers by size, others as texts, and an absent value before all others. */
export function compareValues(a: InsightsValue, b: InsightsValue): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  const [x, y] = [toNumber(a), toNumber(b)];
  if (x !== undefined && y !== undefined) return x - y;
  const [s, t] = [textOf(a), textOf(b)];
  return s < t ? -1 : Number(s > t);
}

export function isEqual(a: InsightsValue, b: InsightsValue): boolean {
  return a !== undefined && b !== undefined && compareValues(a, b) === 0;
}

/** A number, or a text that is one. */
export function toNumber(value: InsightsValue): number | undefined {
  if (typeof value === "number") return value;
  if (value === undefined || typeof value === "boolean" || value.length > 40 || value.trim() === "")
    return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** What a computation makes of two numbers; undefined where one of them is none, or the result is not finite. */
export function numeric(
  a: InsightsValue,
  b: InsightsValue,
  work: (a: number, b: number) => number,
): number | undefined {
  const [x, y] = [toNumber(a), toNumber(b)];
  if (x === undefined || y === undefined) return undefined;
  const value = work(x, y);
  return Number.isFinite(value) ? value : undefined;
}
