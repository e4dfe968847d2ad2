import { runSchedule } from "@gantry/testkit";

// Histories from seeds that nobody has tried, for so many milliseconds; says where it is, and shows each that fails.
const REPORT_EVERY = 2_000;
const [durationMs = 60_000, first = Math.floor(performance.timeOrigin / 1000) * 1_000] = process.argv
  .slice(2)
  .map(Number);
let failed = 0;
let seed = first;
process.stdout.write(`Histories from seed ${first} on\n`);
while (performance.now() < durationMs) {
  const { trace, problems } = await runSchedule(seed);
  if (problems.length > 0) {
    failed += 1;
    process.stdout.write(
      `Seed ${seed} failed; commit it in test/simulation/schedules.test.ts once it is mended:\n` +
        `${[...trace, ...problems].join("\n")}\n`,
    );
  }
  seed += 1;
  if ((seed - first) % REPORT_EVERY === 0)
    process.stdout.write(`… ${seed - first} histories, up to seed ${seed - 1}, ${failed} failed\n`);
}
process.stdout.write(
  `${seed - first} histories, seeds ${first} to ${seed - 1}\n${seed - first - failed} passed, ${failed} failed\n`,
);
process.exit(failed === 0 ? 0 : 1);
