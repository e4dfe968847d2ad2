import type * as sdk from "@aws-sdk/client-codedeploy";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

const INSTANCES = "deployments to instances alone have it";
const GROUP = {
  "blueGreenDeploymentConfiguration.greenFleetProvisioningOption": INSTANCES,
  outdatedInstancesStrategy: INSTANCES,
  terminationHookEnabled: INSTANCES,
} as const;

export const RECORDED: RecordedMembers<typeof sdk> = {
  CreateDeploymentGroup: GROUP,
  UpdateDeploymentGroup: GROUP,
  CreateDeployment: {
    ignoreApplicationStopFailures: INSTANCES,
    updateOutdatedInstancesOnly: INSTANCES,
    fileExistsBehavior: INSTANCES,
  },
  ListDeploymentTargets: { nextToken: "a deployment has one target" },
  ListTagsForResource: { NextToken: "all tags fit one page" },
};

const GITHUB = ["revision.gitHubLocation"] as const;
const OF_INSTANCES = [
  "ec2TagFilters",
  "onPremisesInstanceTagFilters",
  "ec2TagSet.ec2TagSetList",
  "onPremisesTagSet.onPremisesTagSetList",
  "loadBalancerInfo.targetGroupInfoList",
] as const;

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateDeployment: ["revision.gitHubLocation", "targetInstances", "deploymentMode"],
  CreateDeploymentConfig: ["minimumHealthyHosts", "zonalConfig"],
  CreateDeploymentGroup: OF_INSTANCES,
  UpdateDeploymentGroup: OF_INSTANCES,
  GetApplicationRevision: GITHUB,
  RegisterApplicationRevision: GITHUB,
  BatchGetApplicationRevisions: ["revisions.gitHubLocation"],
  ListDeployments: ["externalId"],
};
