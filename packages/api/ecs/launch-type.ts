import type { ApiDeps } from "../common/api-deps.ts";
import { invalidParameter } from "./lookups.ts";

/**
 * The node takes part as a container instance only where the operator lets tasks use it as one. There are no
 * external and no managed instances.
 * Errors: InvalidParameterException, for EC2 in the words of ECS for a cluster without container instances.
 */
export function checkLaunchType(
  launchType: string | undefined,
  { allowHostAccess }: Pick<ApiDeps, "allowHostAccess">,
): void {
  if (launchType === "EC2" && !allowHostAccess)
    throw invalidParameter("No Container Instances were found in your cluster.");
  if (launchType === "EXTERNAL" || launchType === "MANAGED_INSTANCES")
    throw invalidParameter(`Gantry does not support the launch type ${launchType} yet: use FARGATE, or EC2.`);
}
