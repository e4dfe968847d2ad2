/**
 * What tests stand on: the API served in this process on a free port, records with only what matters, a world of
 * virtual time with every controller and a node that fakes its containers.
 */
export * from "./api-server.ts";
export * from "./presign.ts";
export * from "./raw-request.ts";
export * from "./s3-client.ts";
export * from "./simulation/code-deploy-schedule.ts";
export * from "./simulation/schedule.ts";
export * from "./world.ts";
