/**
 * RDS: database instances with the engines mysql, mariadb and postgres. Each instance is a real server in a pod with an
 * address in the VPC. The record holds what the caller asks for; its status is what the node reports. What is
 * refused: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-rds";
import type { Reader, Tags } from "@gantry/state";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import type { Ec2Deps } from "../ec2/ec2-deps.ts";
import { defaultVpcMaker } from "../ec2/new-vpc.ts";
import { ApiError, refusing } from "./api-error.ts";
import { instanceOperations } from "./instances.ts";
import { taggedOf } from "./lookups.ts";
import { REFUSED } from "./members.ts";
import { offeringOperations } from "./offerings.ts";
import { optionGroupOperations } from "./option-groups.ts";
import { parameterGroupOperations } from "./parameter-groups.ts";
import { parameterOperations } from "./parameters.ts";
import { rdsPermissions } from "./permissions.ts";
import { restartOperations } from "./restarts.ts";
import { subnetGroupOperations } from "./subnet-groups.ts";
import { instanceTags } from "./system-tags.ts";

export function rdsService(deps: Ec2Deps): ServiceModule {
  const operations = {
    ...instanceOperations(deps),
    ...subnetGroupOperations(deps),
    ...parameterGroupOperations(deps),
    ...parameterOperations(deps),
    ...optionGroupOperations(deps),
    ...offeringOperations(),
    ...restartOperations(deps),
    ...tagOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(operations, REFUSED, "InvalidParameterValue"),
    prepare: defaultVpcMaker(deps),
    permissions: permissionsBy("rds", operations, rdsPermissions(deps.store)),
  };
}

function tagsOf(found: NonNullable<ReturnType<typeof taggedOf>>): { Key: string; Value: string }[] {
  return found.kind === "databaseInstance" ? instanceTags(found.record) : presentTags(found.record.tags);
}

function tagOperations(deps: ApiDeps) {
  const { store } = deps;
  const find = (reader: Reader, place: Place, arn: string | undefined) => {
    const found = taggedOf(reader, place, arn);
    if (found !== undefined) return found;
    if (arn?.includes(":pg:") === true)
      throw new ApiError("DBParameterGroupNotFound", `DBParameterGroup not found: ${arn}`);
    if (arn?.includes(":og:") === true)
      throw new ApiError("OptionGroupNotFoundFault", `Specified OptionGroupName: ${arn} not found.`);
    throw arn?.includes(":subgrp:")
      ? new ApiError("DBSubnetGroupNotFoundFault", `DB subnet group ${arn} not found.`)
      : new ApiError("DBInstanceNotFound", `DBInstance ${arn} not found.`);
  };
  const change = (place: Place, arn: string | undefined, apply: (tags: Tags) => Tags) =>
    store.transact((tx) => {
      const { kind, record } = find(tx, place, arn);
      // The record of the kind just read, with other tags.
      tx.put(kind, record.arn, { ...record, tags: apply(record.tags) });
      return {};
    });
  return {
    AddTagsToResource: (input, context) =>
      change(context, input.ResourceName, (tags) => ({ ...tags, ...toTags(input.Tags) })),
    RemoveTagsFromResource: (input, context) =>
      change(context, input.ResourceName, (tags) => withoutTags(tags, input.TagKeys ?? [])),
    ListTagsForResource: (input, context) => ({
      TagList: tagsOf(find(store, context, input.ResourceName)),
    }),
  } satisfies Implementation<typeof sdk>;
}
