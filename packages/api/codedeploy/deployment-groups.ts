import type * as sdk from "@aws-sdk/client-codedeploy";
import {
  lastSuccessOf,
  ongoingCodeDeploymentOf,
  removeCodeDeployment,
  type CodeDeployGroupRecord,
  type CodeDeploymentRecord,
  type Reader,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { presentSettings, toSettings } from "./group-settings.ts";
import { findApplication, findConfig, findGroup, groupArnOf, invalidToken } from "./lookups.ts";
import { DEFAULT_CONFIG } from "./predefined-configs.ts";
import { checkGroupQuota } from "./quotas.ts";
import { presentRevision } from "./revisions.ts";

const PAGE = 100;
const BATCH_MAX = 100;
const TRIGGERS_MAX = 10;
const TOPIC_ARN = /^arn:aws:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}(?:\.fifo)?$/;

/** Deployment groups. Source: API_CreateDeploymentGroup and following. */
export function deploymentGroupOperations(deps: ApiDeps) {
  return {
    CreateDeploymentGroup: (input, context) => createDeploymentGroup(deps, input, context),
    GetDeploymentGroup: (input, context) => ({
      deploymentGroupInfo: presentGroup(
        deps.store,
        findGroup(deps.store, context, input.applicationName, input.deploymentGroupName),
      ),
    }),
    BatchGetDeploymentGroups: (input, context) => batchGetDeploymentGroups(deps, input, context),
    ListDeploymentGroups: (input, context) => listDeploymentGroups(deps, input, context),
    UpdateDeploymentGroup: (input, context) => updateDeploymentGroup(deps, input, context),
    DeleteDeploymentGroup: (input, context) => deleteDeploymentGroup(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/**
 * Errors: those of `findApplication`, `findConfig`, `toSettings` and `toTriggers`,
 * DeploymentGroupAlreadyExistsException, InvalidComputePlatformException,
 * DeploymentGroupLimitExceededException.
 */
function createDeploymentGroup(
  { store, ids, clock }: ApiDeps,
  input: sdk.CreateDeploymentGroupInput,
  place: RequestContext,
): sdk.CreateDeploymentGroupOutput {
  const record = store.transact((tx) => {
    const application = findApplication(tx, place, input.applicationName);
    const name = checkedName(input.deploymentGroupName);
    if (application.computePlatform !== "ECS")
      throw new ApiError(
        "InvalidComputePlatformException",
        `Gantry deploys to ECS alone: the application ${application.name} has the compute platform ` +
          `${application.computePlatform}.`,
      );
    const arn = groupArnOf(place, application.name, name);
    if (tx.get("codeDeployGroup", arn) !== undefined) throw alreadyExists(name);
    checkGroupQuota(tx, application);
    const now = clock.now();
    const created: CodeDeployGroupRecord = {
      account: place.account,
      region: place.region,
      arn,
      id: ids.uuid(),
      applicationArn: application.arn,
      applicationName: application.name,
      name,
      configName: findConfig(tx, place, input.deploymentConfigName ?? DEFAULT_CONFIG).name,
      settings: toSettings(tx, place, input, { kept: undefined, groupArn: arn, now }),
      triggers: toTriggers(input.triggerConfigurations),
      outdatedInstancesStrategy: input.outdatedInstancesStrategy ?? "UPDATE",
      terminationHookEnabled: input.terminationHookEnabled,
      createdAt: now,
      tags: toTags(input.tags),
    };
    tx.put("codeDeployGroup", arn, created);
    return created;
  });
  return { deploymentGroupId: record.id };
}

/** Errors: as CreateDeploymentGroup, DeploymentGroupDoesNotExistException. */
function updateDeploymentGroup(
  { store, clock }: ApiDeps,
  input: sdk.UpdateDeploymentGroupInput,
  place: Place,
): sdk.UpdateDeploymentGroupOutput {
  store.transact((tx) => {
    const found = findGroup(tx, place, input.applicationName, input.currentDeploymentGroupName);
    const name =
      input.newDeploymentGroupName === undefined ? found.name : checkedName(input.newDeploymentGroupName);
    const arn = groupArnOf(place, found.applicationName, name);
    if (arn !== found.arn && tx.get("codeDeployGroup", arn) !== undefined) throw alreadyExists(name);
    const settings = toSettings(tx, place, input, {
      kept: found.settings,
      groupArn: found.arn,
      now: clock.now(),
    });
    tx.delete("codeDeployGroup", found.arn);
    tx.put("codeDeployGroup", arn, {
      ...found,
      arn,
      name,
      configName:
        input.deploymentConfigName === undefined
          ? found.configName
          : findConfig(tx, place, input.deploymentConfigName).name,
      settings,
      triggers:
        input.triggerConfigurations === undefined ? found.triggers : toTriggers(input.triggerConfigurations),
      outdatedInstancesStrategy: input.outdatedInstancesStrategy ?? found.outdatedInstancesStrategy,
      terminationHookEnabled: input.terminationHookEnabled ?? found.terminationHookEnabled,
    });
    if (arn !== found.arn)
      for (const each of tx.listBy("codeDeployment", "group", found.arn))
        tx.put("codeDeployment", each.key, { ...each, groupArn: arn, groupName: name });
  });
  return { hooksNotCleanedUp: [] };
}

/**
 * A deployment in progress continues.
 * Errors: DeploymentGroupNameRequiredException, ApplicationNameRequiredException.
 */
function deleteDeploymentGroup(
  { store }: ApiDeps,
  input: sdk.DeleteDeploymentGroupInput,
  place: Place,
): sdk.DeleteDeploymentGroupOutput {
  const { applicationName, deploymentGroupName } = input;
  if (applicationName === undefined)
    throw new ApiError("ApplicationNameRequiredException", "Application name is required");
  if (deploymentGroupName === undefined)
    throw new ApiError("DeploymentGroupNameRequiredException", "Deployment Group name is required");
  store.transact((tx) => {
    const arn = groupArnOf(place, applicationName, deploymentGroupName);
    if (tx.get("codeDeployGroup", arn) === undefined) return;
    if (ongoingCodeDeploymentOf(tx, arn) === undefined)
      for (const each of tx.listBy("codeDeployment", "group", arn)) removeCodeDeployment(tx, each.key);
    tx.delete("codeDeployGroup", arn);
  });
  return { hooksNotCleanedUp: [] };
}

/** Errors: those of `findApplication`, BatchLimitExceededException. */
function batchGetDeploymentGroups(
  { store }: ApiDeps,
  input: sdk.BatchGetDeploymentGroupsInput,
  place: Place,
): sdk.BatchGetDeploymentGroupsOutput {
  const application = findApplication(store, place, input.applicationName);
  const names = input.deploymentGroupNames ?? [];
  if (names.length > BATCH_MAX)
    throw new ApiError(
      "BatchLimitExceededException",
      `The maximum number of names or IDs allowed for this request (${BATCH_MAX}) was exceeded.`,
    );
  const found = names.flatMap(
    (name) => store.get("codeDeployGroup", groupArnOf(place, application.name, name)) ?? [],
  );
  return {
    deploymentGroupsInfo: found.map((group) => presentGroup(store, group)),
    errorMessage:
      found.length === names.length
        ? ""
        : `No Deployment Group found for name: ${names.find((name) => !found.some((group) => group.name === name))}`,
  };
}

function listDeploymentGroups(
  { store }: ApiDeps,
  input: sdk.ListDeploymentGroupsInput,
  place: Place,
): sdk.ListDeploymentGroupsOutput {
  const application = findApplication(store, place, input.applicationName);
  const names = store
    .listBy("codeDeployGroup", "application", application.arn)
    .map(({ name }) => name)
    .toSorted();
  const { items, nextToken } = page(names, (name) => name, {
    token: input.nextToken,
    size: PAGE,
    invalidToken,
  });
  return { applicationName: application.name, deploymentGroups: [...items], nextToken };
}

/** Source: API_CreateDeploymentGroup, deploymentGroupName. */
function checkedName(name: string | undefined): string {
  if (name === undefined || name === "")
    throw new ApiError("DeploymentGroupNameRequiredException", "Deployment Group name is required");
  if (!/^[A-Za-z0-9+=,.@_ -]{1,100}$/.test(name))
    throw new ApiError(
      "InvalidDeploymentGroupNameException",
      "Deployment Group name exceeds 100 characters or contains invalid characters.",
    );
  return name;
}

function alreadyExists(name: string): ApiError {
  return new ApiError(
    "DeploymentGroupAlreadyExistsException",
    `Deployment group already exists with name: ${name}`,
  );
}

/**
 * Whether the topic exists, and the group's role may publish to it, is seen when an event is published.
 * Source: API_TriggerConfig; CodeDeploy User Guide, "CodeDeploy quotas".
 * Errors: InvalidTriggerConfigException, TriggerTargetsLimitExceededException.
 */
function toTriggers(given: readonly sdk.TriggerConfig[] = []): CodeDeployGroupRecord["triggers"] {
  if (given.length > TRIGGERS_MAX)
    throw new ApiError(
      "TriggerTargetsLimitExceededException",
      "The maximum allowed number of triggers was exceeded.",
    );
  return given.map(({ triggerName = "", triggerTargetArn = "", triggerEvents = [] }) => {
    const isValid = triggerName !== "" && TOPIC_ARN.test(triggerTargetArn) && triggerEvents.length > 0;
    if (!isValid)
      throw new ApiError(
        "InvalidTriggerConfigException",
        `The trigger was specified in an invalid format: ${triggerName}`,
      );
    return { name: triggerName, targetArn: triggerTargetArn, events: [...new Set(triggerEvents)] };
  });
}

function presentGroup(reader: Reader, group: CodeDeployGroupRecord): sdk.DeploymentGroupInfo {
  const { settings, triggers } = group;
  const success = lastSuccessOf(reader, group.arn);
  const attempted = reader
    .listBy("codeDeployment", "group", group.arn)
    .toSorted((a, b) => b.createdAt - a.createdAt)[0];
  return {
    applicationName: group.applicationName,
    deploymentGroupId: group.id,
    deploymentGroupName: group.name,
    deploymentConfigName: group.configName,
    ec2TagFilters: [],
    onPremisesInstanceTagFilters: [],
    autoScalingGroups: [],
    serviceRoleArn: settings.serviceRoleArn,
    targetRevision: success === undefined ? undefined : presentRevision(success.revision),
    triggerConfigurations: triggers.map((trigger) => ({
      triggerName: trigger.name,
      triggerTargetArn: trigger.targetArn,
      triggerEvents: [...trigger.events] as sdk.TriggerEventType[], // As they were given.
    })),
    ...presentSettings(settings),
    outdatedInstancesStrategy: group.outdatedInstancesStrategy,
    lastSuccessfulDeployment: presentLast(success),
    lastAttemptedDeployment: presentLast(attempted),
    computePlatform: "ECS",
    ecsServices: [{ serviceName: settings.serviceName, clusterName: settings.clusterName }],
    terminationHookEnabled: group.terminationHookEnabled ?? false,
  };
}

function presentLast(deployment: CodeDeploymentRecord | undefined): sdk.LastDeploymentInfo | undefined {
  if (deployment === undefined) return undefined;
  return {
    deploymentId: deployment.id,
    status: deployment.status,
    createTime: new Date(deployment.createdAt),
    endTime: deployment.completedAt === undefined ? undefined : new Date(deployment.completedAt),
  };
}
