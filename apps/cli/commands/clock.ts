import type { ClockStatus } from "@gantry/control-plane";
import { presentInstance } from "../platform.ts";
import { askControlPlane } from "../platform-status.ts";
import { UserError } from "../run.ts";
import type { Call } from "./command.ts";

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Shows or changes the platform's clock. */
export async function run({ folder, words, flag }: Call): Promise<number> {
  const status = (await askControlPlane(
    presentInstance(folder),
    "/gantry/clock",
    changeOf(words),
  )) as ClockStatus; // Our own control plane's answer.
  process.stdout.write(flag("json") ? `${JSON.stringify(status)}\n` : `${describeClock(status)}\n`);
  return 0;
}

/** Parses the requested change; undefined where the words only request the status. Errors: UserError. */
export function changeOf([what, amount, ...more]: readonly string[]): object | undefined {
  if (more.length > 0) throw new UserError('Name one change, such as "gantry clock advance 5m".');
  switch (what) {
    case undefined:
      return undefined;
    case "reset":
      if (amount !== undefined) throw new UserError('"gantry clock reset" takes no argument.');
      return { type: "reset" };
    case "speed": {
      const speed = Number(amount);
      if (amount === undefined || !Number.isFinite(speed) || amount.trim() === "")
        throw new UserError('Give the factor: "gantry clock speed 60" makes a minute pass in a second.');
      return { type: "speed", speed };
    }
    case "advance":
      return { type: "advance", byMs: durationMs(amount) };
    default:
      throw new UserError(`There is no "gantry clock ${what}": use advance, speed or reset.`);
  }
}

/** Parses a duration such as 90s, 5m, 1h30m or 2d into milliseconds. Errors: UserError. */
function durationMs(text: string | undefined): number {
  if (text === undefined || !/^(\d+[smhd])+$/.test(text))
    throw new UserError('Give a time such as 90s, 5m, 1h30m or 2d: "gantry clock advance 5m".');
  return [...text.matchAll(/(\d+)([smhd])/g)].reduce(
    (sum, [, count, unit = ""]) => sum + Number(count) * (UNIT_MS[unit] ?? 0),
    0,
  );
}

/** Whether the clock shows real time and runs at real speed. */
export function isReal({ aheadMs, speed }: ClockStatus): boolean {
  return aheadMs === 0 && speed === 1;
}

/** Describes the clock in one line. */
export function describeClock(status: ClockStatus): string {
  const shown = new Date(status.now).toISOString();
  if (isReal(status)) return `${shown}, real time`;
  const speed = status.speed === 1 ? "" : `, ${status.speed} × as fast as real time`;
  const ahead = status.aheadMs === 0 ? "" : `, ${duration(status.aheadMs)} ahead of real time`;
  const until =
    status.realAgainAt === undefined
      ? ""
      : `; real again at ${new Date(status.realAgainAt).toISOString()}, in ` +
        duration(status.realAgainAt - status.real);
  return `${shown}${ahead}${speed}${until}`;
}

/** Formats a duration in its two largest units: 1d 2h, 5m 3s, 4s. */
function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ");
}
