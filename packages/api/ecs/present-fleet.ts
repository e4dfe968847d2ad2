import type * as ecs from "@aws-sdk/client-ecs";
import type { ServiceVersion, TaskRecord } from "@gantry/state";
import { presentStrategy } from "./capacity-strategy.ts";

/** Tasks that are wanted, by status. */
export function countsOf(tasks: readonly TaskRecord[]): { runningCount: number; pendingCount: number } {
  const wanted = tasks.filter((task) => task.desiredStatus === "RUNNING");
  return {
    runningCount: wanted.filter((task) => task.lastStatus === "RUNNING").length,
    pendingCount: wanted.filter((task) => ["PROVISIONING", "PENDING", "ACTIVATING"].includes(task.lastStatus))
      .length,
  };
}

/** A strategy is shown in place of the launch type. */
export function presentCapacity(
  version: ServiceVersion,
): Pick<ecs.Service, "launchType" | "capacityProviderStrategy"> {
  return version.capacityProviderStrategy === undefined
    ? { launchType: version.launchType }
    : { capacityProviderStrategy: presentStrategy(version.capacityProviderStrategy) };
}

export function presentNetwork({ network }: ServiceVersion): ecs.NetworkConfiguration {
  return {
    awsvpcConfiguration: {
      subnets: [...network.subnets],
      securityGroups: [...network.securityGroups],
      assignPublicIp: network.assignPublicIp,
    },
  };
}
