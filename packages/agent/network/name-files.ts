import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { InterfaceAssignment } from "@gantry/agent-protocol";
import type { MountSpec } from "../engine/engine.ts";

/** A lost answer is requested again after one second instead of five. Source: resolv.conf(5). */
const RESOLVER_OPTIONS = "options timeout:1 attempts:4";
/** The entries that Docker writes in every container. */
const LOCAL_HOSTS = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::0\tip6-localnet",
  "ff00::0\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
];
const FILES = ["hosts", "resolv.conf"] as const;

/**
 * The files by which the containers of an interface resolve names: /etc/hosts and /etc/resolv.conf. The agent writes
 * them because the engine has no network for the pause container (docs/decisions/0050).
 */
export class NameFiles {
  /** The path of the data volume in this process, and on the engine's host. */
  readonly #deps: { readonly dataFolder: string; readonly dataPath: string };
  readonly #there = new Set<string>();

  constructor(deps: { dataFolder: string; dataPath: string }) {
    this.#deps = deps;
  }

  /** Writes the files of an interface. Those that exist stay: containers may have changed them. */
  async ensure(wanted: InterfaceAssignment): Promise<void> {
    if (this.#there.has(wanted.id)) return;
    const folder = this.#folderOf(wanted.id);
    const missing = await Promise.all(FILES.map((file) => isMissing(join(folder, file))));
    if (missing.includes(true)) await mkdir(folder, { recursive: true });
    const content = { hosts: hostsOf(wanted), "resolv.conf": resolverOf(wanted) };
    for (const [index, file] of FILES.entries())
      if (missing[index]) await writeFile(join(folder, file), content[file], { mode: 0o644 });
    this.#there.add(wanted.id);
  }

  /** The files as mounts of a container, which can write them unless its root file system is read-only. */
  mountsOf(interfaceId: string, readOnly: boolean): readonly MountSpec[] {
    return FILES.map((file) => ({
      source: `${this.#deps.dataPath}/interfaces/${interfaceId}/${file}`,
      target: `/etc/${file}`,
      readOnly,
    }));
  }

  /** Removes the files of an interface whose containers are gone. */
  async remove(interfaceId: string): Promise<void> {
    this.#there.delete(interfaceId);
    await rm(this.#folderOf(interfaceId), { recursive: true, force: true });
  }

  /** Removes the files of interfaces that are unknown to the agent, left by a crash. */
  async removeOthers(isKnown: (interfaceId: string) => boolean): Promise<void> {
    const ids = await readdir(this.#folderOf("")).catch(() => []);
    for (const id of ids) if (!isKnown(id)) await this.remove(id);
  }

  #folderOf(interfaceId: string): string {
    return join(this.#deps.dataFolder, "interfaces", interfaceId);
  }
}

/** An empty file was left by a crash between its creation and its content. */
async function isMissing(path: string): Promise<boolean> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  return size === 0;
}

function hostsOf({ hostname, ip }: InterfaceAssignment): string {
  return [...LOCAL_HOSTS, `${ip}\t${hostname}`, ""].join("\n");
}

function resolverOf(wanted: InterfaceAssignment): string {
  const servers = wanted.dnsServers ?? [wanted.dnsServer];
  const searches = wanted.dnsSearches ?? [wanted.dnsSearch];
  return [
    ...servers.map((server) => `nameserver ${server}`),
    ...(searches.length === 0 ? [] : [`search ${searches.join(" ")}`]),
    RESOLVER_OPTIONS,
    "",
  ].join("\n");
}
