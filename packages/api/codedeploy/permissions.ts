import type * as sdk from "@aws-sdk/client-codedeploy";
import type { Reader } from "@gantry/state";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { applicationArnOf, configArnOf, deploymentOf, groupArnOf, taggedOf } from "./lookups.ts";

type Given = string | undefined;

const application = (input: { readonly applicationName?: Given }, place: Caller): readonly Need[] =>
  on(applicationArnOf(place, input.applicationName));
const group = (
  input: { readonly applicationName?: Given; readonly deploymentGroupName?: Given },
  place: Caller,
): readonly Need[] => on(groupArnOf(place, input.applicationName, input.deploymentGroupName));
const config = (input: { readonly deploymentConfigName?: Given }, place: Caller): readonly Need[] =>
  on(configArnOf(place, input.deploymentConfigName));

/** The role by which CodeDeploy changes fleets and listeners. */
function passRole(resource: string | undefined): readonly Need[] {
  return resource === undefined
    ? []
    : [
        {
          action: "iam:PassRole",
          resource,
          conditions: { "iam:PassedToService": "codedeploy.amazonaws.com" },
        },
      ];
}

/** Applications and deployment groups: their names are their ARNs. */
const APPLICATIONS_AND_GROUPS = {
  CreateApplication: (input, place) => {
    const resource = applicationArnOf(place, input.applicationName);
    return [{ resource }, ...tagOnCreate(input.tags, { action: "codedeploy:TagResource", resource })];
  },
  GetApplication: application,
  BatchGetApplications: (input, place) =>
    on(...(input.applicationNames ?? []).map((name) => applicationArnOf(place, name))),
  ListApplications: "*",
  UpdateApplication: (input, place) => [
    ...application(input, place),
    ...(input.newApplicationName === undefined ? [] : on(applicationArnOf(place, input.newApplicationName))),
  ],
  DeleteApplication: application,
  RegisterApplicationRevision: application,
  GetApplicationRevision: application,
  ListApplicationRevisions: application,
  BatchGetApplicationRevisions: application,

  CreateDeploymentGroup: (input, place) => {
    const resource = groupArnOf(place, input.applicationName, input.deploymentGroupName);
    return [
      { resource },
      ...passRole(input.serviceRoleArn),
      ...tagOnCreate(input.tags, { action: "codedeploy:TagResource", resource }),
    ];
  },
  GetDeploymentGroup: group,
  BatchGetDeploymentGroups: (input, place) =>
    on(...(input.deploymentGroupNames ?? []).map((name) => groupArnOf(place, input.applicationName, name))),
  ListDeploymentGroups: application,
  UpdateDeploymentGroup: (input, place) => [
    ...on(groupArnOf(place, input.applicationName, input.currentDeploymentGroupName)),
    ...(input.newDeploymentGroupName === undefined
      ? []
      : on(groupArnOf(place, input.applicationName, input.newDeploymentGroupName))),
    ...passRole(input.serviceRoleArn),
  ],
  DeleteDeploymentGroup: group,
} satisfies PermissionTable<typeof sdk>;

/**
 * Source: Service Authorization Reference, AWS CodeDeploy; CodeDeploy User Guide, "CodeDeploy permissions
 * reference".
 */
export function codeDeployPermissions(store: Reader) {
  /** A deployment is asked for by its deployment group. One that does not exist stands for any. */
  const groupOfDeployment = (place: Caller, id: Given): string =>
    deploymentOf(store, place, id)?.groupArn ?? groupArnOf(place, "*", "*");
  const deployment = (input: { readonly deploymentId?: Given }, place: Caller): readonly Need[] =>
    on(groupOfDeployment(place, input.deploymentId));
  const tagged = (input: { readonly ResourceArn?: Given }, place: Caller): readonly Need[] =>
    on(taggedOf(store, place, input.ResourceArn)?.record.arn ?? input.ResourceArn ?? "*");
  return {
    ...APPLICATIONS_AND_GROUPS,
    CreateDeploymentConfig: config,
    GetDeploymentConfig: config,
    ListDeploymentConfigs: "*",
    DeleteDeploymentConfig: config,

    CreateDeployment: group,
    GetDeployment: deployment,
    BatchGetDeployments: (input, place) =>
      on(...new Set((input.deploymentIds ?? []).map((id) => groupOfDeployment(place, id)))),
    ListDeployments: (input, place) =>
      on(groupArnOf(place, input.applicationName ?? "*", input.deploymentGroupName ?? "*")),
    StopDeployment: deployment,
    ContinueDeployment: deployment,
    GetDeploymentTarget: deployment,
    ListDeploymentTargets: deployment,
    BatchGetDeploymentTargets: deployment,
    PutLifecycleEventHookExecutionStatus: deployment,

    TagResource: tagged,
    UntagResource: tagged,
    ListTagsForResource: tagged,
  } satisfies PermissionTable<typeof sdk>;
}
