import type * as sdk from "@aws-sdk/client-resource-groups-tagging-api";
import type { PermissionTable } from "../common/permissions.ts";

/**
 * No action has resource types. The permission to tag a resource is the one of its own service.
 * Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon Resource Group
 * Tagging API".
 */
export function taggingPermissions() {
  return {
    GetResources: "*",
    GetTagKeys: "*",
    GetTagValues: "*",
    TagResources: "*",
    UntagResources: "*",
  } satisfies PermissionTable<typeof sdk>;
}
