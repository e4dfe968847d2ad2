import type * as ec2 from "@aws-sdk/client-ec2";
import type { LaunchTemplateRecord, LaunchTemplateVersionRecord, Reader, Transaction } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { applyFilters, type FilterFields } from "./filters.ts";
import { findInstance } from "./instances.ts";
import { checkedData, dataOfInstance, presentData } from "./launch-template-data.ts";
import {
  findTemplate,
  findVersion,
  templatesOf,
  versionKeyOf,
  versionNamed,
  versionsOf,
} from "./launch-template-lookups.ts";
import { checkSameRequest, digestOf } from "./launch-templates.ts";
import { resolvedImage } from "./template-launch.ts";

/** Source: EC2 User Guide, "Amazon EC2 launch templates", restrictions. */
const VERSIONS_MAX = 10_000;
/** Source: API_DeleteLaunchTemplateVersions, Versions. */
const DELETED_AT_ONCE_MAX = 200;

/** Versions of launch templates. Source: API_CreateLaunchTemplateVersion and following. */
export function launchTemplateVersionOperations(deps: Ec2Deps) {
  return {
    CreateLaunchTemplateVersion: (input, context) => createVersion(deps, input, context),
    DescribeLaunchTemplateVersions: (input, context) => describeVersions(deps, input, context),
    DeleteLaunchTemplateVersions: (input, context) => deleteVersions(deps, input, context),
    GetLaunchTemplateData: (input, context) => getLaunchTemplateData(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

/**
 * A version with the given data, on top of those of another version where one is named.
 * Errors: those of `findTemplate` and `findVersion`, IdempotentParameterMismatch.
 */
function createVersion(
  { store, clock }: Ec2Deps,
  input: ec2.CreateLaunchTemplateVersionRequest,
  context: RequestContext,
): ec2.CreateLaunchTemplateVersionResult {
  const { ClientToken: clientToken } = input;
  const data = checkedData(input.LaunchTemplateData);
  const requestDigest = digestOf(input);
  return store.transact((tx) => {
    const template = findTemplate(tx, context, input);
    const versions = versionsOf(tx, template);
    const same = versions.find((each) => clientToken !== undefined && each.clientToken === clientToken);
    if (same !== undefined) {
      checkSameRequest(same, requestDigest);
      return { LaunchTemplateVersion: present(template, same, input) };
    }
    if (versions.length >= VERSIONS_MAX)
      throw new ApiError(
        "VersionLimitExceeded",
        `A launch template must not have more than ${VERSIONS_MAX} versions.`,
      );
    const source =
      input.SourceVersion === undefined ? {} : findVersion(tx, template, input.SourceVersion).data;
    const number = template.latestVersion + 1;
    const version: LaunchTemplateVersionRecord = {
      ...{ account: context.account, region: context.region, templateId: template.id, number },
      ...{ description: input.VersionDescription, createdBy: context.principal.arn, createdAt: clock.now() },
      ...{ data: { ...source, ...data }, clientToken, requestDigest },
    };
    tx.put("launchTemplateVersion", versionKeyOf(template.id, number), version);
    tx.put("launchTemplate", template.id, { ...template, latestVersion: number });
    return { LaunchTemplateVersion: present(template, version, input) };
  });
}

function present(
  template: LaunchTemplateRecord,
  version: LaunchTemplateVersionRecord,
  { ResolveAlias: isResolved }: { readonly ResolveAlias?: boolean | undefined },
): ec2.LaunchTemplateVersion {
  const data = presentData(version);
  return {
    LaunchTemplateId: template.id,
    LaunchTemplateName: template.name,
    VersionNumber: version.number,
    VersionDescription: version.description,
    CreateTime: new Date(version.createdAt),
    CreatedBy: version.createdBy,
    DefaultVersion: version.number === template.defaultVersion,
    LaunchTemplateData:
      isResolved === true && data.ImageId !== undefined
        ? { ...data, ImageId: resolvedImage(template.region, data.ImageId) }
        : data,
    Operator: { Managed: false },
  };
}

interface Shown {
  readonly version: ec2.LaunchTemplateVersion;
  readonly tags: Readonly<Record<string, string>>;
}
const dataOf = ({ version }: Shown): ec2.ResponseLaunchTemplateData => version.LaunchTemplateData ?? {};
const text = (value: unknown): string | undefined => (value === undefined ? undefined : String(value));

/** Source: API_DescribeLaunchTemplateVersions. */
const FIELDS: FilterFields<Shown> = {
  "create-time": ({ version }) => version.CreateTime?.toISOString(),
  "ebs-optimized": (version) => text(dataOf(version).EbsOptimized),
  "http-endpoint": (version) => dataOf(version).MetadataOptions?.HttpEndpoint,
  "http-protocol-ipv6": (version) => dataOf(version).MetadataOptions?.HttpProtocolIpv6,
  "http-protocol-ipv4": (version) => dataOf(version).MetadataOptions?.HttpEndpoint,
  "host-resource-group-arn": (version) => dataOf(version).Placement?.HostResourceGroupArn,
  "http-tokens": (version) => dataOf(version).MetadataOptions?.HttpTokens,
  "iam-instance-profile": (version) => dataOf(version).IamInstanceProfile?.Arn,
  "image-id": (version) => dataOf(version).ImageId,
  "instance-type": (version) => dataOf(version).InstanceType,
  "is-default-version": ({ version }) => String(version.DefaultVersion),
  "kernel-id": (version) => dataOf(version).KernelId,
  "license-configuration-arn": (version) =>
    dataOf(version).LicenseSpecifications?.flatMap((each) => each.LicenseConfigurationArn ?? []),
  "network-card-index": (version) =>
    dataOf(version).NetworkInterfaces?.flatMap((each) => text(each.NetworkCardIndex) ?? []),
  "ram-disk-id": (version) => dataOf(version).RamDiskId,
};

/** The newest versions of a template first; or the latest or default versions of all templates. */
function describeVersions(
  { store }: Ec2Deps,
  input: ec2.DescribeLaunchTemplateVersionsRequest,
  context: RequestContext,
): ec2.DescribeLaunchTemplateVersionsResult {
  const isNamed = input.LaunchTemplateId !== undefined || input.LaunchTemplateName !== undefined;
  const shown = isNamed
    ? chosenVersions(store, context, input)
    : templatesOf(store, context).flatMap((template) =>
        aliases(input).flatMap((alias) => {
          const version = versionNamed(store, template, alias);
          return version === undefined ? [] : [present(template, version, input)];
        }),
      );
  const fitting = applyFilters(
    shown.map((version) => ({ version, tags: {} })),
    input.Filters,
    FIELDS,
  );
  return { LaunchTemplateVersions: fitting.map(({ version }) => version) };
}

/** Errors: MissingParameter where versions of all templates are asked for by number. */
function aliases({ Versions: versions = [] }: ec2.DescribeLaunchTemplateVersionsRequest): readonly string[] {
  const unique = [...new Set(versions)];
  if (unique.length === 0 || unique.some((each) => each !== "$Latest" && each !== "$Default"))
    throw new ApiError(
      "MissingParameter",
      "The request must contain the parameter LaunchTemplateId or LaunchTemplateName, or versions of $Latest " +
        "and $Default alone",
    );
  return unique;
}

function chosenVersions(
  reader: Reader,
  place: Place,
  input: ec2.DescribeLaunchTemplateVersionsRequest,
): readonly ec2.LaunchTemplateVersion[] {
  const { Versions: named = [], MinVersion: least, MaxVersion: most } = input;
  const template = findTemplate(reader, place, input);
  if (named.length > 0 && (least !== undefined || most !== undefined))
    throw new ApiError(
      "InvalidParameterCombination",
      "The parameter Versions cannot be used with the parameters MinVersion and MaxVersion",
    );
  const all =
    named.length > 0
      ? [
          ...new Map(
            named.map((each) => findVersion(reader, template, each)).map((each) => [each.number, each]),
          ),
        ].map(([, version]) => version)
      : versionsOf(reader, template).filter(
          ({ number }) => number >= Number(least ?? 1) && number <= Number(most ?? Infinity),
        );
  return all.toSorted((a, b) => b.number - a.number).map((version) => present(template, version, input));
}

function deleteVersions(
  { store }: Ec2Deps,
  input: ec2.DeleteLaunchTemplateVersionsRequest,
  context: RequestContext,
): ec2.DeleteLaunchTemplateVersionsResult {
  const versions = [...new Set(input.Versions)];
  if (versions.length > DELETED_AT_ONCE_MAX)
    throw new ApiError(
      "InvalidParameterValue",
      `At most ${DELETED_AT_ONCE_MAX} versions are deleted at once.`,
    );
  return store.transact((tx) => {
    const template = findTemplate(tx, context, input);
    const ends = versions.map((named) => deleteVersion(tx, template, named));
    return {
      SuccessfullyDeletedLaunchTemplateVersions: ends.filter((each) => each.ResponseError === undefined),
      UnsuccessfullyDeletedLaunchTemplateVersions: ends.filter((each) => each.ResponseError !== undefined),
    };
  });
}

function deleteVersion(
  tx: Transaction,
  template: LaunchTemplateRecord,
  named: string,
): ec2.DeleteLaunchTemplateVersionsResponseErrorItem {
  const found = versionNamed(tx, template, named);
  const item = {
    LaunchTemplateId: template.id,
    LaunchTemplateName: template.name,
    VersionNumber: found?.number ?? Number(named),
  };
  if (found === undefined)
    return {
      ...item,
      ResponseError: {
        Code: "launchTemplateVersionDoesNotExist",
        Message: `The launch template version ${named} does not exist.`,
      },
    };
  if (found.number === template.defaultVersion)
    return {
      ...item,
      ResponseError: {
        Code: "unexpectedError",
        Message: "You cannot delete the default version of a launch template: assign another one first.",
      },
    };
  tx.delete("launchTemplateVersion", versionKeyOf(template.id, found.number));
  return item;
}

function getLaunchTemplateData(
  { store }: Ec2Deps,
  input: ec2.GetLaunchTemplateDataRequest,
  context: RequestContext,
): ec2.GetLaunchTemplateDataResult {
  return { LaunchTemplateData: dataOfInstance(store, findInstance(store, context, input.InstanceId)) };
}
