/**
 * EFS: file systems, mount targets, access points. A file system is a folder of the node's data volume that many tasks
 * mount; access points give its folders an owner. What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-efs";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { paged, pagedBy, type PagedList, type PageWords } from "../common/paging.ts";
import { permissionsBy } from "../common/permissions.ts";
import { ApiError, refusing } from "./api-error.ts";
import { accessPointOperations } from "./access-points.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { fileSystemOperations } from "./file-systems.ts";
import { fileSystemSettingOperations } from "./file-system-settings.ts";
import { mountTargetOperations } from "./mount-targets.ts";
import { efsPermissions } from "./permissions.ts";
import { tagOperations } from "./tags.ts";
import { REFUSED } from "./members.ts";

const invalidToken = () => new ApiError("BadRequest", "The marker is not valid.", { status: 400 });
const BY_MARKER: PageWords = {
  size: "MaxItems",
  token: "Marker",
  next: "NextMarker",
  most: 100,
  invalidToken,
};
const BY_TOKEN: PageWords = {
  size: "MaxResults",
  token: "NextToken",
  next: "NextToken",
  most: 100,
  invalidToken,
};
/** Source: EFS API Reference. */
const LISTS = {
  DescribeFileSystems: pagedBy(BY_MARKER, "FileSystemId"),
  DescribeMountTargets: pagedBy(BY_MARKER, "MountTargetId"),
  DescribeAccessPoints: pagedBy(BY_TOKEN, "AccessPointId"),
  ListTagsForResource: pagedBy(BY_TOKEN, "Key"),
} satisfies Partial<Record<keyof Implementation<typeof sdk>, PagedList>>;

export function efsService(deps: ApiDeps): ServiceModule {
  const operations = {
    ...fileSystemOperations(deps),
    ...fileSystemSettingOperations(deps),
    ...mountTargetOperations(deps),
    ...accessPointOperations(deps),
    ...tagOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(paged(operations, LISTS), REFUSED, "BadRequest"),
    constraints: CONSTRAINTS,
    validationCode: "BadRequest",
    permissions: permissionsBy("elasticfilesystem", operations, efsPermissions(deps.store)),
  };
}
