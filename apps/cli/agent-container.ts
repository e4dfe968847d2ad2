import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { DockerEngine, type Naming } from "@gantry/agent";
import type { InstanceSettings } from "@gantry/control-plane";
import { localNodeId, NODE_FOLDER } from "@gantry/control-plane/link";
import { silentLogger, type Clock } from "@gantry/kernel";
import { ownContainer } from "./own-container.ts";

/**
 * An agent container whose label differs from the current parameters (another port, the environment of an
 * earlier version) is replaced.
 */
export const PARAMETERS_LABEL = "gantry.parameters";

export function fingerprintOf(parameters: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parameters)).digest("hex").slice(0, 16);
}

const AGENT_MAIN =
  "/usr/local/bin/node --max-semi-space-size=4 " +
  `/opt/gantry/apps/agent/main${extname(import.meta.filename)}`;
/**
 * Restarts the agent immediately after every exit. The engine's own restart policy doubles its delay with
 * each restart, up to a minute. Node's compile cache is filled before the first start, because the process
 * that fills it stays 36 MiB larger than one that reads it.
 */
const AGENT_LOOP =
  `trap 'kill "$p"; wait "$p"; exit 0' TERM; export NODE_COMPILE_CACHE=/var/cache/gantry; ` +
  `[ -d "$NODE_COMPILE_CACHE" ] || ${AGENT_MAIN} --compile; while :; do ${AGENT_MAIN} & p=$!; wait ` +
  `"$p"; sleep 0.1; done`;

/** Facts about the docker command and the engine on which the parameters depend. */
export interface EngineFacts {
  /** The mount point of the data volume as the engine sees it. */
  readonly mountpoint: string;
  /** The option of `--mount` that excludes the mounts below a folder. */
  readonly shallow: string;
  /** How the engine names control groups: "cgroupfs" or "systemd". */
  readonly cgroupDriver: string;
}

/**
 * The docker command renamed the option for a non-recursive bind mount in version 25. `version` is the
 * version of the command, such as "20.10.24".
 */
export function shallowOption(version: string): string {
  return Number.parseInt(version, 10) >= 25 ? "bind-recursive=disabled" : "bind-nonrecursive";
}

/** The CPU weight of the agent's container; a container has 1024 by default. */
const CPU_WEIGHT = 8_192;

/**
 * The agent's share of a busy machine. It is one thread that every task waits for, while `docker run` is a process for
 * each container. Without systemd the engine puts all containers below one group, `/docker`, which gets as much of the
 * CPU as a single process on the host: the agent gets a group beside it.
 */
function cpuShare({ cgroupDriver }: EngineFacts): readonly string[] {
  const parent = cgroupDriver === "cgroupfs" ? ["--cgroup-parent", "/"] : [];
  return ["--cpu-shares", String(CPU_WEIGHT), ...parent];
}

/** Lets a container create and use loop devices, as which EBS volumes are attached. Source: Linux, devices.txt. */
export const LOOP_DEVICES = [
  ...["--device-cgroup-rule", "b 7:* rwm"],
  ...["--device-cgroup-rule", "c 10:237 rwm"],
] as const;

/** Parameters of `docker run` for the node agent. They contain no secrets. */
export function agentParameters(
  settings: InstanceSettings,
  options: { naming: Naming; name: string; image: string; facts: EngineFacts },
): readonly string[] {
  const { naming, name, image, facts } = options;
  const { mountpoint, shallow } = facts;
  const socket = engineSocket();
  return [
    "-d",
    "--name",
    name,
    "--label",
    naming.label,
    "--label",
    "gantry.role=agent",
    "--restart",
    "always",
    "--network",
    "host",
    "--pid",
    "host",
    "--init",
    ...cpuShare(facts),
    ...["NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_PTRACE"].flatMap((capability) => ["--cap-add", capability]),
    ...LOOP_DEVICES,
    "--security-opt",
    "seccomp=unconfined",
    "--security-opt",
    "apparmor=unconfined",
    // The folder is mounted and not the socket: an engine that restarts creates a new socket, and a mounted
    // socket would remain the old one. The mount is not recursive, because the engine's network namespaces
    // are mounts below the folder and would be kept alive by it.
    "--mount",
    `type=bind,source=${dirname(socket)},target=/run/engine,${shallow}`,
    "-v",
    "/sys/fs/cgroup:/sys/fs/cgroup:rw",
    "-v",
    `${naming.volume}:/data`,
    "-v",
    `${mountpoint}/netns:/run/netns`,
    // The node's certificate and key are passed in a file, because other processes can read arguments and
    // environments.
    "--mount",
    `type=bind,readonly,source=${join(settings.folder, NODE_FOLDER)},target=/run/gantry`,
    "--log-opt",
    "max-size=16m",
    "--log-opt",
    "max-file=3",
    ...Object.entries(agentEnvironment(settings, { image, mountpoint, socket })).flatMap(
      ([variable, value]) => ["-e", `${variable}=${value}`],
    ),
    "--entrypoint",
    "/bin/sh",
    image,
    "-c",
    AGENT_LOOP,
  ];
}

function agentEnvironment(
  settings: InstanceSettings,
  options: { image: string; mountpoint: string; socket: string },
): Record<string, string> {
  const { image, mountpoint, socket } = options;
  return {
    GANTRY_INSTANCE: settings.instance,
    GANTRY_NODE: localNodeId(settings.instance),
    GANTRY_DATA_PATH: mountpoint,
    GANTRY_AGENT_IMAGE: image,
    GANTRY_ENGINE_SOCKET: `/run/engine/${basename(socket)}`,
    GANTRY_LINK_HOST: "127.0.0.1",
    GANTRY_LINK_PORT: String(settings.linkPort),
  };
}

/**
 * The path of the engine's socket on this machine with symbolic links resolved, taken from DOCKER_HOST as the
 * docker command does.
 */
function engineSocket(): string {
  return ownContainer()?.socket ?? realpathSync(namedSocket());
}

function namedSocket(): string {
  const host = process.env["DOCKER_HOST"] ?? "";
  return host.startsWith("unix://") ? host.slice("unix://".length) : "/var/run/docker.sock";
}

/** The engine behind the socket that this process sees: it answers in a tenth of the docker command's time. */
export function localEngine(clock: Clock): DockerEngine {
  return new DockerEngine({ socketPath: namedSocket(), clock, log: silentLogger });
}
