import { newWorld } from "@gantry/testkit";

// So many services of so many tasks each, on so many nodes, from nothing to steady state on virtual time; how
// long that took on the wall.
const [services = 50, each = 10, nodes = 1] = process.argv.slice(2).map(Number);
const times: number[] = [];
const world = newWorld({
  checked: false,
  onReconcile: (ms) => void times.push(ms),
  nodeCount: nodes === 3 ? 3 : 1,
  // Room is not what is measured.
  overcommit: { cpu: 1_000, memory: 1_000 },
});
const began = performance.now();
const cpuBegan = process.cpuUsage();
for (let index = 0; index < services; index += 1)
  world.createService({ desiredCount: each }, { name: `s${index}` });
while (world.store.list("taskSet").some((set) => set.stability !== "STEADY_STATE"))
  await world.clock.advance(500);
const seconds = (performance.now() - began) / 1_000;
const cpuSeconds = process.cpuUsage(cpuBegan).user / 1_000_000;
// What the burst threw away is given back a little later; what is kept is the answer.
for (let round = 0; round < 3; round += 1) {
  globalThis.gc?.();
  await new Promise((done) => setTimeout(done, 500));
}
const sorted = times.toSorted((a, b) => a - b);
process.stdout.write(
  `${JSON.stringify({ seconds, cpuSeconds, p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0, memoryMiB: process.memoryUsage().rss / 1024 ** 2, tasks: world.store.list("task").length })}\n`,
);
process.exit(0);
