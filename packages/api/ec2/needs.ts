import { formatArn } from "@gantry/kernel";
import type { Place } from "../common/api-deps.ts";
import type { Caller, Need } from "../common/permissions.ts";

type Given = string | undefined;

/** An input that may tag what it creates. */
export interface WithTags {
  readonly TagSpecifications?:
    | readonly {
        readonly ResourceType?: string | undefined;
        readonly Tags?: readonly unknown[] | undefined;
      }[]
    | undefined;
}

/**
 * Ids of EC2 are matched whole and exactly, so that an id is the only spelling of its resource. Without one:
 * any resource.
 */
export function need(type: string, id: Given, place: Place): Need {
  return { resource: ec2Arn(place, type, id ?? "*") };
}

/** The ARN of a resource of EC2; those of snapshots and images leave their account out. */
export function ec2Arn({ account, region }: Place, type: string, id: string): string {
  const isPublic = type === "snapshot" || type === "image";
  return formatArn("ec2", { account: isPublic ? "" : account, region }, `${type}/${id}`);
}

/** The permissions of an operation that creates a resource, and of tagging it. */
export function creating(operation: string, type: string) {
  return (input: WithTags, place: Caller): readonly Need[] => [
    need(type, undefined, place),
    ...tagging(operation, input, place),
  ];
}

/** A permission on each of the resources. */
export function each(type: string, ids: readonly string[] | undefined, place: Place): readonly Need[] {
  return (ids ?? []).map((id) => need(type, id, place));
}

/** Source: EC2 User Guide, "Grant permission to tag Amazon EC2 resources during creation". */
export function tagging(
  operation: string,
  { TagSpecifications: given = [] }: WithTags,
  place: Place,
): readonly Need[] {
  return given
    .filter((each) => (each.Tags ?? []).length > 0)
    .map((each) => ({
      action: "ec2:CreateTags",
      resource: formatArn("ec2", place, `${each.ResourceType ?? "*"}/*`),
      conditions: { "ec2:CreateAction": operation },
    }));
}
