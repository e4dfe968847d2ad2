import * as sdk from "@aws-sdk/client-codedeploy";
import type { Constraint, Constraints } from "@gantry/wire";

const oneOf = (values: Readonly<Record<string, string>>): Constraint => ({ oneOf: Object.values(values) });

/**
 * The values of CodeDeploy's enumerations. The operations check names and limits themselves, with
 * CodeDeploy's own sentences.
 * Source: the service's model.
 */
export const CONSTRAINTS: Constraints = {
  computePlatform: oneOf(sdk.ComputePlatform),
  outdatedInstancesStrategy: oneOf(sdk.OutdatedInstancesStrategy),
  "trafficRoutingConfig/type": oneOf(sdk.TrafficRoutingType),
  "triggerConfigurations/triggerEvents": { each: oneOf(sdk.TriggerEventType) },
  "autoRollbackConfiguration/events": { each: oneOf(sdk.AutoRollbackEvent) },
  "blueGreenDeploymentConfiguration/terminateBlueInstancesOnDeploymentSuccess/action": oneOf(
    sdk.InstanceAction,
  ),
  "blueGreenDeploymentConfiguration/deploymentReadyOption/actionOnTimeout": oneOf(sdk.DeploymentReadyAction),
  deploymentWaitType: oneOf(sdk.DeploymentWaitType),
  deployed: oneOf(sdk.ListStateFilterAction),
  sortBy: oneOf(sdk.ApplicationRevisionSortBy),
  sortOrder: oneOf(sdk.SortOrder),
  includeOnlyStatuses: { each: oneOf(sdk.DeploymentStatus) },
  "revision/revisionType": oneOf(sdk.RevisionLocationType),
};
