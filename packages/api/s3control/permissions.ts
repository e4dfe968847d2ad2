import type * as sdk from "@aws-sdk/client-s3-control";
import { on, type Need, type PermissionTable } from "../common/permissions.ts";

/**
 * The block of an account is no resource.
 * Source: Service Authorization Reference, Amazon S3; S3 User Guide, "Required permissions for Amazon S3 API
 * operations".
 */
export function s3ControlPermissions() {
  return {
    GetPublicAccessBlock: () => ofAccount("GetAccountPublicAccessBlock"),
    PutPublicAccessBlock: () => ofAccount("PutAccountPublicAccessBlock"),
    DeletePublicAccessBlock: () => ofAccount("PutAccountPublicAccessBlock"),
    ListTagsForResource: ({ ResourceArn = "" }) => on(ResourceArn),
    TagResource: ({ ResourceArn = "" }) => on(ResourceArn),
    UntagResource: ({ ResourceArn = "" }) => on(ResourceArn),
  } satisfies PermissionTable<typeof sdk>;
}

/** The action that every call of an operation needs. */
export function leastActions(operation: string): readonly string[] {
  if (!operation.endsWith("PublicAccessBlock")) return [`s3:${operation}`];
  return [`s3:${operation.startsWith("Get") ? "Get" : "Put"}AccountPublicAccessBlock`];
}

function ofAccount(action: string): readonly Need[] {
  return [{ action: `s3:${action}`, resource: "*" }];
}
