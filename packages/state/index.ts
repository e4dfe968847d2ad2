/**
 * Stores the state of the platform: records by kind and key, transactions, and a resumable feed of changed
 * keys. The memory store is the reference; the SQLite store adds a journal, and one test suite covers both.
 * `records/` declares the records, `record-migrations.ts` their versions; no other package stores state.
 */
export * from "./store.ts";
export { CHANGES_MAX } from "./change-ring.ts";
export * from "./memory-store.ts";
export * from "./sqlite-store.ts";
export * from "./records.ts";
export * from "./alarm-period.ts";
export * from "./alarm-rule.ts";
export * from "./container-insights.ts";
export * from "./event-pattern.ts";
export * from "./log-options.ts";
export { isInputPath, type DeliveredEvent } from "./event-input.ts";
export * from "./schedule.ts";
export * from "./records/security-policies.ts";
export * from "./transactions/account-settings.ts";
export * from "./transactions/addresses.ts";
export * from "./transactions/endpoint-services.ts";
export * from "./transactions/peerings.ts";
export * from "./transactions/prefix-lists.ts";
export * from "./transactions/alarms.ts";
export * from "./transactions/auto-scaling.ts";
export * from "./transactions/capacity-providers.ts";
export * from "./transactions/code-deployments.ts";
export * from "./transactions/deployment-alarms.ts";
export * from "./transactions/deployment-reports.ts";
export * from "./transactions/desired-count.ts";
export * from "./transactions/events.ts";
export * from "./transactions/hosting.ts";
export * from "./transactions/interruption.ts";
export * from "./transactions/kms-keys.ts";
export * from "./transactions/log-groups.ts";
export * from "./transactions/log-keys.ts";
export * from "./transactions/new-task.ts";
export * from "./transactions/platform-clock.ts";
export * from "./transactions/protected-values.ts";
export * from "./transactions/queue-contents.ts";
export * from "./transactions/repositories.ts";
export * from "./transactions/reseal.ts";
export * from "./transactions/reservations.ts";
export * from "./transactions/secret-values.ts";
export * from "./transactions/service-deployments.ts";
export * from "./transactions/service-events.ts";
export * from "./transactions/service-images.ts";
export * from "./transactions/sessions.ts";
export * from "./transactions/staged-deployments.ts";
export * from "./transactions/targets.ts";
export * from "./transactions/task-set-keys.ts";
export * from "./transactions/task-sets.ts";
export * from "./transactions/traffic.ts";
