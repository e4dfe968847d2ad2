/**
 * S3: buckets (records) and objects (content). Bodies stream to disk, are checked, synced and only then visible.
 * What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-s3";
import { splitBucket, type Implementation, type ServiceModule } from "@gantry/wire";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { amendMember } from "./amend-member.ts";
import { withArguments } from "./allowed-values.ts";
import { checkBody } from "./body-checksums.ts";
import { bucketConfigurationOperations } from "./bucket-configuration.ts";
import { AccessLogs } from "./access-logs.ts";
import { bucketLoggingOperations } from "./bucket-logging.ts";
import { bucketNotificationOperations } from "./bucket-notifications.ts";
import { bucketPolicyOperations } from "./bucket-policy.ts";
import { bucketProtectionOperations } from "./bucket-protection.ts";
import { bucketReplicationOperations } from "./bucket-replication.ts";
import { bucketTagOperations } from "./bucket-tags.ts";
import { bucketVersioningOperations } from "./bucket-versioning.ts";
import { objectAttributeOperations } from "./object-attributes.ts";
import { bucketOperations } from "./buckets.ts";
import { crossOriginHeaders } from "./cors-answer.ts";
import { answerOther } from "./other-answers.ts";
import { listingOperations } from "./listing.ts";
import { multipartOperations } from "./multipart.ts";
import { objectSettingOperations } from "./object-settings.ts";
import { copyObjectOperations } from "./copy-object.ts";
import { deleteObjectOperations } from "./delete-objects.ts";
import { putObjectOperations } from "./put-object.ts";
import { recordedConfigurationOperations } from "./recorded-configurations.ts";
import { readObjectOperations } from "./read-objects.ts";
import { leastActions, S3_PERMISSIONS } from "./permissions.ts";
import type { S3Deps } from "./s3-deps.ts";
import { uploadListingOperations } from "./upload-listing.ts";
import { uploadPartOperations } from "./upload-parts.ts";
import { versionOperations } from "./versions.ts";
import { refusalOf, REFUSED } from "./members.ts";

export function s3Service(deps: S3Deps): ServiceModule {
  const operations = {
    ...bucketOperations(deps),
    ...putObjectOperations(deps),
    ...copyObjectOperations(deps),
    ...readObjectOperations(deps),
    ...deleteObjectOperations(deps),
    ...listingOperations(deps),
    ...multipartOperations(deps),
    ...uploadPartOperations(deps),
    ...uploadListingOperations(deps),
    ...bucketTagOperations(deps),
    ...bucketProtectionOperations(deps),
    ...bucketVersioningOperations(deps),
    ...bucketConfigurationOperations(deps),
    ...bucketNotificationOperations(deps),
    ...bucketPolicyOperations(deps),
    ...bucketReplicationOperations(deps),
    ...objectSettingOperations(deps),
    ...recordedConfigurationOperations(deps),
    ...bucketLoggingOperations(deps),
    ...objectAttributeOperations(deps),
    ...versionOperations(deps),
  } satisfies Implementation<typeof sdk>;
  const accessLogs = new AccessLogs(deps);
  return {
    sdk,
    operations: refusing(withArguments(operations, deps.store), REFUSED, refusalOf),
    permissions: permissionsBy("s3", operations, S3_PERMISSIONS),
    leastActions,
    allowsAnonymous: true,
    // A thousand keys of 1,024 bytes; ten thousand parts with their checksums. Source: API_DeleteObjects,
    // API_CompleteMultipartUpload.
    bodyLimits: {
      DeleteObjects: { bytes: 4 * 1024 * 1024, values: 10_000 },
      CompleteMultipartUpload: { bytes: 4 * 1024 * 1024, values: 120_000 },
    },
    amend: amendMember,
    checkBody,
    extras: (exchange, access) => answerOther(deps, exchange, access),
    regionOf: (exchange) => deps.store.get("bucket", splitBucket(exchange).bucket)?.region,
    answered: (request) => accessLogs.note(request),
    responseHeaders: (exchange) => crossOriginHeaders(deps.store, exchange),
  };
}
