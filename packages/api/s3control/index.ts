/**
 * S3 Control: the public access block of an account, which counts for all its buckets, and the tags of buckets. S3
 * itself is beside it, in `s3`. What is not there: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-s3-control";
import type { ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { accountPublicAccessOperations } from "./account-public-access.ts";
import { refusing } from "./api-error.ts";
import { bucketTagOperations } from "./bucket-tags.ts";
import { REFUSED } from "./members.ts";
import { leastActions, s3ControlPermissions } from "./permissions.ts";

export function s3ControlService(deps: ApiDeps): ServiceModule {
  const operations = { ...accountPublicAccessOperations(deps), ...bucketTagOperations(deps) };
  return {
    sdk,
    operations: refusing(operations, REFUSED, "InvalidRequestException"),
    validationCode: "InvalidRequestException",
    permissions: permissionsBy("s3", operations, s3ControlPermissions()),
    leastActions,
  };
}
