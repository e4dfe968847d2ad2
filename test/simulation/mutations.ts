import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Mutation } from "./mutation.ts";
import { MUTATIONS } from "./mutation-list.ts";

// Seeds one bug after another in a copy of the sources, runs the simulation until an invariant is violated, and
// records which on the page. An argument chooses the bugs whose names contain it: the other rows stay as they are.
const ROOT = resolve(import.meta.dirname, "../..");
const PAGE = join(ROOT, "docs/simulation-net.md");
const SEEDS_MAX = 1_000;
const TIMEOUT_MS = 60 * 60_000;
const STUCK_MS = 2 * 60_000;
const RUNNER = `
import { writeSync } from "node:fs";
import { runCodeDeploySchedule, runSchedule } from "@gantry/testkit";
import { runGroupSchedule } from "@gantry/testkit/simulation/group-schedule";
process.on("uncaughtException", (thrown) => { console.log(JSON.stringify({ seed: 0, problem: "the process crashes: " + thrown.message })); process.exit(0); });
for (let seed = 1; seed <= ${SEEDS_MAX}; seed += 1) {
  for (const options of [{}, { staged: true }, { staged: true, pairs: 2 }, { nodeCount: 3 }]) {
    writeSync(1, JSON.stringify({ seed, at: Date.now() }) + "\\n");
    const { problems } = await runSchedule(seed, options);
    if (problems.length > 0) { console.log(JSON.stringify({ seed, problem: problems[0] })); process.exit(0); }
  }
  for (const run of [runCodeDeploySchedule, runGroupSchedule]) {
    const { problems } = await run(seed);
    if (problems.length > 0) { console.log(JSON.stringify({ seed, problem: problems[0] })); process.exit(0); }
  }
}
console.log(JSON.stringify({ seed: 0, problem: "" }));
process.exit(0);
`;
const folder = mkdtempSync(join(tmpdir(), "gantry-mutations-"));
try {
  copySources(folder);
  const wanted = process.argv[2] ?? "";
  const tried = new Map(
    MUTATIONS.filter(({ bug }) => bug.includes(wanted)).map((mutation) => [
      mutation.bug,
      row(mutation, tryOut(folder, mutation)),
    ]),
  );
  const before = readFileSync(PAGE, "utf8").split("\n");
  const rows = MUTATIONS.flatMap(
    ({ bug }) => tried.get(bug) ?? before.filter((line) => line.startsWith(`| ${bug} |`)),
  );
  writeFileSync(PAGE, page(rows, rows.filter(isMissed).length));
  const missed = [...tried.values()].filter(isMissed).length;
  process.stdout.write(`${tried.size - missed} passed, ${missed} failed\n`);
  process.exitCode = missed === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function isMissed(row: string): boolean {
  return row.endsWith("| — |");
}

/** The workspaces as files of their own; what they depend on as it lies here. */
function copySources(into: string): void {
  cpSync(join(ROOT, "packages"), join(into, "packages"), { recursive: true });
  cpSync(join(ROOT, "package.json"), join(into, "package.json"));
  const modules = join(into, "node_modules");
  mkdirSync(join(modules, "@gantry"), { recursive: true });
  for (const name of readdirSync(join(ROOT, "node_modules")))
    if (name !== "@gantry") symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  for (const name of readdirSync(join(into, "packages")))
    symlinkSync(join(into, "packages", name), join(modules, "@gantry", name));
  writeFileSync(join(into, "run.ts"), RUNNER);
}

function tryOut(into: string, mutation: Mutation): { seed: number; problem: string } {
  const path = join(into, mutation.file);
  const text = readFileSync(path, "utf8");
  if (text.split(mutation.from).length !== 2)
    throw new Error(`"${mutation.bug}": its place in ${mutation.file} is not there exactly once.`);
  writeFileSync(
    path,
    text.replace(mutation.from, () => mutation.to),
  );
  try {
    const { stdout } = spawnSync(process.execPath, [join(into, "run.ts")], {
      cwd: into,
      encoding: "utf8",
      timeout: TIMEOUT_MS,
      maxBuffer: 64 * 1024 ** 2,
    });
    const line = stdout.trim().split("\n").at(-1) ?? "{}";
    const said = JSON.parse(line) as { seed?: number; at?: number; problem?: string }; // The runner's own line.
    const { seed = 0, at = 0, problem } = said;
    if (problem !== undefined) return { seed, problem };
    // It was ended: stuck in one history, or out of time after many.
    return { seed, problem: Date.now() - at > STUCK_MS ? "the run does not end" : "" };
  } finally {
    writeFileSync(path, text);
  }
}

function row(mutation: Mutation, { seed, problem }: { seed: number; problem: string }): string {
  const invariant = problem.replace(/ \(.*$/s, "").slice(0, 80);
  const { directedTest } = mutation;
  const missed = directedTest === undefined ? "—" : `none; a directed test: ${directedTest}`;
  process.stdout.write(
    `${problem === "" ? "missed" : "caught"}: ` +
      `${mutation.bug}${problem === "" ? "" : ` — seed ${seed}: ${invariant}`}\n`,
  );
  return (
    `| ${mutation.bug} | \`${mutation.file.replace("packages/", "")}\` | ` +
    `${invariant === "" ? missed : invariant} | ${seed === 0 ? (problem === "" ? "—" : "1") : seed} |`
  );
}

function page(rows: readonly string[], missed: number): string {
  return `# What the simulation catches

The simulation (\`test/simulation\`) runs the whole control plane and the agents of one node or three on virtual time, over
fake engines, under faults: crashes before and after every write, lost, duplicated and reordered messages, slow and
failing engines, power cuts and clock changes. Its invariants (\`packages/testkit/simulation/invariants.ts\`,
\`traffic-invariants.ts\`, \`code-deploy-invariants.ts\`, \`group-invariants.ts\`) are checked at every change. Bugs
that only delay the platform, because every loop reads its whole state again periodically, are not listed. Each row is a
seeded bug, the invariant that found it, and the first seed of at most ${SEEDS_MAX} that did. \`node test/simulation/mutations.ts\` regenerates this page.

| seeded bug | file | violated invariant | seed |
| --- | --- | --- | --- |
${rows.join("\n")}

${rows.length} bugs, ${rows.length - missed} caught.
`;
}
