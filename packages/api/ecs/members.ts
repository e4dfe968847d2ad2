import type * as sdk from "@aws-sdk/client-ecs";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

/** Members of operations on container instances, of which there are none. */
const NO_INSTANCE = "no cluster has a container instance";

export const RECORDED: RecordedMembers<typeof sdk> = {
  RegisterTaskDefinition: {
    "containerDefinitions.portMappings.appProtocol": "Service Connect alone acts on it",
    "volumes.efsVolumeConfiguration.transitEncryptionPort": "a mount is a bind mount on the node",
  },
  StartTask: {
    enableECSManagedTags: NO_INSTANCE,
    group: NO_INSTANCE,
    startedBy: NO_INSTANCE,
    "tags.key": NO_INSTANCE,
  },
  ListContainerInstances: { filter: NO_INSTANCE, nextToken: NO_INSTANCE },
  DescribeContainerInstances: { include: NO_INSTANCE },
  DeregisterContainerInstance: { force: NO_INSTANCE },
  ListAttributes: {
    targetType: NO_INSTANCE,
    attributeName: NO_INSTANCE,
    attributeValue: NO_INSTANCE,
    nextToken: NO_INSTANCE,
  },
  PutAttributes: { "attributes.value": NO_INSTANCE, "attributes.targetType": NO_INSTANCE },
  DeleteAttributes: { "attributes.value": NO_INSTANCE, "attributes.targetType": NO_INSTANCE },
  CreateService: { clientToken: "a service name is taken once" },
};

const DEPLOYMENT = [
  "deploymentConfiguration.deploymentCircuitBreaker.resetOnHealthyTask",
  "deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration",
  "deploymentConfiguration.earlySuccessCriteria",
  "gatewayConnectors",
] as const;

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateService: DEPLOYMENT,
  UpdateService: DEPLOYMENT,
  ListServices: [["resourceManagementType", "CUSTOMER"]],
};
