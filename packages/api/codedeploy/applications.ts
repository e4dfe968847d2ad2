import type * as sdk from "@aws-sdk/client-codedeploy";
import {
  ongoingCodeDeploymentOf,
  removeCodeDeployment,
  type CodeDeployApplicationRecord,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { applicationArnOf, findApplication, groupArnOf, invalidToken } from "./lookups.ts";
import { checkApplicationQuota } from "./quotas.ts";

const PAGE = 100;
/** Source: CodeDeploy User Guide, "CodeDeploy quotas". */
const BATCH_MAX = 100;

/** Applications. Source: API_CreateApplication and following. */
export function applicationOperations(deps: ApiDeps) {
  return {
    CreateApplication: (input, context) => createApplication(deps, input, context),
    GetApplication: (input, context) => ({
      application: presentApplication(findApplication(deps.store, context, input.applicationName)),
    }),
    BatchGetApplications: (input, context) => batchGetApplications(deps, input, context),
    ListApplications: (input, context) => listApplications(deps, input, context),
    UpdateApplication: (input, context) => updateApplication(deps, input, context),
    DeleteApplication: (input, context) => deleteApplication(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/**
 * Errors: ApplicationNameRequiredException, InvalidApplicationNameException, ApplicationAlreadyExistsException,
 * ApplicationLimitExceededException.
 */
function createApplication(
  { store, ids, clock }: ApiDeps,
  input: sdk.CreateApplicationInput,
  place: RequestContext,
): sdk.CreateApplicationOutput {
  const name = checkedName(input.applicationName);
  const record = store.transact((tx) => {
    const arn = applicationArnOf(place, name);
    if (tx.get("codeDeployApplication", arn) !== undefined) throw alreadyExists(name);
    checkApplicationQuota(tx, place);
    const created: CodeDeployApplicationRecord = {
      account: place.account,
      region: place.region,
      arn,
      id: ids.uuid(),
      name,
      computePlatform: input.computePlatform ?? "Server",
      createdAt: clock.now(),
      tags: toTags(input.tags),
    };
    tx.put("codeDeployApplication", arn, created);
    return created;
  });
  return { applicationId: record.id };
}

/** Errors: those of `findApplication`, BatchLimitExceededException. */
function batchGetApplications(
  { store }: ApiDeps,
  input: sdk.BatchGetApplicationsInput,
  place: Place,
): sdk.BatchGetApplicationsOutput {
  const names = input.applicationNames ?? [];
  if (names.length > BATCH_MAX)
    throw new ApiError(
      "BatchLimitExceededException",
      `The maximum number of names or IDs allowed for this request (${BATCH_MAX}) was exceeded.`,
    );
  return {
    applicationsInfo: names.map((name) => presentApplication(findApplication(store, place, name))),
  };
}

function listApplications(
  { store }: ApiDeps,
  input: sdk.ListApplicationsInput,
  place: Place,
): sdk.ListApplicationsOutput {
  const all = store.list("codeDeployApplication", applicationArnOf(place, ""));
  const { items, nextToken } = page(all, ({ name }) => name, {
    token: input.nextToken,
    size: PAGE,
    invalidToken,
  });
  return { applications: items.map(({ name }) => name), nextToken };
}

/**
 * Gives an application another name; its groups and deployments go with it.
 * Errors: as CreateApplication and `findApplication`.
 */
function updateApplication({ store }: ApiDeps, input: sdk.UpdateApplicationInput, place: Place): object {
  if (input.newApplicationName === undefined) return {};
  const name = checkedName(input.newApplicationName);
  store.transact((tx) => {
    const found = findApplication(tx, place, input.applicationName);
    const arn = applicationArnOf(place, name);
    if (arn === found.arn) return;
    if (tx.get("codeDeployApplication", arn) !== undefined) throw alreadyExists(name);
    tx.delete("codeDeployApplication", found.arn);
    tx.put("codeDeployApplication", arn, { ...found, arn, name });
    for (const group of tx.listBy("codeDeployGroup", "application", found.arn)) {
      const groupArn = groupArnOf(place, name, group.name);
      tx.delete("codeDeployGroup", group.arn);
      tx.put("codeDeployGroup", groupArn, {
        ...group,
        arn: groupArn,
        applicationArn: arn,
        applicationName: name,
      });
      for (const each of tx.listBy("codeDeployment", "group", group.arn))
        tx.put("codeDeployment", each.key, { ...each, groupArn, applicationName: name });
    }
    for (const each of tx.listBy("codeDeployRevision", "application", found.arn)) {
      const key = each.key.replace(found.arn, arn);
      tx.delete("codeDeployRevision", each.key);
      tx.put("codeDeployRevision", key, { ...each, key, applicationArn: arn });
    }
  });
  return {};
}

/**
 * Removes an application with its groups; a deployment in progress continues.
 * Errors: ApplicationNameRequiredException.
 */
function deleteApplication({ store }: ApiDeps, input: sdk.DeleteApplicationInput, place: Place): object {
  store.transact((tx) => {
    if (input.applicationName === undefined)
      throw new ApiError("ApplicationNameRequiredException", "Application name is required");
    const found = tx.get("codeDeployApplication", applicationArnOf(place, input.applicationName));
    if (found === undefined) return;
    for (const group of tx.listBy("codeDeployGroup", "application", found.arn)) {
      if (ongoingCodeDeploymentOf(tx, group.arn) === undefined)
        for (const each of tx.listBy("codeDeployment", "group", group.arn))
          removeCodeDeployment(tx, each.key);
      tx.delete("codeDeployGroup", group.arn);
    }
    for (const each of tx.listBy("codeDeployRevision", "application", found.arn))
      tx.delete("codeDeployRevision", each.key);
    tx.delete("codeDeployApplication", found.arn);
  });
  return {};
}

/** Source: API_CreateApplication, applicationName. */
function checkedName(name: string | undefined): string {
  if (name === undefined || name === "")
    throw new ApiError("ApplicationNameRequiredException", "Application name is required");
  if (!/^[A-Za-z0-9+=,.@_-]{1,100}$/.test(name))
    throw new ApiError(
      "InvalidApplicationNameException",
      "Application name exceeds 100 characters or contains invalid characters.",
    );
  return name;
}

function alreadyExists(name: string): ApiError {
  return new ApiError("ApplicationAlreadyExistsException", `Application already exists with name: ${name}`);
}

function presentApplication(record: CodeDeployApplicationRecord): sdk.ApplicationInfo {
  return {
    applicationId: record.id,
    applicationName: record.name,
    computePlatform: record.computePlatform,
    createTime: new Date(record.createdAt),
    linkedToGitHub: false,
  };
}
