import type { InstanceSettings } from "@gantry/control-plane";
import { namingOf } from "@gantry/agent";
import { moduleFile, RUNTIME_ENVIRONMENT, RUNTIME_FLAGS } from "./project.ts";
import { run } from "./run.ts";

/** The container in which the program runs, where it is the container image. */
export interface OwnContainer {
  readonly image: string;
  /** The path of the engine's socket on the engine's machine. */
  readonly socket: string;
  /** The volume of the state folder, which has the same path in the container and on the engine's machine. */
  readonly volume: string;
}

/**
 * Undefined where the program does not run in its container image. `tools/release/files/container` sets the
 * variables.
 */
export function ownContainer(): OwnContainer | undefined {
  const {
    GANTRY_CONTAINER_IMAGE: image,
    GANTRY_CONTAINER_SOCKET: socket,
    GANTRY_CONTAINER_VOLUME: volume,
  } = process.env;
  return image === undefined || socket === undefined || volume === undefined
    ? undefined
    : { image, socket, volume };
}

/**
 * The name of the control plane's container, which outlives the command's container and starts with the
 * engine.
 */
function nameOf(settings: InstanceSettings): string {
  return `gantry-${settings.instance}-control-plane`;
}

const RUN_WITH_LOG = 'log="$1"; shift; exec "$@" >> "$log" 2>&1';

/** Starts the control plane in its own container, because this container ends with the command. */
export async function startControlPlaneContainer(
  settings: InstanceSettings,
  own: OwnContainer,
): Promise<void> {
  const name = nameOf(settings);
  const program = [
    process.execPath,
    ...RUNTIME_FLAGS,
    moduleFile("apps/control-plane/main"),
    settings.folder,
  ];
  await run("docker", ["rm", "-f", name]).catch(() => {}); // The container does not exist the first time.
  await run("docker", [
    ...["run", "-d", "--name", name, "--label", namingOf(settings.instance).label],
    ...["--label", "gantry.role=control-plane", "--restart", "unless-stopped", "--init"],
    ...Object.entries(RUNTIME_ENVIRONMENT).flatMap(([variable, value]) => ["--env", `${variable}=${value}`]),
    ...["--network", "host", "--pid", "host", "-v", `${own.socket}:/var/run/docker.sock`],
    ...["-v", `${own.volume}:${settings.folder}`, "--entrypoint", "/bin/sh", own.image],
    ...["-c", RUN_WITH_LOG, "sh", `${settings.folder}/control-plane.log`, ...program],
  ]);
}

/** Stops the control plane's container, so that the engine does not start it again; there may be none. */
export async function stopControlPlaneContainer(settings: InstanceSettings): Promise<void> {
  const name = nameOf(settings);
  await run("docker", ["stop", "-t", "30", name]).catch(() => {}); // The container does not exist.
  await run("docker", ["rm", "-f", name]).catch(() => {});
}
