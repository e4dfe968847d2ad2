/**
 * One folder per loop. `plan-*.ts` decides and is pure; `*-controller.ts` reads fresh, plans, writes.
 * `node/` is where records become assignments for a node's agent and its observations become records again.
 * A controller keeps nothing for itself: what it knows is in the store.
 */
export * from "./controller-deps.ts";
export * from "./alarm/alarm-controller.ts";
export * from "./auto-scaling/auto-scaling-controller.ts";
export * from "./deployment-report/deployment-report-controller.ts";
export * from "./code-deploy/code-deploy-controller.ts";
export * from "./code-deploy/code-deploy-hook-controller.ts";
export * from "./events/delivery-controller.ts";
export * from "./events/schedule-controller.ts";
export * from "./load-balancer/own-certificate-controller.ts";
export * from "./logs/retention-controller.ts";
export * from "./node/node-gateway.ts";
export * from "./node/pod-assignment.ts";
export * from "./registry/registry-controller.ts";
export * from "./scheduler/resolve-images.ts";
export * from "./scheduler/scheduler-controller.ts";
export * from "./scheduler/warm-pool-controller.ts";
export * from "./secrets/expiry-controller.ts";
export * from "./secrets/session-controller.ts";
export * from "./service/hook-controller.ts";
export * from "./service/service-controller.ts";
export * from "./storage/lifecycle-controller.ts";
export * from "./target/draining-controller.ts";
export * from "./target/target-controller.ts";
export * from "./task/client-token-controller.ts";
export * from "./task/execution-role.ts";
export * from "./task/task-controller.ts";
