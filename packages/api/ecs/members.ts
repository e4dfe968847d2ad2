import type * as sdk from "@aws-sdk/client-ecs";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

/** Members of operations on container instances, of which there are none. */
const NO_INSTANCE = "no cluster has a container instance";

const OF_ATTRIBUTES = {
  "attributes.name": NO_INSTANCE,
  "attributes.value": NO_INSTANCE,
  "attributes.targetType": NO_INSTANCE,
} as const;

/** Of a service that does not take part. */
const NO_CONNECT = "Service Connect alone acts on it";

export const RECORDED: RecordedMembers<typeof sdk> = {
  CreateCluster: {
    configuration: "there is no ExecuteCommand, and no managed storage",
    serviceConnectDefaults: "there is no Service Connect",
  },
  UpdateCluster: {
    configuration: "there is no ExecuteCommand, and no managed storage",
    serviceConnectDefaults: "there is no Service Connect",
  },
  RegisterTaskDefinition: {
    "runtimePlatform.cpuArchitecture": "a task runs on a node, with the images of its architecture",
    "containerDefinitions.portMappings.appProtocol": NO_CONNECT,
    "volumes.efsVolumeConfiguration.transitEncryptionPort": "a mount is a bind mount on the node",
  },
  StartTask: {
    enableECSManagedTags: NO_INSTANCE,
    enableExecuteCommand: NO_INSTANCE,
    "networkConfiguration.awsvpcConfiguration.assignPublicIp": NO_INSTANCE,
    "overrides.containerOverrides.environmentFiles": NO_INSTANCE,
    propagateTags: NO_INSTANCE,
    group: NO_INSTANCE,
    startedBy: NO_INSTANCE,
    "tags.key": NO_INSTANCE,
  },
  ListContainerInstances: {
    filter: NO_INSTANCE,
    maxResults: NO_INSTANCE,
    nextToken: NO_INSTANCE,
    status: NO_INSTANCE,
  },
  DescribeContainerInstances: { include: NO_INSTANCE },
  DeregisterContainerInstance: { force: NO_INSTANCE },
  ListAttributes: {
    targetType: NO_INSTANCE,
    attributeName: NO_INSTANCE,
    attributeValue: NO_INSTANCE,
    maxResults: NO_INSTANCE,
    nextToken: NO_INSTANCE,
  },
  PutAttributes: OF_ATTRIBUTES,
  DeleteAttributes: OF_ATTRIBUTES,
  UpdateService: {
    availabilityZoneRebalancing: "a node has all zones that its subnets are in",
    serviceConnectConfiguration: NO_CONNECT,
    placementStrategy: "one node satisfies every strategy",
  },
  CreateService: {
    serviceConnectConfiguration: NO_CONNECT,
    availabilityZoneRebalancing: "a node has all zones that its subnets are in",
    clientToken: "a service name is taken once",
    placementStrategy: "one node satisfies every strategy",
  },
};

const DEPLOYMENT = [
  "deploymentConfiguration.deploymentCircuitBreaker.resetOnHealthyTask",
  "deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration",
  "deploymentConfiguration.earlySuccessCriteria",
  "gatewayConnectors",
  "serviceConnectConfiguration.enabled",
] as const;

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateService: DEPLOYMENT,
  UpdateService: DEPLOYMENT,
  CreateTaskSet: ["loadBalancers.advancedConfiguration"],
  ListServices: [["resourceManagementType", "CUSTOMER"]],
  RegisterTaskDefinition: [["runtimePlatform.operatingSystemFamily", "LINUX"]],
};
