import * as sdk from "@aws-sdk/client-ecs";
import type { Constraint, Constraints } from "@gantry/wire";

const oneOf = (values: Readonly<Record<string, string>>): Constraint => ({ oneOf: Object.values(values) });
const someOf = (values: Readonly<Record<string, string>>): Constraint => ({ each: oneOf(values) });
/** A day. Source: API_DeploymentConfiguration, API_CanaryConfiguration, API_LinearConfiguration. */
const MINUTES: Constraint = { least: 0, most: 1_440 };
const RESULTS: Constraint = { least: 1, most: 100 };

/**
 * What ECS's model asks of members: the values of its enums, and ranges. Names and what one member asks of
 * another ECS checks by itself, in its own words.
 * Source: the service's model, ECS API Reference.
 */
export const CONSTRAINTS: Constraints = {
  launchType: oneOf(sdk.LaunchType),
  schedulingStrategy: oneOf(sdk.SchedulingStrategy),
  propagateTags: oneOf(sdk.PropagateTags),
  availabilityZoneRebalancing: oneOf(sdk.AvailabilityZoneRebalancing),
  networkMode: oneOf(sdk.NetworkMode),
  pidMode: oneOf(sdk.PidMode),
  ipcMode: oneOf(sdk.IpcMode),
  requiresCompatibilities: someOf(sdk.Compatibility),
  sort: oneOf(sdk.SortOrder),
  maxResults: RESULTS,
  "ListTasks.desiredStatus": oneOf(sdk.DesiredStatus),
  "ListTaskDefinitions.status": oneOf(sdk.TaskDefinitionStatus),
  "ListTaskDefinitionFamilies.status": oneOf(sdk.TaskDefinitionFamilyStatus),
  "scale/unit": oneOf(sdk.ScaleUnit),
  "DescribeTaskSets.include": someOf(sdk.TaskSetField),
  "DescribeTasks.include": someOf(sdk.TaskField),
  "DescribeServices.include": someOf(sdk.ServiceField),
  "DescribeClusters.include": someOf(sdk.ClusterField),
  "DescribeTaskDefinition.include": someOf(sdk.TaskDefinitionField),
  "deploymentConfiguration/strategy": oneOf(sdk.DeploymentStrategy),
  "deploymentConfiguration/bakeTimeInMinutes": MINUTES,
  "deploymentConfiguration/canaryConfiguration/canaryPercent": { least: 0.1, most: 100 },
  "deploymentConfiguration/canaryConfiguration/canaryBakeTimeInMinutes": MINUTES,
  "deploymentConfiguration/linearConfiguration/stepPercent": { least: 3, most: 100 },
  "deploymentConfiguration/linearConfiguration/stepBakeTimeInMinutes": MINUTES,
  "deploymentConfiguration/lifecycleHooks/targetType": oneOf(sdk.DeploymentLifecycleHookTargetType),
  "deploymentConfiguration/lifecycleHooks/lifecycleStages": someOf(sdk.DeploymentLifecycleHookStage),
  "deploymentConfiguration/lifecycleHooks/timeoutConfiguration/action": oneOf(
    sdk.DeploymentLifecycleHookAction,
  ),
  "deploymentConfiguration/lifecycleHooks/timeoutConfiguration/timeoutInMinutes": { least: 1, most: 20_160 },
  "ContinueServiceDeployment.action": oneOf(sdk.DeploymentLifecycleHookAction),
  "ListServiceDeployments.status": someOf(sdk.ServiceDeploymentStatus),
  stopType: oneOf(sdk.StopServiceDeploymentStopType),
  "deploymentController/type": oneOf(sdk.DeploymentControllerType),
  "networkConfiguration/awsvpcConfiguration/assignPublicIp": oneOf(sdk.AssignPublicIp),
  "settings/name": oneOf(sdk.ClusterSettingName),
  "runtimePlatform/cpuArchitecture": oneOf(sdk.CPUArchitecture),
  "runtimePlatform/operatingSystemFamily": oneOf(sdk.OSFamily),
  "capacityProviderStrategy/base": { least: 0, most: 100_000 },
  "capacityProviderStrategy/weight": { least: 0, most: 1_000 },
  "containerDefinitions/dependsOn/condition": oneOf(sdk.ContainerCondition),
  "containerDefinitions/environmentFiles/type": oneOf(sdk.EnvironmentFileType),
  "containerDefinitions/logConfiguration/logDriver": oneOf(sdk.LogDriver),
  "containerDefinitions/portMappings/protocol": oneOf(sdk.TransportProtocol),
  "containerDefinitions/ulimits/name": oneOf(sdk.UlimitName),
  "volumes/efsVolumeConfiguration/transitEncryption": oneOf(sdk.EFSTransitEncryption),
  "volumes/efsVolumeConfiguration/authorizationConfig/iam": oneOf(sdk.EFSAuthorizationConfigIAM),
};
