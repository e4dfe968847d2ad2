import { createHash } from "node:crypto";
import { spawn } from "node:child_process";
import { existsSync, openSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { namingOf, PAUSE_IMAGE, type Naming } from "@gantry/agent";
import { ensureInstance, readInstance, type InstanceSettings } from "@gantry/control-plane";
import { prepareKeys } from "@gantry/control-plane/certificates";
import { agentRecipe, databaseRecipe, pauseRecipe, provideImage } from "@gantry/images";
import { sleep, type Clock } from "@gantry/kernel";
import { agentParameters, fingerprintOf, PARAMETERS_LABEL } from "./agent-container.ts";
import { ensureDocker } from "./docker.ts";
import type { Progress } from "./progress.ts";
import { run, succeeds, UserError } from "./run.ts";

export const PROJECT = resolve(import.meta.dirname, "../..");
/**
 * A small nursery: a burst leaves a quarter less memory behind, and takes no longer (bench many-services). Bytes beside the
 * heap count towards its own limit: else every 64 MiB of a body that flows through are a reason to look through all of it
 * (bench objects: half the time of a large object).
 */
export const RUNTIME_FLAGS: readonly string[] = [
  "--max-semi-space-size=4",
  "--external-memory-accounted-in-global-limit",
  "--external-memory-max-growing-factor=4",
  "--heap-growing-percent=300",
];
const ANSWER_WAIT_MS = 30_000;
const IMAGE_LABEL = "gantry.image=true";

export interface PlatformDeps {
  readonly clock: Clock;
  readonly progress: Progress;
}

interface Health {
  readonly instance: string;
  readonly pid: number;
  /** Undefined where the control plane is of an earlier version. */
  readonly linkPort?: number;
  readonly agents: readonly { readonly nodeId: string; readonly pid: number }[];
}

/** The instance of a state folder. Errors: a sentence where none was ever started there. */
export function presentInstance(folder: string): InstanceSettings {
  const settings = readInstance(folder);
  if (settings === undefined)
    throw new UserError(`There is no Gantry in ${folder} yet: run "gantry up" first.`);
  return settings;
}

/** Brings the platform of a state folder up; what runs already is left as it is. */
export async function bringUp(
  deps: PlatformDeps,
  folder: string,
  port: number | undefined,
  given: { allowHostAccess?: boolean } = {},
): Promise<InstanceSettings> {
  await ensureDocker(deps);
  const before = readInstance(folder);
  if (
    given.allowHostAccess !== undefined &&
    before?.allowHostAccess !== given.allowHostAccess &&
    before !== undefined &&
    (await healthOf(before)) !== undefined
  )
    throw new UserError(
      'Gantry runs already and reads this when it starts: "gantry down" first, then "gantry up" with the option.',
    );
  const settings = ensureInstance(folder, port, given);
  const running = await whoAnswers(settings.port);
  if (running !== undefined && running.instance !== settings.instance)
    throw new UserError(
      `Port ${settings.port} is another Gantry's (instance ${running.instance}, process ${running.pid}): take that one down, or give this one a port of its own with --port.`,
    );
  const image = await ensureImages(deps, settings);
  const isCurrent = running?.linkPort === settings.linkPort;
  if (running !== undefined && !isCurrent)
    await deps.progress.step("Stopping the control plane of an earlier version", () =>
      stopControlPlane(deps, settings),
    );
  if (!isCurrent)
    await deps.progress.step("Starting the control plane", () => startControlPlane(deps, settings));
  await startAgent(deps, settings, image);
  return settings;
}

/** Stops the platform and keeps its data: containers, networks and rules go, volumes and the state folder stay. */
export async function takeDown(deps: PlatformDeps, folder: string, purge: boolean): Promise<void> {
  const settings = readInstance(folder);
  if (settings === undefined) throw new UserError(`There is no Gantry in ${folder}: nothing to take down.`);
  const naming = namingOf(settings.instance);
  await stopControlPlane(deps, settings);
  if (await succeeds("docker", ["version"])) {
    await deps.progress.step("Stopping containers", () => stopContainers(deps, naming));
    await removeHostTraces(settings, naming);
    if (purge) await purgeEngine(naming);
  }
  if (purge) rmSync(folder, { recursive: true, force: true });
}

/** The instance's own control plane, where it runs; what else listens on its port is not it. */
export async function healthOf(settings: InstanceSettings): Promise<Health | undefined> {
  const health = await whoAnswers(settings.port);
  return health?.instance === settings.instance ? health : undefined;
}

async function whoAnswers(port: number): Promise<Health | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/gantry/health`, {
      signal: AbortSignal.timeout(2_000),
    });
    return (await response.json()) as Health; // A control plane's answer; anything else fails to be read.
  } catch {
    return undefined;
  }
}

/** The running agent's image is named by the sources it was made from: other sources, other image. */
export function agentImageTag(): string {
  const hash = createHash("sha256");
  const walk = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true }).toSorted((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      if (entry.name === "node_modules" || entry.name.endsWith(".test.ts")) continue;
      const full = join(path, entry.name);
      if (entry.isDirectory()) walk(full);
      else hash.update(entry.name).update(readFileSync(full));
    }
  };
  for (const part of [
    "packages/agent",
    "packages/agent-protocol",
    "packages/kernel",
    "apps/agent",
    "packages/images",
  ])
    walk(join(PROJECT, part));
  return `gantry/agent:${hash.digest("hex").slice(0, 12)}`;
}

async function ensureImages(deps: PlatformDeps, settings: InstanceSettings): Promise<string> {
  if (await isMissing(PAUSE_IMAGE))
    await deps.progress.step("Building the pause image", () =>
      provideImage(pauseRecipe, imageOptions(settings)),
    );
  return ensureAgentImage(deps, settings);
}

/** The agent's image of these sources, which also has the tools that other commands need. */
export async function ensureAgentImage(deps: PlatformDeps, settings: InstanceSettings): Promise<string> {
  const tag = agentImageTag();
  if (await isMissing(tag))
    await deps.progress.step("Building the node agent's image", () =>
      provideImage(agentRecipe({ tag, node: process.execPath, sources: PROJECT }), imageOptions(settings)),
    );
  return tag;
}

async function isMissing(image: string): Promise<boolean> {
  return !(await succeeds("docker", ["image", "inspect", image]));
}

function imageOptions(settings: InstanceSettings): { cacheFolder: string; label: string } {
  return { cacheFolder: join(settings.folder, "cache"), label: IMAGE_LABEL };
}

/** The database image: the agent would ask for it with the first database; whoever knows that one comes asks now. */
export async function ensureDatabaseImage(deps: PlatformDeps, settings: InstanceSettings): Promise<void> {
  if (await isMissing(databaseRecipe.tag))
    await deps.progress.step("Building the database image", () =>
      provideImage(databaseRecipe, imageOptions(settings)),
    );
}

async function startControlPlane(deps: PlatformDeps, settings: InstanceSettings): Promise<void> {
  await prepareKeys(settings.folder, settings.instance, deps.clock);
  const log = openSync(join(settings.folder, "control-plane.log"), "a", 0o600);
  const child = spawn(
    process.execPath,
    [...RUNTIME_FLAGS, join(PROJECT, "apps/control-plane/main.ts"), settings.folder],
    {
      detached: true,
      stdio: ["ignore", log, log],
      cwd: PROJECT,
    },
  );
  child.unref();
  const deadline = deps.clock.now() + ANSWER_WAIT_MS;
  while ((await healthOf(settings)) === undefined) {
    if (child.exitCode !== null || deps.clock.now() > deadline)
      throw new UserError(
        `The control plane did not start (see ${join(settings.folder, "control-plane.log")}): ${lastProblem(settings)}`,
      );
    await sleep(deps.clock, 25);
  }
}

function lastProblem(settings: InstanceSettings): string {
  const last =
    readFileSync(join(settings.folder, "control-plane.log"), "utf8").trim().split("\n").at(-1) ?? "";
  try {
    const { message, reason } = JSON.parse(last) as { message?: string; reason?: string }; // Our own log line.
    return [message, reason].filter((part) => part !== undefined).join(": ");
  } catch {
    return last === "" ? "it said nothing" : last.slice(0, 400);
  }
}

async function startAgent(deps: PlatformDeps, settings: InstanceSettings, image: string): Promise<void> {
  const naming = namingOf(settings.instance);
  const name = naming.agent();
  const parameters = (mountpoint: string) => agentParameters(settings, { naming, name, image, mountpoint });
  const format = `{{.State.Running}} {{.Config.Image}} {{index .Config.Labels "${PARAMETERS_LABEL}"}}`;
  const there = await run("docker", ["inspect", "-f", format, name]).catch(() => "");
  if (there.trim() !== `true ${image} ${fingerprintOf(parameters(""))}`) {
    await deps.progress.step("Starting the node agent", async () => {
      await run("docker", ["rm", "-f", name]).catch(() => {});
      await run("docker", ["volume", "create", "--label", naming.label, naming.volume]);
      const mountpoint = (
        await run("docker", ["volume", "inspect", "-f", "{{.Mountpoint}}", naming.volume])
      ).trim();
      const label = `${PARAMETERS_LABEL}=${fingerprintOf(parameters(""))}`;
      await run("docker", ["run", "--label", label, ...parameters(mountpoint)]);
    });
  }
  const deadline = deps.clock.now() + ANSWER_WAIT_MS;
  while (((await healthOf(settings))?.agents.length ?? 0) === 0) {
    if (deps.clock.now() > deadline)
      throw new UserError(
        `The node agent did not connect within ${ANSWER_WAIT_MS / 1000} s: see "docker logs ${name}".`,
      );
    await sleep(deps.clock, 25);
  }
}

async function stopControlPlane(deps: PlatformDeps, settings: InstanceSettings): Promise<void> {
  const health = await healthOf(settings);
  if (health === undefined) return;
  process.kill(health.pid, "SIGTERM");
  const deadline = deps.clock.now() + ANSWER_WAIT_MS;
  while (isAlive(health.pid)) {
    if (deps.clock.now() > deadline) process.kill(health.pid, "SIGKILL");
    await sleep(deps.clock, 25);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The agent first, so that nothing is started again; databases get the time they need to close their files. */
async function stopContainers(_deps: PlatformDeps, naming: Naming): Promise<void> {
  const list = async (...filters: string[]) =>
    (
      await run("docker", [
        "ps",
        "-aq",
        "--filter",
        `label=${naming.label}`,
        ...filters.flatMap((filter) => ["--filter", filter]),
      ])
    )
      .split("\n")
      .filter(Boolean);
  const remove = async (containers: readonly string[]) => {
    if (containers.length > 0) await run("docker", ["rm", "-f", "-v", ...containers]).catch(() => {});
  };
  await remove(await list("label=gantry.role=agent"));
  const databases = await list("label=gantry.role=database", "status=running");
  if (databases.length > 0) await run("docker", ["stop", "-t", "60", ...databases]);
  const tasks = await list("label=gantry.role=task", "status=running");
  if (tasks.length > 0) await run("docker", ["stop", "-t", "5", ...tasks]);
  await remove(await list());
}

/** Links, tables and rules on the host, by the tools in the agent's own image. */
async function removeHostTraces(settings: InstanceSettings, naming: Naming): Promise<void> {
  const image =
    (await run("docker", ["images", "-q", "--filter", `label=${IMAGE_LABEL}`, "gantry/agent"])).split(
      "\n",
    )[0] ?? "";
  if (image === "") return;
  await run("docker", [
    "run",
    "--rm",
    "--network",
    "host",
    "--pid",
    "host",
    "--cap-add",
    "NET_ADMIN",
    "--cap-add",
    "SYS_ADMIN",
    "--security-opt",
    "seccomp=unconfined",
    "--label",
    naming.label,
    "-v",
    "/sys/fs/cgroup:/sys/fs/cgroup:rw",
    "-e",
    `GANTRY_INSTANCE=${settings.instance}`,
    image,
    "remove-host-rules",
  ]).catch(() => {});
}

/** What keeps data, and images that no other instance uses. */
async function purgeEngine(naming: Naming): Promise<void> {
  await run("docker", ["volume", "rm", "-f", naming.volume]);
  const others = (await run("docker", ["ps", "-aq", "--filter", "label=gantry.instance"]))
    .split("\n")
    .filter(Boolean);
  const volumes = (await run("docker", ["volume", "ls", "-q", "--filter", "label=gantry.instance"]))
    .split("\n")
    .filter(Boolean);
  if (others.length > 0 || volumes.length > 0) return;
  const images = (await run("docker", ["images", "-q", "--filter", `label=${IMAGE_LABEL}`]))
    .split("\n")
    .filter(Boolean);
  if (images.length > 0) await run("docker", ["rmi", "-f", ...new Set(images)]).catch(() => {});
}

export function isStarted(folder: string): boolean {
  return existsSync(join(folder, "instance.json"));
}
