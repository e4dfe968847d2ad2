import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureDocker } from "./docker.ts";
import { PROJECT, type PlatformDeps } from "./project.ts";
import { run, runVisibly, succeeds, UserError } from "./run.ts";
import { closingLine, filesToRunAgain, outcomeOf, type TierResult } from "./test-outcome.ts";

const CHECKS: readonly { readonly name: string; readonly script: string }[] = [
  { name: "types", script: "types" },
  { name: "lint", script: "lint" },
  { name: "format", script: "format" },
  { name: "dead code", script: "dead-code" },
];

/**
 * Sets up the prerequisites of the tests, then runs all checks and tests, the fast ones first. Files that
 * failed run once more, alone. The output ends with what failed, and the counts as its last line.
 */
export async function runTests(deps: PlatformDeps): Promise<number> {
  const checks = await runChecks(deps);
  await ensureDocker(deps);
  await ensureTestPrograms(deps);
  const results = [checks, ...(await runTiers())];
  const outcome = outcomeOf(results, await runAgain(results));
  for (const line of outcome.report) process.stdout.write(`\n${line}\n`);
  process.stdout.write(`\n${closingLine(outcome)}\n`);
  return outcome.failed === 0 ? 0 : 1;
}

async function runChecks(deps: PlatformDeps): Promise<TierResult> {
  const failures: { file: string; name: string; message: string }[] = [];
  for (const { name, script } of CHECKS) {
    const ok = await deps.progress.step(
      `Checking ${name}`,
      async () => (await runVisibly("npm", ["run", "--silent", script], { cwd: PROJECT })) === 0,
    );
    if (!ok) failures.push({ file: "", name, message: "see above" });
  }
  const failed = failures.length;
  return { project: "checks", passed: CHECKS.length - failed, failed, skipped: 0, failures };
}

async function runTiers(): Promise<readonly TierResult[]> {
  const results: TierResult[] = [];
  // The client tests, Terraform above all, mostly wait, so the other tests use the processors in the
  // meantime.
  const clients = runProject("clients");
  for (const project of ["unit", "simulation", "docker"]) results.push(await runProject(project));
  results.push(await clients);
  // Tests with an instance of their own wait for starts and restarts, beside those that share one, and others
  // wait for the ends of minutes.
  const beside = [runProject("instances"), runProject("waiting")];
  results.push(await runProject("e2e"));
  for (const project of beside) results.push(await project);
  results.push(await runProject("machine"));
  return results;
}

/** Runs the files with failed tests once more, each alone on the machine; undefined where there is none. */
async function runAgain(results: readonly TierResult[]): Promise<readonly TierResult[] | undefined> {
  const files = filesToRunAgain(results);
  if (files.length === 0) return undefined;
  const again: TierResult[] = [];
  for (const { project, file } of files) again.push(await runProject(project, file));
  return again;
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

/** Runs a tier, or one file of it. A run that ends before it reports counts is one failure. */
async function runProject(project: string, ...files: readonly string[]): Promise<TierResult> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-test-"));
  const counts = join(folder, "counts.json");
  try {
    const status = await runVisibly("npx", ["vitest", "run", "--project", project, ...files], {
      cwd: PROJECT,
      env: { ...process.env, GANTRY_TEST_COUNTS: counts },
    });
    const written = JSON.parse(readFileSync(counts, "utf8")) as Omit<TierResult, "project">; // By our reporter.
    const failed = status !== 0 && written.failed === 0 ? 1 : written.failed;
    return { project, ...written, failed };
  } catch {
    return { project, passed: 0, failed: 1, skipped: 0, failures: [] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The programs that tests use, and the Debian packages that bring them. */
const TEST_PROGRAMS: Readonly<Record<string, string>> = {
  chromium: "chromium",
  curl: "curl",
  "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
  "qemu-aarch64-static": "qemu-user-static",
};

/**
 * Installs what the tests use from Debian's packages, where this is permitted; tests that lack something
 * report so.
 */
async function ensureTestPrograms(deps: PlatformDeps): Promise<void> {
  const missing: string[] = [];
  for (const [program, debianPackage] of Object.entries(TEST_PROGRAMS))
    if (!(await isInstalled(program))) missing.push(debianPackage);
  if (missing.length === 0 || process.getuid?.() !== 0 || !(await isInstalled("apt-get"))) return;
  await deps.progress.step(`Installing ${missing.join(", ")} for the tests`, async () => {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const install = ["-q", "-y", "--no-install-recommends", "install", ...missing, "fonts-dejavu-core"];
    await run("apt-get", ["-q", "update"], { env }).catch(() => {});
    await run("apt-get", install, { env }).catch(() => {});
  });
}

function isInstalled(program: string): Promise<boolean> {
  return succeeds("which", [program]);
}
