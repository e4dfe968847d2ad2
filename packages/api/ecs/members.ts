import type * as sdk from "@aws-sdk/client-ecs";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {
  RegisterTaskDefinition: {
    "containerDefinitions.portMappings.appProtocol": "Service Connect alone acts on it",
    "volumes.efsVolumeConfiguration.transitEncryptionPort": "a mount is a bind mount on the node",
  },
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
