import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { namingOf, PAUSE_IMAGE, type Naming } from "@gantry/agent";
import {
  ensureInstance,
  readInstance,
  type InstanceSettings,
  type StartOptions,
} from "@gantry/control-plane";
import { agentRecipe, databaseRecipe, pauseRecipe, provideImage } from "@gantry/images";
import { sleep } from "@gantry/kernel";
import {
  agentParameters,
  fingerprintOf,
  localEngine,
  PARAMETERS_LABEL,
  shallowOption,
  type EngineFacts,
} from "./agent-container.ts";
import { claimedHealthOf, healthOf, startControlPlane, stopControlPlane } from "./control-plane-process.ts";
import { ensureDocker } from "./docker.ts";
import { IMAGE_LABEL, PROJECT, readVersion, type PlatformDeps } from "./project.ts";
import { run, succeeds, UserError } from "./run.ts";
import { refuseDowngrade, versionId } from "./versions.ts";

const ANSWER_WAIT_MS = 30_000;

/** Reads the instance of a state folder. Errors: UserError where no instance was ever started there. */
export function presentInstance(folder: string): InstanceSettings {
  const settings = readInstance(folder);
  if (settings === undefined)
    throw new UserError(`${folder} contains no Gantry instance yet: run "gantry up" first.`);
  return settings;
}

/** Starts the platform of a state folder; components that already run are left unchanged. */
export async function bringUp(
  deps: PlatformDeps,
  folder: string,
  port: number | undefined,
  given: StartOptions = {},
): Promise<InstanceSettings> {
  const before = readInstance(folder);
  const there = await findAgent(deps, before);
  if (before !== undefined && changes(before, given) && (await healthOf(before)) !== undefined)
    throw new UserError(
      'Gantry is running and reads this option only at its start: run "gantry down", then "gantry up" with the option.',
    );
  const version = versionId(readVersion());
  if (before !== undefined) refuseDowngrade(before, version);
  const settings = ensureInstance(folder, port, { ...given, version });
  const running = await healthOf(settings);
  const isCurrent = running?.linkPort === settings.linkPort && running.version === version;
  if (!isCurrent) await stopEarlierVersion(deps, settings);
  const image = agentImageTag();
  const missing = missingImages(deps, image);
  // A failure is thrown where the answer is awaited.
  missing.catch(() => {});
  // An agent that runs has its images, except those that somebody removed since.
  if (there === undefined) await provideImages(deps, settings, await missing);
  if (!isCurrent)
    await deps.progress.step("Starting the control plane", () => startControlPlane(deps, settings));
  if (there !== undefined) await provideImages(deps, settings, await missing);
  await startAgent(deps, settings, { image, there });
  return settings;
}

/** Whether the options change settings that the control plane reads at start. */
function changes(before: InstanceSettings, given: StartOptions): boolean {
  const { allowHostAccess, overcommit, listen, plainHttp } = given;
  const hasAccess = allowHostAccess ?? before.allowHostAccess;
  return (
    hasAccess !== before.allowHostAccess ||
    (plainHttp ?? before.plainHttp) !== before.plainHttp ||
    (overcommit?.cpu ?? before.overcommit.cpu) !== before.overcommit.cpu ||
    (overcommit?.memory ?? before.overcommit.memory) !== before.overcommit.memory ||
    (listen !== undefined && listen !== (before.listen ?? "127.0.0.1"))
  );
}

/**
 * Stops a control plane of an earlier version that holds the instance's port. Errors: UserError where another
 * Gantry answers on the port, or a program that does not authenticate as this one.
 */
async function stopEarlierVersion(deps: PlatformDeps, settings: InstanceSettings): Promise<void> {
  const claimed = await claimedHealthOf(settings.port);
  if (claimed === undefined) return;
  if (claimed.instance !== settings.instance)
    throw new UserError(
      `Port ${settings.port} is used by another Gantry (instance ${claimed.instance}, process ` +
        `${claimed.pid}): stop that one, or choose another port with --port.`,
    );
  await deps.progress.step("Stopping the control plane of an earlier version", () =>
    stopControlPlane(deps, settings),
  );
  if ((await claimedHealthOf(settings.port)) !== undefined)
    throw new UserError(
      `The process on port ${settings.port} did not prove that it is this Gantry's control plane: stop ` +
        "it, or choose another port with --port.",
    );
}

/** The agent image's tag is derived from its sources: other sources give another image. */
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

/** Which of the two images that the platform runs on the engine does not have. */
async function missingImages(
  { clock }: PlatformDeps,
  agentImage: string,
): Promise<{ isPauseMissing: boolean; isAgentMissing: boolean }> {
  const engine = localEngine(clock);
  const [pause, agent] = await Promise.all([engine.image(PAUSE_IMAGE), engine.image(agentImage)]);
  return { isPauseMissing: pause === undefined, isAgentMissing: agent === undefined };
}

async function provideImages(
  deps: PlatformDeps,
  settings: InstanceSettings,
  { isPauseMissing, isAgentMissing }: Awaited<ReturnType<typeof missingImages>>,
): Promise<void> {
  if (isPauseMissing)
    await deps.progress.step("Building the pause image", () =>
      provideImage(pauseRecipe, imageOptions(settings)),
    );
  if (isAgentMissing) await ensureAgentImage(deps, settings);
}

/** Builds the agent's image of these sources, which also contains the tools that other commands need. */
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

/** Pulls the database image in advance. The agent would otherwise pull it with the first database. */
export async function ensureDatabaseImage(deps: PlatformDeps, settings: InstanceSettings): Promise<void> {
  if (await isMissing(databaseRecipe.tag))
    await deps.progress.step("Building the database image", () =>
      provideImage(databaseRecipe, imageOptions(settings)),
    );
}

async function engineFacts(naming: Naming): Promise<EngineFacts> {
  const [mountpoint, version, cgroupDriver] = await Promise.all([
    run("docker", ["volume", "inspect", "-f", "{{.Mountpoint}}", naming.volume]),
    run("docker", ["version", "-f", "{{.Client.Version}}"]),
    run("docker", ["info", "-f", "{{.CgroupDriver}}"]),
  ]);
  return {
    mountpoint: mountpoint.trim(),
    shallow: shallowOption(version),
    cgroupDriver: cgroupDriver.trim(),
  };
}

/** The agent's container as it is. */
interface AgentFound {
  readonly isRunning: boolean;
  /** The parameters that it was made with, its image among them. */
  readonly fingerprint: string | undefined;
}

/** The agent's container, once the engine answers; undefined where there is none. */
async function findAgent(
  deps: PlatformDeps,
  settings: InstanceSettings | undefined,
): Promise<AgentFound | undefined> {
  const found = settings && (await describeAgent(deps, settings));
  // An engine that has the container answers.
  if (found !== undefined) return found;
  await ensureDocker(deps);
  return settings && describeAgent(deps, settings);
}

async function describeAgent(
  { clock }: PlatformDeps,
  settings: InstanceSettings,
): Promise<AgentFound | undefined> {
  // There is no container the first time, and maybe no engine.
  const found = await localEngine(clock)
    .inspect(namingOf(settings.instance).agent())
    .catch(() => undefined);
  return found && { isRunning: found.state === "running", fingerprint: found.labels[PARAMETERS_LABEL] };
}

/** Waits for the node agent to connect; starts it where its container is not `there` as it should be. */
async function startAgent(
  deps: PlatformDeps,
  settings: InstanceSettings,
  { image, there }: { image: string; there: AgentFound | undefined },
): Promise<void> {
  const naming = namingOf(settings.instance);
  const name = naming.agent();
  const parameters = (facts: EngineFacts) => agentParameters(settings, { naming, name, image, facts });
  const fingerprint = fingerprintOf(parameters({ mountpoint: "", shallow: "", cgroupDriver: "" }));
  if (there?.isRunning !== true || there.fingerprint !== fingerprint) {
    await deps.progress.step("Starting the node agent", async () => {
      await run("docker", ["rm", "-f", name]).catch(() => {});
      await run("docker", ["volume", "create", "--label", naming.label, naming.volume]);
      const facts = await engineFacts(naming);
      await run("docker", ["run", "--label", `${PARAMETERS_LABEL}=${fingerprint}`, ...parameters(facts)]);
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
