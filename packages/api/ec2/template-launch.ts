import type * as ec2 from "@aws-sdk/client-ec2";
import type { LaunchTemplateRecord, LaunchTemplateVersionRecord, Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { machineImages } from "../common/machine-images.ts";
import { refusedMember } from "../common/members.ts";
import { unsupported } from "./api-error.ts";
import { presentData } from "./launch-template-data.ts";
import { findTemplate, findVersion, templateNamed, versionNamed } from "./launch-template-lookups.ts";
import { INSTANCE_REFUSED } from "./members-instances.ts";
import { invalidValue } from "./missing.ts";

const SSM_PREFIX = "resolve:ssm:";

/**
 * The parameters of a launch: those of the request, on top of those of the launch template that it names.
 * Members that RunInstances refuses are refused in a template too.
 * Errors: those of `findTemplate` and `findVersion`, InvalidParameterValue.
 */
export function launchInput(
  reader: Reader,
  place: Place,
  input: ec2.RunInstancesRequest,
): ec2.RunInstancesRequest {
  if (input.LaunchTemplate === undefined) return withImage(place, input);
  const template = findTemplate(reader, place, input.LaunchTemplate);
  const version = findVersion(reader, template, input.LaunchTemplate.Version);
  if (version.data["InstanceRequirements"] !== undefined && input.InstanceType === undefined)
    throw invalidValue(
      template.id,
      "launchTemplate",
      "InstanceRequirements choose no instance type for RunInstances: name an InstanceType.",
    );
  const merged = mergedInput(input, template, version);
  const refused = refusedMember(merged, INSTANCE_REFUSED.RunInstances ?? []);
  if (refused !== undefined) throw unsupported("InvalidParameterValue", `LaunchTemplateData.${refused}`);
  return withImage(place, merged);
}

/** As `launchInput` without its checks: what permissions are needed for. */
export function namedLaunch(
  reader: Reader,
  place: Place,
  input: ec2.RunInstancesRequest,
): { readonly input: ec2.RunInstancesRequest; readonly template: LaunchTemplateRecord | undefined } {
  const template =
    input.LaunchTemplate === undefined ? undefined : templateNamed(reader, place, input.LaunchTemplate);
  const version = template && versionNamed(reader, template, input.LaunchTemplate?.Version);
  if (template === undefined || version === undefined) return { input: withImage(place, input), template };
  return { input: withImage(place, mergedInput(input, template, version)), template };
}

/** Source: API_RunInstances, LaunchTemplate: parameters of the request override those of the template. */
function mergedInput(
  request: ec2.RunInstancesRequest,
  template: LaunchTemplateRecord,
  version: LaunchTemplateVersionRecord,
): ec2.RunInstancesRequest {
  const input = { ...request, LaunchTemplate: undefined };
  const {
    RamDiskId: RamdiskId,
    ElasticGpuSpecifications: ElasticGpuSpecification,
    TagSpecifications: tags,
    ...data
  } = presentData(version);
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  const own: Partial<ec2.RunInstancesRequest> = {
    ...({
      ...data,
      InstanceRequirements: undefined,
      RamdiskId,
      ElasticGpuSpecification,
    } as Partial<ec2.RunInstancesRequest>), // The same members.
    TagSpecifications: mergedTags(tags ?? [], input.TagSpecifications ?? [], {
      "aws:ec2launchtemplate:id": template.id,
      "aws:ec2launchtemplate:version": String(version.number),
    }),
  };
  return { ...own, ...given, TagSpecifications: own.TagSpecifications } as ec2.RunInstancesRequest; // As above.
}

/** The tags of both by the type of resource: a tag of the request replaces one of the template with its key. */
function mergedTags(
  template: readonly ec2.LaunchTemplateTagSpecification[],
  request: readonly ec2.TagSpecification[],
  ofInstance: Readonly<Record<string, string>>,
): ec2.TagSpecification[] {
  const byType = new Map<ec2.ResourceType | undefined, Map<string, string>>();
  const system = Object.entries(ofInstance).map(([Key, Value]) => ({ Key, Value }));
  for (const { ResourceType, Tags = [] } of [
    ...template,
    ...request,
    { ResourceType: "instance" as const, Tags: system },
  ]) {
    const tags = byType.get(ResourceType) ?? new Map<string, string>();
    for (const { Key = "", Value = "" } of Tags) tags.set(Key, Value);
    byType.set(ResourceType, tags);
  }
  return [...byType].map(([ResourceType, tags]) => ({
    ResourceType,
    Tags: [...tags].map(([Key, Value]) => ({ Key, Value })),
  }));
}

function withImage({ region }: Place, input: ec2.RunInstancesRequest): ec2.RunInstancesRequest {
  return input.ImageId === undefined ? input : { ...input, ImageId: resolvedImage(region, input.ImageId) };
}

/**
 * The image that a public parameter of Systems Manager names; other names as they are.
 * Source: EC2 User Guide, "Use a Systems Manager parameter instead of an AMI ID".
 */
export function resolvedImage(region: string, name: string): string {
  if (!name.startsWith(SSM_PREFIX)) return name;
  const parameter = name.slice(SSM_PREFIX.length);
  return machineImages(region).find((image) => image.parameter === parameter)?.id ?? name;
}
