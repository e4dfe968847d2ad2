/**
 * The ground everything stands on: time, chance, keyed work, the reconcile loop, ARNs, addresses, logging.
 * Nothing in here knows AWS's services or Docker, and nothing acts when it is imported.
 * Start with `work-queue.ts` and `controller.ts`: every loop of the platform is one of those.
 */
export * from "./arn.ts";
export * from "./assert.ts";
export * from "./checksum.ts";
export * from "./cidr.ts";
export * from "./clock.ts";
export * from "./controller.ts";
export * from "./http.ts";
export * from "./ids.ts";
export * from "./logger.ts";
export * from "./private-address.ts";
export * from "./private-folder.ts";
export * from "./sqlite.ts";
export * from "./work-queue.ts";
export * from "./vault.ts";
