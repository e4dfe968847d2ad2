/**
 * The control plane as one process: `main.ts` constructs it, and `settings.ts` defines the settings of an
 * instance.
 */
export type { Explanation } from "./explain.ts";
export type { DeploymentRow } from "./deployment-facts.ts";
export type { DeploymentReport, ReportedFleet } from "./deployment-reports.ts";
export type { ClockStatus } from "./clock-control.ts";
export * from "./health.ts";
export type { PlatformStatus, TaskStatusRow } from "./platform-status.ts";
export * from "./process-identity.ts";
export * from "./settings.ts";
export { operatorHeaders } from "./secret-file.ts";
export * from "./state-folder.ts";
export { problemOfListen, urlHost } from "./loopback.ts";
