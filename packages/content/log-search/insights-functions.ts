import { compareValues, numeric, textOf, toNumber, type InsightsValue } from "./insights-values.ts";

type Call = (values: readonly InsightsValue[]) => InsightsValue;

/** The longest text that a function looks at or makes, in UTF-16 code units: bounds the time of one call. */
const TEXT_MAX = 65_536;

/** The functions whose results are times, and are shown as such. */
export const TIME_FUNCTIONS = ["bin", "datefloor", "dateceil", "frommillis"];

/** The functions of queries, by their names in lower case. Source: CloudWatch Logs User Guide, "Functions". */
export const FUNCTIONS: ReadonlyMap<string, Call> = new Map<string, Call>(
  Object.entries({
    abs: math(Math.abs),
    ceil: math(Math.ceil),
    floor: math(Math.floor),
    sqrt: math(Math.sqrt),
    log: math(Math.log),
    greatest: (values) => values.reduce((a, b) => (compareValues(a, b) >= 0 ? a : b), undefined),
    least: (values) =>
      values.reduce((a, b) => (a !== undefined && compareValues(a, b) <= 0 ? a : b), undefined),
    tonumber: ([value]) => toNumber(value),
    bin: rounded(Math.floor),
    datefloor: rounded(Math.floor),
    dateceil: rounded(Math.ceil),
    tomillis: ([value]) => toNumber(value),
    frommillis: ([value]) => toNumber(value),
    strlen: text((value) => value.length),
    toupper: text((value) => value.toUpperCase()),
    upper: text((value) => value.toUpperCase()),
    tolower: text((value) => value.toLowerCase()),
    lower: text((value) => value.toLowerCase()),
    trim: text((value) => value.trim()),
    ltrim: text((value) => value.trimStart()),
    rtrim: text((value) => value.trimEnd()),
    isempty: ([value]) => value === undefined || value === "",
    isblank: ([value]) => value === undefined || clip(value).trim() === "",
    ispresent: ([value]) => value !== undefined,
    coalesce: (values) => values.find((value) => value !== undefined),
    concat: (values) => concatenated(values),
    strcontains: ([value, part]) => (clip(value).includes(clip(part)) ? 1 : 0),
    replace: ([value, part, other]) =>
      value === undefined ? undefined : replaced(clip(value), clip(part), clip(other)),
    substr: ([value, from, length]) => {
      if (value === undefined) return undefined;
      const start = Math.max(0, toNumber(from) ?? 0);
      return clip(value).slice(start, length === undefined ? undefined : start + (toNumber(length) ?? 0));
    },
  } satisfies Record<string, Call>),
);

function clip(value: InsightsValue): string {
  return textOf(value).slice(0, TEXT_MAX);
}

function text(work: (value: string) => InsightsValue): Call {
  return ([value]) => (value === undefined ? undefined : work(clip(value)));
}

function math(work: (value: number) => number): Call {
  return ([value]) => numeric(value, 0, (a) => work(a));
}

/** A time, rounded to a multiple of a period. */
function rounded(round: (value: number) => number): Call {
  return ([value, period]) => numeric(value, period, (a, b) => (b > 0 ? round(a / b) * b : a));
}

function concatenated(values: readonly InsightsValue[]): string {
  let result = "";
  for (const value of values) {
    if (result.length >= TEXT_MAX) break;
    result += clip(value);
  }
  return result.slice(0, TEXT_MAX);
}

/** Stops where the result is as long as a text may be: its size is otherwise the product of two lengths. */
function replaced(whole: string, part: string, other: string): string {
  if (part === "") return whole;
  let [result, from] = ["", 0];
  for (let at = whole.indexOf(part); at >= 0 && result.length < TEXT_MAX; at = whole.indexOf(part, from)) {
    result += whole.slice(from, at) + other;
    from = at + part.length;
  }
  return (result + whole.slice(from)).slice(0, TEXT_MAX);
}
