import type * as sdk from "@aws-sdk/client-rds";
import type { Reader } from "@gantry/state";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { instanceArnOf, parameterGroupArnOf, subnetGroupArnOf, taggedOf } from "./lookups.ts";

type Given = string | undefined;

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon RDS". */
export function rdsPermissions(store: Reader) {
  const tagged = (input: { ResourceName?: Given }, place: Caller): readonly Need[] =>
    on(taggedOf(store, place, input.ResourceName)?.record.arn ?? input.ResourceName ?? "*");
  return {
    CreateDBInstance: (input, place) => [
      ...ofInstance(input, place),
      ...on(subnetGroupArnOf(place, input.DBSubnetGroupName ?? "default")),
      ...namedGroup(input, place),
      ...tagging(input.Tags, instanceArnOf(place, input.DBInstanceIdentifier)),
    ],
    DescribeDBInstances: ofInstance,
    ModifyDBInstance: (input, place) => [...ofInstance(input, place), ...namedGroup(input, place)],
    DeleteDBInstance: ofInstance,
    RebootDBInstance: ofInstance,
    StopDBInstance: ofInstance,
    StartDBInstance: ofInstance,
    DescribeDBEngineVersions: "*",

    CreateDBSubnetGroup: (input, place) => [
      ...ofSubnetGroup(input, place),
      ...tagging(input.Tags, subnetGroupArnOf(place, input.DBSubnetGroupName)),
    ],
    DescribeDBSubnetGroups: ofSubnetGroup,
    ModifyDBSubnetGroup: ofSubnetGroup,
    DeleteDBSubnetGroup: ofSubnetGroup,

    CreateDBParameterGroup: (input, place) => [
      ...ofParameterGroup(input, place),
      ...tagging(input.Tags, parameterGroupArnOf(place, input.DBParameterGroupName)),
    ],
    CopyDBParameterGroup: (input, place) => {
      const target = parameterGroupArnOf(place, input.TargetDBParameterGroupIdentifier);
      const source = parameterGroupArnOf(place, input.SourceDBParameterGroupIdentifier);
      return [...on(source), ...on(target), ...tagging(input.Tags, target)];
    },
    DescribeDBParameterGroups: ofParameterGroup,
    DescribeDBParameters: ofParameterGroup,
    DescribeEngineDefaultParameters: "*",
    ModifyDBParameterGroup: ofParameterGroup,
    ResetDBParameterGroup: ofParameterGroup,
    DeleteDBParameterGroup: ofParameterGroup,

    AddTagsToResource: tagged,
    RemoveTagsFromResource: tagged,
    ListTagsForResource: tagged,
  } satisfies PermissionTable<typeof sdk>;
}

/** The instance that is named; a description that names none is of any. */
function ofInstance(input: { DBInstanceIdentifier?: Given }, place: Caller): readonly Need[] {
  return on(instanceArnOf(place, input.DBInstanceIdentifier ?? "*"));
}

/** The parameter group that a request gives an instance. */
function namedGroup(input: { DBParameterGroupName?: Given }, place: Caller): readonly Need[] {
  const { DBParameterGroupName: name } = input;
  return name === undefined ? [] : on(parameterGroupArnOf(place, name));
}

function ofSubnetGroup(input: { DBSubnetGroupName?: Given }, place: Caller): readonly Need[] {
  return on(subnetGroupArnOf(place, input.DBSubnetGroupName ?? "*"));
}

function ofParameterGroup(input: { DBParameterGroupName?: Given }, place: Caller): readonly Need[] {
  return on(parameterGroupArnOf(place, input.DBParameterGroupName ?? "*"));
}

function tagging(tags: readonly unknown[] | undefined, resource: string): readonly Need[] {
  return tagOnCreate(tags, { action: "rds:AddTagsToResource", resource });
}
