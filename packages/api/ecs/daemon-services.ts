import type * as ecs from "@aws-sdk/client-ecs";
import { DEPLOYMENT_DEFAULTS } from "./deployment-configuration.ts";
import { invalidParameter } from "./lookups.ts";

/** Source: API_DeploymentConfiguration, the defaults of the DAEMON service scheduler. */
export const DAEMON_DEFAULTS = { ...DEPLOYMENT_DEFAULTS, minimumHealthyPercent: 0, maximumPercent: 100 };

/**
 * What a service with the scheduling strategy DAEMON cannot have, in ECS's words.
 * Source: API_CreateService, schedulingStrategy and deploymentConfiguration.
 * Errors: InvalidParameterException.
 */
export function checkDaemon(input: ecs.CreateServiceRequest | ecs.UpdateServiceRequest): void {
  const { desiredCount, placementStrategy = [], capacityProviderStrategy = [] } = input;
  const { maximumPercent = 100, minimumHealthyPercent = 0, strategy } = input.deploymentConfiguration ?? {};
  if (desiredCount !== undefined)
    throw invalidParameter(
      "The daemon scheduling strategy does not support a desired count for services. Remove the desired " +
        "count value and try again",
    );
  if (placementStrategy.length > 0)
    throw invalidParameter(
      "The daemon scheduling strategy does not support placement strategies. Remove the placement strategy " +
        "and try again",
    );
  if (maximumPercent > 100)
    throw invalidParameter(
      "The daemon scheduling strategy does not support values above 100 for maximumPercent on a deployment " +
        "configuration. Change the maximumPercent value to 100, and try again",
    );
  if (minimumHealthyPercent >= 100)
    throw invalidParameter(
      "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
    );
  if ((strategy ?? "ROLLING") !== "ROLLING")
    throw invalidParameter(
      `The daemon scheduling strategy does not support the deployment strategy ${strategy}.`,
    );
  if (capacityProviderStrategy.length > 0)
    throw invalidParameter(
      "Specifying a capacity provider strategy is not supported when you create a service using the DAEMON " +
        "scheduling strategy.",
    );
}

/** As `checkDaemon`, with what cannot change later. Errors: InvalidParameterException. */
export function checkNewDaemon(input: ecs.CreateServiceRequest): void {
  checkDaemon(input);
  const controller = input.deploymentController?.type ?? "ECS";
  if (input.launchType === "FARGATE" || controller !== "ECS")
    throw invalidParameter(
      "Tasks using the Fargate launch type or the CODE_DEPLOY or EXTERNAL deployment controller types don't " +
        "support the DAEMON scheduling strategy.",
    );
}
