import type { ToControlPlane } from "@gantry/agent-protocol";
import { jsonLogger, VirtualClock } from "@gantry/kernel";
import { expect, it } from "vitest";
import { EngineProbe, ENGINE_DEADLINE_MS } from "./engine-probe.ts";

function newProbe(probe: (label: string, turn: number) => Promise<void>) {
  const clock = new VirtualClock();
  const reports: ToControlPlane[] = [];
  const retries: number[] = [];
  const log = jsonLogger({ clock, write: () => {}, level: "info" });
  const engineProbe = new EngineProbe({
    engine: { probe },
    label: "gantry.instance=x",
    clock,
    log,
    report: (report) => reports.push(report),
    answersAgain: () => retries.push(clock.now()),
  });
  engineProbe.start();
  return { clock, reports, retries, start: clock.now() };
}

it("reports an engine that hangs since its last answer, and its recovery", async () => {
  // Regression: nothing detected that every inspect hung; `gantry status` said "up" and `gantry doctor` "ok".
  let waiting: (() => void) | undefined;
  let hangs = false;
  const { clock, reports, retries, start } = newProbe(() =>
    hangs ? new Promise((done) => (waiting = done)) : Promise.resolve(),
  );
  await clock.advance(12_000);
  expect(reports).toEqual([]);
  hangs = true;
  await clock.advance(2 * ENGINE_DEADLINE_MS);
  expect(reports).toEqual([{ type: "engine", answers: false, since: start + 10_000 }]);
  hangs = false;
  waiting?.();
  await clock.advance(10);
  expect(reports).toMatchObject([{ answers: false }, { answers: true }]);
  // Regression: work that had failed in the meantime waited for its back-off of up to 30 s.
  expect(retries).toHaveLength(1);
});

it("reports an engine that refuses calls for longer than a restart takes, and nothing for a restart", async () => {
  let fails = true;
  const { clock, reports } = newProbe(() =>
    fails ? Promise.reject(new Error("connect ECONNREFUSED")) : Promise.resolve(),
  );
  await clock.advance(8_000);
  fails = false;
  await clock.advance(20_000);
  expect(reports).toEqual([]);
  fails = true;
  await clock.advance(30_000);
  expect(reports).toMatchObject([{ answers: false }]);
});
