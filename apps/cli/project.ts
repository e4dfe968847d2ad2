import { resolve } from "node:path";
import type { Clock } from "@gantry/kernel";
import type { Progress } from "./progress.ts";

/** The folder of Gantry's own sources. */
export const PROJECT = resolve(import.meta.dirname, "../..");
/**
 * The flags of the control plane's process. The young generation is small: a burst leaves a quarter less memory behind
 * and takes no longer (bench many-services). Memory outside the heap counts towards the heap's own limit: otherwise every
 * 64 MiB of a body that passes through cause a full collection (bench objects: half the time of a large object).
 */
export const RUNTIME_FLAGS: readonly string[] = [
  "--max-semi-space-size=4",
  "--external-memory-accounted-in-global-limit",
  "--external-memory-max-growing-factor=4",
  "--heap-growing-percent=300",
];
/** The label of every image that Gantry builds. */
export const IMAGE_LABEL = "gantry.image=true";

/** What the commands that act on the platform need. */
export interface PlatformDeps {
  readonly clock: Clock;
  readonly progress: Progress;
}
