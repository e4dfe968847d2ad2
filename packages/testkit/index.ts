/**
 * The foundation of the tests: the API served in this process on a free port, minimal records, and a
 * simulated world on virtual time with every controller and a node with fake containers.
 */
export { createBalancer } from "./balancer.ts";
export * from "./api-server.ts";
export * from "./presign.ts";
export * from "./raw-request.ts";
export * from "./s3-client.ts";
export * from "./topic-deliveries.ts";
export * from "./simulation/code-deploy-schedule.ts";
export * from "./simulation/schedule.ts";
export * from "./world.ts";
