import type { Ec2InstanceRecord } from "./records/ec2-instances.ts";
import type { Reader } from "./store.ts";
import { hostOf } from "./transactions/hosting.ts";

/** How long the first check of an instance that starts may take: it is initializing until then. */
const STARTING_MS = 2 * 60_000;

export interface StatusCheck {
  readonly status: "ok" | "impaired" | "initializing" | "not-applicable";
  /** Since when it is impaired (ms, real time), where that is known. */
  readonly impairedSince?: number | undefined;
}

/**
 * The status checks of an instance: that of the instance fails while it does not pass its health check, that of the
 * system while its node has no session. `realNow` is in real time, as launch times are.
 * Source: EC2 User Guide, "Status checks for your instances".
 */
export function instanceChecks(
  reader: Reader,
  instance: Ec2InstanceRecord,
  realNow: number,
): { readonly instance: StatusCheck; readonly system: StatusCheck } {
  if (instance.state !== "running")
    return { instance: { status: "not-applicable" }, system: { status: "not-applicable" } };
  const isStarting =
    instance.rebooting ||
    (instance.unreachableSince === undefined &&
      realNow < (instance.restartedAt ?? instance.launchedAt) + STARTING_MS);
  const initializing = { status: "initializing" as const };
  const own: StatusCheck = instance.reachable
    ? { status: "ok" }
    : isStarting
      ? initializing
      : { status: "impaired", impairedSince: instance.unreachableSince };
  const node = reader.get("node", hostOf(reader, instance));
  if (node?.state === "DISCONNECTED")
    return { instance: own, system: { status: "impaired", impairedSince: node.lastContactAt } };
  return { instance: own, system: own.status === "initializing" ? initializing : { status: "ok" } };
}
