import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, openSync, readFileSync, statSync } from "node:fs";
import { setPriority } from "node:os";
import { join } from "node:path";
import {
  folderIdOf,
  identityOf,
  isRunning,
  proofOf,
  PROOF_HEADER,
  type Health,
  type InstanceSettings,
  type ProcessIdentity,
} from "@gantry/control-plane";
import { prepareKeys } from "@gantry/control-plane/prepare-keys";
import { sleep } from "@gantry/kernel";
import { equalsInConstantTime } from "@gantry/wire";
import { ownContainer, startControlPlaneContainer, stopControlPlaneContainer } from "./own-container.ts";
import { moduleFile, PROJECT, RUNTIME_ENVIRONMENT, RUNTIME_FLAGS, type PlatformDeps } from "./project.ts";
import { UserError } from "./run.ts";

/** Three times the share of an ordinary process: every API call and every task waits for this one thread. */
const CONTROL_PLANE_NICE = -5;
/** On a busy machine an answer takes seconds; where nothing listens, the refusal comes at once. */
const HEALTH_TIMEOUT_MS = 10_000;
const ANSWER_WAIT_MS = 30_000;
/** Time limit for a killed control plane to exit; it exits within it unless the kernel holds the process. */
const KILL_WAIT_MS = 10_000;

/**
 * Queries the instance's own control plane, where it runs. It authenticates with the key in the state folder,
 * so that no other program on its port is trusted, sent a token or mistaken for the process to stop.
 */
export async function healthOf(settings: InstanceSettings): Promise<Health | undefined> {
  const keyPath = join(settings.folder, "key");
  if (!existsSync(keyPath)) return undefined;
  const challenge = randomBytes(32).toString("hex");
  const answer = await ask(settings.port, `?challenge=${challenge}`);
  if (answer === undefined) return undefined;
  const proof = proofOf(readFileSync(keyPath), challenge, answer.body);
  if (!equalsInConstantTime(answer.proof, proof)) return undefined;
  const health = JSON.parse(answer.body) as Health; // Proven to be our own control plane's.
  return health.instance === settings.instance ? health : undefined;
}

/** The unauthenticated health answer of whatever listens on a port. Use it only for messages. */
export async function claimedHealthOf(port: number): Promise<Pick<Health, "instance" | "pid"> | undefined> {
  try {
    const { instance, pid } = JSON.parse((await ask(port, ""))?.body ?? "{}") as Partial<Health>; // Checked below.
    return typeof instance === "string" && typeof pid === "number" ? { instance, pid } : undefined;
  } catch {
    return undefined;
  }
}

async function ask(port: number, query: string): Promise<{ body: string; proof: string } | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/gantry/health${query}`, {
      signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
      redirect: "error",
    });
    return { body: await response.text(), proof: response.headers.get(PROOF_HEADER) ?? "" };
  } catch {
    return undefined;
  }
}

/** Starts the control plane and waits for its first answer. Errors: UserError with the last line of its log. */
export async function startControlPlane(deps: PlatformDeps, settings: InstanceSettings): Promise<void> {
  await prepareKeys(settings.folder, settings.instance, deps.clock);
  const own = ownContainer();
  const child = own === undefined ? spawnControlPlane(settings) : undefined;
  if (own !== undefined) await startControlPlaneContainer(settings, own);
  const deadline = deps.clock.now() + ANSWER_WAIT_MS;
  while ((await healthOf(settings)) === undefined) {
    // A process that was ended by a signal has no exit code.
    const hasEnded = child !== undefined && (child.exitCode !== null || child.signalCode !== null);
    if (hasEnded || deps.clock.now() > deadline)
      throw new UserError(
        `The control plane did not start (see ${join(settings.folder, "control-plane.log")}): ${lastProblem(settings)}`,
      );
    await sleep(deps.clock, 25);
  }
}

/** Starts the control plane as a process that outlives the command. */
function spawnControlPlane(settings: InstanceSettings): ChildProcess {
  const log = openSync(join(settings.folder, "control-plane.log"), "a", 0o600);
  const child = spawn(
    process.execPath,
    [...RUNTIME_FLAGS, moduleFile("apps/control-plane/main"), settings.folder],
    {
      ...{ detached: true, stdio: ["ignore", log, log], cwd: PROJECT },
      env: { ...RUNTIME_ENVIRONMENT, ...process.env },
    },
  );
  raisePriority(child.pid);
  child.unref();
  return child;
}

/** Gives the control plane precedence on a busy machine, as the agent has it. Only root may. */
function raisePriority(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, CONTROL_PLANE_NICE);
  } catch {
    // It runs with the user's own priority.
  }
}

function lastProblem(settings: InstanceSettings): string {
  const last =
    readFileSync(join(settings.folder, "control-plane.log"), "utf8").trim().split("\n").at(-1) ?? "";
  try {
    const { message, reason } = JSON.parse(last) as { message?: string; reason?: string }; // Our own log line.
    return [message, reason].filter((part) => part !== undefined).join(": ");
  } catch {
    return last === "" ? "it logged nothing" : last.slice(0, 400);
  }
}

/**
 * Stops the instance's control plane. A process is signalled only where the state folder's own file, or an
 * authenticated answer, names it together with its start time. Errors: UserError where it does not exit, and
 * where it runs from another folder, of which this one is a copy.
 */
export async function stopControlPlane(deps: PlatformDeps, settings: InstanceSettings): Promise<void> {
  const health = await healthOf(settings);
  if (health?.folderId !== undefined && health.folderId !== folderIdOf(settings.folder))
    throw new UserError(
      `${settings.folder} is a copy of the state folder of a running Gantry: nothing was stopped. Give ` +
        "the original folder with --state-dir, or remove the copy with rm -r.",
    );
  if (health === undefined && (await claimedHealthOf(settings.port))?.instance === settings.instance)
    deps.progress.say(
      `The process on port ${settings.port} did not prove that it is this Gantry's control plane, so ` +
        "it was not stopped: stop it yourself.",
    );
  if (ownContainer() !== undefined) await stopControlPlaneContainer(settings);
  for (const identity of [recordedProcess(settings), health])
    if (identity !== undefined) await endProcess(deps, identity);
}

async function endProcess(deps: PlatformDeps, identity: ProcessIdentity): Promise<void> {
  if (!signal(identity, "SIGTERM")) return;
  const start = deps.clock.now();
  while (isRunning(identity)) {
    const waited = deps.clock.now() - start;
    if (waited > ANSWER_WAIT_MS) signal(identity, "SIGKILL");
    if (waited > ANSWER_WAIT_MS + KILL_WAIT_MS)
      throw new UserError(
        `The control plane (process ${identity.pid}) did not end after SIGKILL: restart the machine, ` +
          `then run "gantry down" again.`,
      );
    await sleep(deps.clock, 25);
  }
}

/** Sends a signal to a process if its identity still matches; returns whether it was sent. */
function signal(identity: ProcessIdentity, name: "SIGTERM" | "SIGKILL"): boolean {
  if (!isRunning(identity)) return false;
  try {
    process.kill(identity.pid, name);
    return true;
  } catch (thrown) {
    const { code = "" } = thrown as NodeJS.ErrnoException;
    if (code === "ESRCH") return false;
    throw new UserError(
      `The control plane (process ${identity.pid}) belongs to another user: run "gantry down" as that user.`,
      { cause: thrown },
    );
  }
}

/** Reads the process that is recorded in the state folder. Errors are treated as "none". */
function recordedProcess(settings: InstanceSettings): ProcessIdentity | undefined {
  try {
    const text = readFileSync(join(settings.folder, "control-plane.pid"), "utf8").trim();
    if (/^\d+$/.test(text)) return earlierProcess(settings, Number(text));
    const { pid, startedAt } = JSON.parse(text) as Partial<ProcessIdentity>; // Checked below.
    const isWhole = Number.isInteger(pid) && Number(pid) > 1 && typeof startedAt === "string";
    return isWhole ? { pid: Number(pid), startedAt } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Earlier versions recorded only an id: the process must belong to this user and run Gantry for this folder.
 */
function earlierProcess(settings: InstanceSettings, pid: number): ProcessIdentity | undefined {
  const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  const isOurs =
    words.some((word) => word.endsWith("/apps/control-plane/main.ts")) &&
    words.includes(settings.folder) &&
    statSync(`/proc/${pid}`).uid === process.getuid?.();
  return isOurs ? identityOf(pid) : undefined;
}
