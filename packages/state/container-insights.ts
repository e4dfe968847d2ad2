import type { ClusterRecord } from "./records.ts";

/**
 * Which ECS/ContainerInsights metrics a cluster asks for: none, those of tasks and services, or those of each
 * task and container too. Source: API_ClusterSetting, containerInsights.
 */
export function containerInsightsOf(cluster: ClusterRecord | undefined): "disabled" | "enabled" | "enhanced" {
  const value = cluster?.settings.find(({ name }) => name === "containerInsights")?.value;
  return value === "enabled" || value === "enhanced" ? value : "disabled";
}
