import type { PodAssignment } from "@gantry/agent-protocol";
import { messageOf, type Logger } from "@gantry/kernel";
import type { Host } from "../host.ts";
import type { NetworkInterfaces } from "../network/interfaces.ts";
import type { PodView } from "./plan-pod.ts";

/** The ids of the volumes and interfaces of an instance; undefined: none are assigned, or it is not known. */
export interface AttachedParts {
  readonly attachedVolumes?: readonly string[] | undefined;
  readonly attachedInterfaces?: readonly string[] | undefined;
}

interface AttachedPartsDeps {
  readonly host: Pick<Host, "blockVolumes">;
  readonly interfaces: Pick<NetworkInterfaces, "attach">;
  readonly log: Logger;
}

/**
 * Attaches and detaches the volumes and interfaces of an instance, while its container runs or has stopped. One
 * that cannot be attached does not keep the instance from running: it is tried again with the next reconcile.
 */
export async function applyAttached(
  deps: AttachedPartsDeps,
  pod: PodAssignment,
  view: PodView,
): Promise<AttachedParts> {
  return {
    attachedVolumes: await attempted(deps, pod, () => volumes(deps, pod, view)),
    attachedInterfaces: await attempted(deps, pod, () => interfaces(deps, pod, view)),
  };
}

/** Whether exactly the assigned volumes and interfaces are attached. */
export function isAllAttached(
  pod: PodAssignment,
  { attachedVolumes, attachedInterfaces }: AttachedParts,
): boolean {
  const wantedVolumes = pod.blockDevices?.attached.map(({ volumeId }) => volumeId);
  const wantedInterfaces = pod.attachedInterfaces?.map(({ id }) => id);
  const isSame = (wanted: readonly string[] | undefined, there: readonly string[] | undefined) =>
    wanted === undefined || wanted.toSorted().join() === there?.toSorted().join();
  return isSame(wantedVolumes, attachedVolumes) && isSame(wantedInterfaces, attachedInterfaces);
}

async function volumes(
  { host }: AttachedPartsDeps,
  { blockDevices }: PodAssignment,
  { containers }: PodView,
): Promise<readonly string[] | undefined> {
  if (blockDevices === undefined) return undefined;
  const running = [...containers.values()].find((container) => container.state === "running");
  return host.blockVolumes.apply(blockDevices, running?.pid);
}

/** Without a namespace there is nothing to connect: a stopped instance gets its interfaces when it starts. */
async function interfaces(
  deps: AttachedPartsDeps,
  pod: PodAssignment,
  { pause }: PodView,
): Promise<readonly string[] | undefined> {
  if (pod.attachedInterfaces === undefined) return undefined;
  if (pause?.state === "running") await deps.interfaces.attach(pod, pause.pid);
  else if (pod.desired === "RUNNING") return undefined;
  return pod.attachedInterfaces.map(({ id }) => id);
}

async function attempted(
  { log }: AttachedPartsDeps,
  { key }: PodAssignment,
  act: () => Promise<readonly string[] | undefined>,
): Promise<readonly string[] | undefined> {
  try {
    return await act();
  } catch (thrown) {
    log.warn("A volume or interface could not be attached", { pod: key, reason: messageOf(thrown) });
    return undefined;
  }
}
