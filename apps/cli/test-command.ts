import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureDocker } from "./docker.ts";
import { PROJECT, type PlatformDeps } from "./project.ts";
import { run, runVisibly, succeeds, UserError } from "./run.ts";

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const CHECKS: readonly { readonly name: string; readonly script: string }[] = [
  { name: "types", script: "types" },
  { name: "lint", script: "lint" },
  { name: "format", script: "format" },
  { name: "dead code", script: "dead-code" },
];

/**
 * Sets up the prerequisites of the tests, then runs all checks and tests, the fast ones first. The last line
 * of output is the counts.
 */
export async function runTests(deps: PlatformDeps): Promise<number> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const check of CHECKS) {
    const ok = await deps.progress.step(
      `Checking ${check.name}`,
      async () => (await runVisibly("npm", ["run", "--silent", check.script], { cwd: PROJECT })) === 0,
    );
    if (ok) counts.passed += 1;
    else counts.failed += 1;
  }
  await ensureDocker(deps);
  await ensureBrowser(deps);
  // The client tests, Terraform above all, mostly wait, so the other tests use the processors in the
  // meantime.
  const clients = runProject("clients");
  add(counts, await runProject("unit"));
  add(counts, await runProject("simulation"));
  add(counts, await runProject("docker"));
  add(counts, await clients);
  // Tests with an instance of their own wait for starts and restarts, beside those that share one, and others
  // wait for the ends of minutes.
  const beside = [runProject("instances"), runProject("waiting")];
  add(counts, await runProject("e2e"));
  for (const project of beside) add(counts, await project);
  add(counts, await runProject("machine"));
  process.stdout.write(
    `\n${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ""}\n`,
  );
  return counts.failed === 0 ? 0 : 1;
}

/**
 * Runs simulations from new seeds for a duration ("90s", "10m", "2h") and prints its seeds. Errors: UserError
 * where the duration has another form.
 */
export async function runSoak(duration: string): Promise<number> {
  const match = /^(\d+)(s|m|h)$/.exec(duration);
  if (match === null)
    throw new UserError(`--soak takes a duration such as 90s, 10m or 2h, not "${duration}".`);
  const unit = { s: 1_000, m: 60_000, h: 3_600_000 }[match[2] ?? "s"] ?? 1_000;
  return runVisibly(process.execPath, ["test/simulation/soak.ts", String(Number(match[1]) * unit)], {
    cwd: PROJECT,
  });
}

function add(sum: { passed: number; failed: number; skipped: number }, counts: Counts): void {
  sum.passed += counts.passed;
  sum.failed += counts.failed;
  sum.skipped += counts.skipped;
}

/** A run that ends before it reports counts is one failure. */
async function runProject(project: string): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-test-"));
  const file = join(folder, "counts.json");
  try {
    const status = await runVisibly("npx", ["vitest", "run", "--project", project], {
      cwd: PROJECT,
      env: { ...process.env, GANTRY_TEST_COUNTS: file },
    });
    const counts = JSON.parse(readFileSync(file, "utf8")) as Counts; // Our reporter wrote it.
    return status !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Installs Chromium and the load generator from Debian's packages, where this is permitted; tests that lack
 * them report so.
 */
async function ensureBrowser(deps: PlatformDeps): Promise<void> {
  const missing: string[] = [];
  if (!(await succeeds("sh", ["-c", "command -v chromium"]))) missing.push("chromium");
  if (!(await succeeds("sh", ["-c", "command -v curl"]))) missing.push("curl");
  if (
    missing.length === 0 ||
    process.getuid?.() !== 0 ||
    !(await succeeds("sh", ["-c", "command -v apt-get"]))
  )
    return;
  await deps.progress.step(`Installing ${missing.join(" and ")} for the tests`, async () => {
    const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    await run("apt-get", ["-q", "update"], { env: environment }).catch(() => {});
    await run(
      "apt-get",
      ["-q", "-y", "--no-install-recommends", "install", ...missing, "fonts-dejavu-core"],
      { env: environment },
    ).catch(() => {});
  });
}
