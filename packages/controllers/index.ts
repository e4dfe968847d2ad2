/**
 * One folder per loop. `plan-*.ts` decides and is pure; `*-controller.ts` reads the current records, plans,
 * and writes. `node/` turns records into assignments for a node's agent, and the agent's observations into
 * records. A controller has no state of its own: everything is in the store.
 */
export * from "./certificates/certificate-validation-controller.ts";
export * from "./controller-deps.ts";
export * from "./alarm/alarm-controller.ts";
export * from "./auto-scaling/auto-scaling-controller.ts";
export * from "./database/database-certificate-controller.ts";
export * from "./discovery/discovery-controller.ts";
export * from "./auto-scaling-groups/auto-scaling-group-controller.ts";
export * from "./deployment-report/deployment-report-controller.ts";
export * from "./code-deploy/code-deploy-controller.ts";
export * from "./code-deploy/code-deploy-hook-controller.ts";
export * from "./code-deploy/code-deploy-trigger-controller.ts";
export * from "./events/archive-controller.ts";
export { destinationCaller, type DestinationDeps } from "./events/call-destination.ts";
export type { InvokeDeps } from "./events/invoke-target.ts";
export * from "./events/connection-controller.ts";
export * from "./events/delivery-controller.ts";
export * from "./events/replay-controller.ts";
export * from "./events/schedule-controller.ts";
export * from "./service-principal.ts";
export * from "./instance/instance-controller.ts";
export * from "./health-check/health-check-controller.ts";
export * from "./health-check/probe-endpoint.ts";
export * from "./health-check/public-names.ts";
export * from "./load-balancer/own-certificate-controller.ts";
export * from "./logs/metric-filter-controller.ts";
export * from "./logs/retention-controller.ts";
export * from "./logs/subscription-controller.ts";
export * from "./node/node-gateway.ts";
export * from "./node/pod-assignment.ts";
export { outboundRequests, type SendOutbound } from "./outbound/outbound-request.ts";
export * from "./registry/registry-controller.ts";
export * from "./registry/replication-controller.ts";
export type { ReadObject } from "./scheduler/read-environment-files.ts";
export * from "./scheduler/resolve-images.ts";
export * from "./scheduler/scheduler-controller.ts";
export * from "./scheduler/warm-pool-controller.ts";
export * from "./secrets/expiry-controller.ts";
export * from "./secrets/parameter-policy-controller.ts";
export * from "./secrets/rotation-controller.ts";
export * from "./secrets/session-controller.ts";
export * from "./service/hook-controller.ts";
export * from "./service/service-controller.ts";
export * from "./storage/lifecycle-controller.ts";
export * from "./storage/object-event-controller.ts";
export * from "./storage/object-replication-controller.ts";
export * from "./target/draining-controller.ts";
export * from "./target/target-controller.ts";
export * from "./task/client-token-controller.ts";
export * from "./task/execution-role.ts";
export * from "./task/task-controller.ts";
export * from "./topics/topic-action.ts";
export * from "./topics/topic-delivery-controller.ts";
export * from "./topics/topic-endpoints.ts";
export * from "./topics/topic-signer.ts";
