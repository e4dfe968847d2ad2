import { formatArn } from "@gantry/kernel";
import type { AutoScalingGroupRecord, GroupInstanceRecord, Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { validation } from "./api-error.ts";

/** The groups of the place, in the order of their names. */
export function groupsOf(reader: Reader, place: Place): readonly AutoScalingGroupRecord[] {
  return reader
    .list("autoScalingGroup", formatArn("autoscaling", place, "autoScalingGroup:"))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

export function groupNamed(
  reader: Reader,
  place: Place,
  name: string | undefined,
): AutoScalingGroupRecord | undefined {
  return groupsOf(reader, place).find((each) => each.name === name);
}

/** The group with the name or the ARN. Errors: ValidationError. */
export function findGroup(reader: Reader, place: Place, name: string | undefined): AutoScalingGroupRecord {
  const found = groupsOf(reader, place).find((each) => each.name === name || each.arn === name);
  if (found === undefined) throw validation("AutoScalingGroup name not found - null");
  return found;
}

/** The instances of a group, the oldest first. */
export function instancesOf(reader: Reader, groupArn: string): readonly GroupInstanceRecord[] {
  return reader.listBy("groupInstance", "group", groupArn).toSorted((a, b) => a.number - b.number);
}

export function instanceKeyOf({
  groupArn,
  number,
}: Pick<GroupInstanceRecord, "groupArn" | "number">): string {
  return `${groupArn}#${String(number).padStart(15, "0")}`;
}

/** The record of an instance that is in a group of the place. */
export function groupInstance(
  reader: Reader,
  place: Place,
  instanceId: string | undefined,
): GroupInstanceRecord | undefined {
  return reader.listBy("groupInstance", "instance", instanceId).find((each) => isIn(each, place));
}

/** Errors: ValidationError. */
export function findGroupInstance(
  reader: Reader,
  place: Place,
  instanceId: string | undefined,
): GroupInstanceRecord {
  const found = groupInstance(reader, place, instanceId);
  if (found === undefined)
    throw validation(`Instance Id not found - No managed instance found for instance ID: ${instanceId}`);
  return found;
}
