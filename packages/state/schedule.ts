import { Cron } from "croner";

/** A parsed schedule of a scheduled action. */
export interface Schedule {
  /** The first occurrence after a time (ms since the epoch); undefined where there is none. */
  next(after: number): number | undefined;
}

const UNIT_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;
const AT = /^at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)$/;
const RATE = /^rate\(([1-9]\d{0,8}) (minute|hour|day)(s?)\)$/;
const CRON = /^cron\((.+)\)$/;
const CRON_FIELDS = 6;

/**
 * Parses `at(yyyy-mm-ddThh:mm:ss)`, `rate(VALUE UNIT)` and `cron(MINUTES HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK
 * YEAR)`; undefined for any other text. A rate counts from `startAt`. Days of the week are 1 (Sunday) to 7.
 * Croner parses the cron fields and handles time zones. Source: Application Auto Scaling User Guide,
 * "Schedule recurring scaling actions using cron and rate expressions".
 */
export function parseSchedule(
  text: string,
  { timezone = "UTC", startAt }: { readonly timezone?: string | undefined; readonly startAt: number },
): Schedule | undefined {
  if (!isTimezone(timezone)) return undefined;
  const rate = RATE.exec(text);
  if (rate !== null) {
    const [, count, unit = "minute", plural] = rate;
    if ((plural === "s") === (count === "1")) return undefined;
    const step = Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS]; // The expression knows no other unit.
    return { next: (after) => startAt + Math.max(1, Math.floor((after - startAt) / step) + 1) * step };
  }
  const at = AT.exec(text)?.[1];
  const fields = CRON.exec(text)?.[1];
  if (at !== undefined) return ofPattern(at, timezone);
  return fields === undefined || !hasAwsFields(fields) ? undefined : ofPattern(`0 ${fields}`, timezone);
}

/** Whether the text names a time zone of the IANA database. */
export function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** Six fields, and exactly one of the two fields for days is `?`. */
function hasAwsFields(text: string): boolean {
  const fields = text.split(" ");
  const [, , dayOfMonth, , dayOfWeek] = fields;
  const others = fields.filter((_, index) => index !== 2 && index !== 4);
  return (
    fields.length === CRON_FIELDS &&
    (dayOfMonth === "?") !== (dayOfWeek === "?") &&
    fields.every((field) => /^(?:\?|[\w*,/#-]+)$/.test(field)) &&
    !others.includes("?")
  );
}

function ofPattern(pattern: string, timezone: string): Schedule | undefined {
  try {
    const cron = new Cron(pattern, { timezone, alternativeWeekdays: true, sloppyRanges: true });
    return { next: (after) => cron.nextRun(new Date(after))?.getTime() };
  } catch {
    return undefined;
  }
}
