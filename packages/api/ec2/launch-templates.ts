import { createHash } from "node:crypto";
import type * as ec2 from "@aws-sdk/client-ec2";
import type { LaunchTemplateRecord, LaunchTemplateVersionRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { applyFilters, selectById, tagsFor, type FilterFields } from "./filters.ts";
import {
  findTemplate,
  findVersion,
  missingTemplateId,
  missingTemplateName,
  templatesOf,
  versionKeyOf,
} from "./launch-template-lookups.ts";
import { checkedData } from "./launch-template-data.ts";

/** The parameters of launches, by name and version. Source: API_CreateLaunchTemplate and following. */
export function launchTemplateOperations(deps: Ec2Deps) {
  return {
    CreateLaunchTemplate: (input, context) => createLaunchTemplate(deps, input, context),
    DescribeLaunchTemplates: (input, context) => describeLaunchTemplates(deps, input, context),
    ModifyLaunchTemplate: (input, context) => modifyLaunchTemplate(deps, input, context),
    DeleteLaunchTemplate: (input, context) => deleteLaunchTemplate(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

/**
 * Errors: InvalidLaunchTemplateName.AlreadyExistsException, InvalidLaunchTemplateName.MalformedException,
 * IdempotentParameterMismatch.
 */
function createLaunchTemplate(
  { store, ids, clock }: Ec2Deps,
  input: ec2.CreateLaunchTemplateRequest,
  context: RequestContext,
): ec2.CreateLaunchTemplateResult {
  const { LaunchTemplateName: name = "", ClientToken: clientToken } = input;
  if (!/^[a-zA-Z0-9().\-/_]{3,128}$/.test(name))
    throw new ApiError(
      "InvalidLaunchTemplateName.MalformedException",
      "A launch template name must be between 3 and 128 characters, and may contain letters, numbers, and the " +
        "following characters: - ( ) . / _.",
    );
  const tags = tagsFor(input.TagSpecifications, "launch-template");
  const data = checkedData(input.LaunchTemplateData);
  const requestDigest = digestOf(input);
  return store.transact((tx) => {
    const before = templatesOf(tx, context);
    const same = before.find((each) => clientToken !== undefined && each.clientToken === clientToken);
    if (same !== undefined) {
      checkSameRequest(same, requestDigest);
      return { LaunchTemplate: presentTemplate(same) };
    }
    if (before.some((each) => each.name === name))
      throw new ApiError(
        "InvalidLaunchTemplateName.AlreadyExistsException",
        "Launch template name already in use.",
      );
    const { account, region } = context;
    const made = { createdBy: context.principal.arn, createdAt: clock.now(), clientToken, requestDigest };
    const template: LaunchTemplateRecord = {
      ...{
        account,
        region,
        id: `lt-${ids.hex(17)}`,
        name,
        defaultVersion: 1,
        latestVersion: 1,
        ...made,
        tags,
      },
    };
    const version: LaunchTemplateVersionRecord = {
      ...{ account, region, templateId: template.id, number: 1, ...made },
      ...{ description: input.VersionDescription, data },
    };
    tx.put("launchTemplate", template.id, template);
    tx.put("launchTemplateVersion", versionKeyOf(template.id, 1), version);
    return { LaunchTemplate: presentTemplate(template) };
  });
}

/** Identifies what a request asks for, without its token. */
export function digestOf(input: { readonly ClientToken?: string | undefined }): string {
  const asked = { ...input, ClientToken: undefined };
  return createHash("sha256").update(JSON.stringify(asked)).digest("hex");
}

/** Errors: IdempotentParameterMismatch. */
export function checkSameRequest(
  before: { readonly requestDigest: string; readonly clientToken: string | undefined },
  requestDigest: string,
): void {
  if (before.requestDigest !== requestDigest)
    throw new ApiError(
      "IdempotentParameterMismatch",
      `Client token '${before.clientToken ?? ""}' was used with a request whose parameters differ.`,
    );
}

export function presentTemplate(template: LaunchTemplateRecord): ec2.LaunchTemplate {
  return {
    LaunchTemplateId: template.id,
    LaunchTemplateName: template.name,
    CreateTime: new Date(template.createdAt),
    CreatedBy: template.createdBy,
    DefaultVersionNumber: template.defaultVersion,
    LatestVersionNumber: template.latestVersion,
    Tags: presentTags(template.tags),
    Operator: { Managed: false },
  };
}

/** Source: API_DescribeLaunchTemplates. */
const FIELDS: FilterFields<LaunchTemplateRecord> = {
  "create-time": ({ createdAt }) => new Date(createdAt).toISOString(),
  "launch-template-name": ({ name }) => name,
};

function describeLaunchTemplates(
  { store }: Ec2Deps,
  input: ec2.DescribeLaunchTemplatesRequest,
  context: RequestContext,
): ec2.DescribeLaunchTemplatesResult {
  const all = templatesOf(store, context);
  const named = selectById(all, input.LaunchTemplateNames, ({ name }) => name, missingTemplateName);
  const chosen = selectById(named, input.LaunchTemplateIds, ({ id }) => id, missingTemplateId);
  return { LaunchTemplates: applyFilters(chosen, input.Filters, FIELDS).map(presentTemplate) };
}

/** Sets the default version. Errors: those of `findTemplate` and `findVersion`, MissingParameter. */
function modifyLaunchTemplate(
  { store }: Ec2Deps,
  input: ec2.ModifyLaunchTemplateRequest,
  context: RequestContext,
): ec2.ModifyLaunchTemplateResult {
  return store.transact((tx) => {
    const template = findTemplate(tx, context, input);
    if (input.DefaultVersion === undefined)
      throw new ApiError("MissingParameter", "The request must contain the parameter DefaultVersion");
    const { number } = findVersion(tx, template, input.DefaultVersion);
    const next = { ...template, defaultVersion: number };
    tx.put("launchTemplate", template.id, next);
    return { LaunchTemplate: presentTemplate(next) };
  });
}

function deleteLaunchTemplate(
  { store }: Ec2Deps,
  input: ec2.DeleteLaunchTemplateRequest,
  context: RequestContext,
): ec2.DeleteLaunchTemplateResult {
  return store.transact((tx) => {
    const template = findTemplate(tx, context, input);
    for (const key of tx.keysBy("launchTemplateVersion", "template", template.id))
      tx.delete("launchTemplateVersion", key);
    tx.delete("launchTemplate", template.id);
    return { LaunchTemplate: presentTemplate(template) };
  });
}
