/**
 * Shared primitives: clock, ids, the work queue, the reconcile loop, ARNs, addresses and logging.
 * This package knows neither AWS services nor Docker, and importing it has no effect.
 * Start with `work-queue.ts` and `controller.ts`: every loop of the platform is built from them.
 */
export * from "./arn.ts";
export * from "./assert.ts";
export * from "./checksum.ts";
export * from "./cidr.ts";
export * from "./clock.ts";
export * from "./platform-clock.ts";
export * from "./controller.ts";
export * from "./http.ts";
export * from "./ids.ts";
export * from "./is-object.ts";
export * from "./lazily.ts";
export * from "./logger.ts";
export * from "./private-address.ts";
export * from "./private-folder.ts";
export * from "./sqlite.ts";
export * from "./text-checksum.ts";
export * from "./work-queue.ts";
export * from "./vault.ts";
