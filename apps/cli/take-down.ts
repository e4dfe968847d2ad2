import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { namingOf, type Naming } from "@gantry/agent";
import {
  checkOwner,
  isOwnPath,
  readInstance,
  removeStateFolder,
  type InstanceSettings,
} from "@gantry/control-plane";
import { readHostResolver } from "@gantry/control-plane/host-resolver";
import { messageOf } from "@gantry/kernel";
import { authorityName, thisMachine } from "./commands/ca.ts";
import { takeOut } from "./commands/dns.ts";
import { LOOP_DEVICES } from "./agent-container.ts";
import { stopControlPlane } from "./control-plane-process.ts";
import { agentImageTag } from "./platform.ts";
import { IMAGE_LABEL, type PlatformDeps } from "./project.ts";
import { purgePulledImages, purgeRootSnapshots } from "./purge-images.ts";
import { run, succeeds, UserError } from "./run.ts";
import { changeTrust } from "./trust-stores.ts";

const ENGINE_ANSWER_MS = 10_000;
/** The length of the ids that `docker ps -q` prints. */
const SHORT_ID_LENGTH = 12;

/** The remains after `takeDown`. */
export interface Leftovers {
  /** Objects that could not be stopped or removed, one sentence each; empty where there are none. */
  readonly problems: readonly string[];
  /** Files in the state folder that Gantry did not create, which stay. */
  readonly foreign: readonly string[];
}

/**
 * Stops the platform and keeps its data: containers, networks and rules are removed, volumes and the state
 * folder stay. With `purge` these are removed too. Where a step fails, the state folder stays so that the
 * purge can be repeated.
 */
export async function takeDown(deps: PlatformDeps, folder: string, purge: boolean): Promise<Leftovers> {
  const settings = readInstance(folder);
  if (settings === undefined)
    throw new UserError(`${folder} contains no Gantry instance: there is nothing to stop.`);
  checkOwner(folder);
  const naming = namingOf(settings.instance);
  await stopControlPlane(deps, settings);
  const problems: string[] = [];
  const attempt = (what: string, work: () => Promise<void>): Promise<void> =>
    work().catch((thrown: unknown) => void problems.push(`${what}: ${firstLine(messageOf(thrown))}`));
  if (await engineAnswers()) {
    await attempt("containers", () =>
      deps.progress.step("Stopping containers", () => stopContainers(naming, purge)),
    );
    await attempt("networks and rules of the host", () => removeHostTraces(settings, naming));
    if (purge) await attempt("snapshots of root file systems", () => purgeRootSnapshots(naming));
    if (purge) await attempt("images that Gantry pulled", () => purgePulledImages(naming));
    if (purge) await attempt("volumes and images", () => purgeEngine(naming));
  } else problems.push("containers, networks and volumes: Docker Engine does not answer; start it first");
  if (purge) await attempt("trust in the authority", () => removeTrust(settings, folder));
  if (purge) await attempt("this host's resolver", () => restoreResolver(settings));
  if (!purge || problems.length > 0) return { problems, foreign: [] };
  // Terraform's folder has files and links of Terraform's own.
  rmSync(join(folder, "terraform"), { recursive: true, force: true });
  const remaining = removeStateFolder(folder);
  const [own, foreign] = [remaining.filter(isOwnPath), remaining.filter((path) => !isOwnPath(path))];
  return {
    problems: own.map(
      (path) => `${folder}/${path} is a symbolic link; remove the link and its target yourself`,
    ),
    foreign,
  };
}

/** Removes the instance's authority from the trust stores of this machine, where "gantry ca install" added it. */
async function removeTrust({ instance }: InstanceSettings, folder: string): Promise<void> {
  const authority = { name: authorityName(instance), path: join(folder, "ca.pem") };
  if (!existsSync(authority.path)) return;
  const failed = (await changeTrust(thisMachine(), authority, "remove")).find(
    ({ result }) => result === "failed",
  );
  if (failed !== undefined) throw new Error(`${failed.store}: ${failed.reason ?? ""}`);
}

/** Undoes what "gantry dns install" did to this host. */
async function restoreResolver(settings: InstanceSettings): Promise<void> {
  if (readHostResolver(settings.folder) === undefined) return;
  if (process.getuid?.() !== 0)
    throw new Error(`only root may restore it: run "sudo gantry dns remove --state-dir ${settings.folder}"`);
  await takeOut(settings);
}

function engineAnswers(): Promise<boolean> {
  return run("docker", ["version"], { timeout: ENGINE_ANSWER_MS }).then(
    () => true,
    () => false,
  );
}

function firstLine(text: string): string {
  // Node puts the whole command in the first line; the program's output follows.
  const [first = "", ...more] = text.split("\n").filter(Boolean);
  return more.at(-1) ?? first;
}

const linesOf = (output: string): readonly string[] => output.split("\n").filter(Boolean);

/**
 * Stops the agent first, so that it restarts nothing; databases get the time they need to close their files.
 * Without `purge` the containers of EC2 instances are kept: their root file systems are part of them.
 */
async function stopContainers(naming: Naming, purge: boolean): Promise<void> {
  const list = async (...filters: string[]) =>
    linesOf(
      await run("docker", [
        ...["ps", "-aq", "--filter", `label=${naming.label}`],
        ...filters.flatMap((filter) => ["--filter", filter]),
      ]),
    );
  // A container that exits in the meantime makes the command fail; only the containers that remain at the end
  // count.
  const remove = async (containers: readonly string[]) => {
    if (containers.length > 0) await run("docker", ["rm", "-f", "-v", ...containers]).catch(() => {});
  };
  const stop = async (containers: readonly string[], seconds: number) => {
    if (containers.length > 0)
      await run("docker", ["stop", "-t", String(seconds), ...containers]).catch(() => {});
  };
  await remove(await list("label=gantry.role=agent"));
  await stop(await list("label=gantry.role=database", "status=running"), 60);
  await stop(await list("label=gantry.role=task", "status=running"), 5);
  const machines = purge ? [] : await list("label=gantry.role=instance");
  await stop(machines, 10);
  const kept = new Set([...machines, ...(await namespaceHoldersOf(machines))]);
  const holders = (await list()).filter((container) => kept.has(container));
  await stop(holders, 1);
  await remove((await list()).filter((container) => !kept.has(container)));
  const remaining = (await list()).filter((container) => !kept.has(container));
  if (remaining.length > 0)
    throw new Error(`${remaining.join(", ")} could not be removed; see "docker rm -f ${remaining[0]}"`);
}

/**
 * The ids, as `docker ps` prints them, of the containers whose network namespaces others join. The engine
 * stores them by their ids, so that a container that joins another can only be started while that one exists.
 */
async function namespaceHoldersOf(containers: readonly string[]): Promise<readonly string[]> {
  if (containers.length === 0) return [];
  const modes = linesOf(await run("docker", ["inspect", "-f", "{{.HostConfig.NetworkMode}}", ...containers]));
  return modes.map((mode) => mode.replace("container:", "").slice(0, SHORT_ID_LENGTH));
}

/**
 * Removes links, tables, rules, mounts and control groups from the host, with the tools in the agent's own
 * image.
 */
async function removeHostTraces(settings: InstanceSettings, naming: Naming): Promise<void> {
  // The sources of another instance may have built a newer image, which does not know everything that these
  // sources create.
  const images = async (name: string) =>
    linesOf(await run("docker", ["images", "-q", "--filter", `label=${IMAGE_LABEL}`, name]));
  const [image] = [...(await images(agentImageTag())), ...(await images("gantry/agent"))];
  if (image !== undefined)
    await run("docker", [
      ...["run", "--rm", "--network", "host", "--pid", "host", "--cap-add", "NET_ADMIN"],
      ...["--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE", "--label", naming.label],
      ...["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"],
      ...[...LOOP_DEVICES, "-v", `${naming.volume}:/data`],
      ...["-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw", "-e", `GANTRY_INSTANCE=${settings.instance}`],
      ...[image, "remove-host-rules"],
    ]);
  const links = existsSync("/sys/class/net")
    ? readdirSync("/sys/class/net").filter((name) => name.startsWith(naming.linkPrefix))
    : [];
  if (links.length > 0)
    throw new Error(`${links.join(", ")} could not be removed; see "ip link del ${links[0]}"`);
}

/** Removes the volumes, and the images that no other instance uses. */
async function purgeEngine(naming: Naming): Promise<void> {
  await run("docker", ["volume", "rm", "-f", naming.volume]);
  const label = ["--filter", "label=gantry.instance"];
  const others = linesOf(await run("docker", ["ps", "-aq", ...label]));
  const volumes = linesOf(await run("docker", ["volume", "ls", "-q", ...label]));
  if (others.length > 0 || volumes.length > 0) return;
  // An image that any container uses stays: the container is not Gantry's, or an instance is just starting.
  const unused = async (): Promise<readonly string[]> => {
    const images = linesOf(await run("docker", ["images", "-q", "--filter", `label=${IMAGE_LABEL}`]));
    const isUnused = async (image: string) =>
      linesOf(await run("docker", ["ps", "-aq", "--filter", `ancestor=${image}`])).length === 0;
    const found = await Promise.all(
      [...new Set(images)].map(async (image) => ({ image, free: await isUnused(image) })),
    );
    return found.filter(({ free }) => free).map(({ image }) => image);
  };
  const images = await unused();
  if (images.length === 0 || (await succeeds("docker", ["rmi", "-f", ...images]))) return;
  const remaining = await unused();
  if (remaining.length > 0)
    throw new Error(
      `image ${remaining.join(", ")} could not be removed; see "docker rmi -f ${remaining[0] ?? ""}"`,
    );
}
