import { readFileSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import type { Clock } from "@gantry/kernel";
import type { Progress } from "./progress.ts";

/**
 * The folder of the program: a checkout of the sources, or an installed release, which has the same layout.
 */
export const PROJECT = resolve(import.meta.dirname, "../..");

/**
 * A module of the program, named without its extension: TypeScript in a checkout, JavaScript in a release.
 */
export function moduleFile(path: string): string {
  return join(PROJECT, `${path}${extname(import.meta.filename)}`);
}

/**
 * The version of the program, and the release that `npm run release` recorded; a checkout has only a version.
 */
export interface Version {
  readonly version: string;
  readonly release: Release | undefined;
}

/** What a release was built from. `tools/release/npm-package.ts` writes it. */
export interface Release {
  /** The commit, with "-modified" where the working tree had other changes. */
  readonly commit: string;
  /** The day of the commit, such as 2026-11-27. */
  readonly date: string;
}

/** Reads the version from the program's own files. */
export function readVersion(): Version {
  const manifest = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as {
    version: string;
    gantry?: Release;
  }; // Our own manifest.
  return { version: manifest.version, release: manifest.gantry };
}

/** The command with which the program is called: a path in a checkout, a name where it is installed. */
export function programName(): string {
  return isRelease() ? "gantry" : "./gantry";
}

/** Whether this is an installed release, which has neither tests nor benchmarks. */
export function isRelease(): boolean {
  return extname(import.meta.filename) === ".js";
}

/**
 * The flags of the control plane's process. The young generation is small: after a burst, resident memory is
 * a quarter lower, and the burst takes no longer (bench many-services). Memory outside the heap counts
 * towards the heap's own limit: otherwise every 64 MiB of a body that passes through cause a full collection
 * (bench objects: half the time of a large object). The heap may double between two full collections: with four
 * times, resident memory is 200 MiB higher after a day of metrics of 500 services (bench metrics), and large
 * objects are no faster (bench objects). The control plane collects once after its start. Regular expressions are
 * compiled to machine code at once: by default V8 makes bytecode first, which takes 4 ms of the start for the one
 * by which Node recognizes IPv6 addresses (docs/decisions/0044). One thread beside the main one compiles and collects
 * garbage instead of four, whose stacks and heaps of malloc take 3 MiB.
 */
export const RUNTIME_FLAGS: readonly string[] = [
  "--max-semi-space-size=4",
  "--external-memory-accounted-in-global-limit",
  "--external-memory-max-growing-factor=4",
  "--heap-growing-percent=100",
  "--expose-gc",
  "--no-regexp-tier-up",
  "--v8-pool-size=1",
];

/**
 * The environment of the control plane's process. malloc gives memory above its heap's top back from 128 KiB on. That
 * is its default, but left to itself it raises the threshold with the largest block that was freed, and an idle
 * control plane keeps 6 MiB more (bench start). The threshold of mapped blocks stays at 128 KiB too, so what is
 * allocated again and again has to be smaller (packages/content/frames.ts). Source: mallopt(3).
 */
export const RUNTIME_ENVIRONMENT = { MALLOC_TRIM_THRESHOLD_: "131072" } as const;

/** The label of every image that Gantry builds. */
export const IMAGE_LABEL = "gantry.image=true";

/** The dependencies of commands that act on the platform. */
export interface PlatformDeps {
  readonly clock: Clock;
  readonly progress: Progress;
}
