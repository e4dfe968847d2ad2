import type * as sdk from "@aws-sdk/client-s3";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";
import { type ApiError, unsupported } from "./api-error.ts";
import { invalidDestination } from "./bucket-notifications.ts";

const CUSTOMER_KEY = "the parts are not read";

const NOT_MADE = "kept and shown: nothing is measured, moved or listed by it";
const LISTED = { OptionalObjectAttributes: "no object is archived, and none is restored" };
const DISPLAYED = "a grantee is known by its id or URI";

export const RECORDED: RecordedMembers<typeof sdk> = {
  PutBucketAnalyticsConfiguration: { AnalyticsConfiguration: NOT_MADE },
  PutBucketInventoryConfiguration: { InventoryConfiguration: NOT_MADE },
  PutBucketMetricsConfiguration: { MetricsConfiguration: NOT_MADE },
  PutBucketIntelligentTieringConfiguration: { IntelligentTieringConfiguration: NOT_MADE },
  PutBucketAccelerateConfiguration: {
    "AccelerateConfiguration.Status": "kept and shown: there is one endpoint",
  },
  PutBucketRequestPayment: { "RequestPaymentConfiguration.Payer": "kept and shown: nobody pays" },
  PutBucketAcl: {
    "AccessControlPolicy.Grants.Grantee.Type": DISPLAYED,
    "AccessControlPolicy.Grants.Grantee.DisplayName": DISPLAYED,
    "AccessControlPolicy.Owner.DisplayName": DISPLAYED,
  },
  PutObjectAcl: {
    "AccessControlPolicy.Grants.Grantee.Type": DISPLAYED,
    "AccessControlPolicy.Grants.Grantee.DisplayName": DISPLAYED,
    "AccessControlPolicy.Owner.DisplayName": DISPLAYED,
  },
  CompleteMultipartUpload: {
    SSECustomerAlgorithm: CUSTOMER_KEY,
    SSECustomerKey: CUSTOMER_KEY,
    SSECustomerKeyMD5: CUSTOMER_KEY,
  },
  ListParts: {
    SSECustomerAlgorithm: CUSTOMER_KEY,
    SSECustomerKey: CUSTOMER_KEY,
    SSECustomerKeyMD5: CUSTOMER_KEY,
  },
  ListObjects: LISTED,
  ListObjectsV2: LISTED,
  ListObjectVersions: LISTED,
  PutBucketReplication: {
    "ReplicationConfiguration.Rules.ExistingObjectReplication":
      "kept and shown: versions of before are not copied",
    "ReplicationConfiguration.Rules.SourceSelectionCriteria.ReplicaModifications":
      "kept and shown: changes of replicas are not copied back",
    "ReplicationConfiguration.Rules.Destination.ReplicationTime":
      "kept and shown: versions are copied at once",
    "ReplicationConfiguration.Rules.Destination.Metrics": "kept and shown: nothing is measured",
    Token: "object lock needs none",
  },
  PutBucketPolicy: { ConfirmRemoveSelfBucketAccess: "a policy that locks out its author is set without it" },
  PutObjectLockConfiguration: { Token: "object lock is enabled without it" },
};

const CHECKSUMS = [
  "ChecksumSHA512",
  "ChecksumMD5",
  "ChecksumXXHASH64",
  "ChecksumXXHASH3",
  "ChecksumXXHASH128",
] as const;
const EVENT_HOLD = [
  "ObjectLockEventHold",
  "ObjectLockEventHoldDurationDays",
  "ObjectLockEventHoldDurationYears",
  "SSEKMSEncryptionContext",
] as const;

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateBucket: ["BucketNamespace", "CreateBucketConfiguration.Bucket", "CreateBucketConfiguration.Location"],
  PutBucketEncryption: [
    ["ServerSideEncryptionConfiguration.Rules.BlockedEncryptionTypes.EncryptionType", "NONE"],
  ],
  PutObject: [...CHECKSUMS, ...EVENT_HOLD],
  UploadPart: CHECKSUMS,
  CompleteMultipartUpload: [
    ...CHECKSUMS,
    "MultipartUpload.Parts.ChecksumSHA512",
    "MultipartUpload.Parts.ChecksumMD5",
    "MultipartUpload.Parts.ChecksumXXHASH64",
    "MultipartUpload.Parts.ChecksumXXHASH3",
    "MultipartUpload.Parts.ChecksumXXHASH128",
  ],
  CopyObject: [...EVENT_HOLD, "AnnotationDirective"],
  CreateMultipartUpload: EVENT_HOLD,
  DeleteObject: ["IfMatchLastModifiedTime", "IfMatchSize", "MFA"],
  DeleteObjects: ["Delete.Objects.LastModifiedTime", "Delete.Objects.Size", "MFA"],
  AbortMultipartUpload: ["IfMatchInitiatedTime"],
  PutBucketLogging: ["BucketLoggingStatus.LoggingEnabled.TargetGrants"],
  PutBucketVersioning: ["MFA"],
  PutBucketNotificationConfiguration: ["NotificationConfiguration.LambdaFunctionConfigurations"],
  PutBucketReplication: [
    "ReplicationConfiguration.Rules.Filter.Not",
    "ReplicationConfiguration.Rules.Filter.And.Not",
    "ReplicationConfiguration.Rules.Destination.EncryptionConfiguration.UseSourceMultiRegionKey",
  ],
  PutObjectLockConfiguration: ["ObjectLockConfiguration.Rule.DefaultRetention.DefaultEventHold"],
  PutObjectRetention: ["Retention.EventHold", "Retention.EventHoldDuration"],
};

/** A refused member in S3's words. */
export function refusalOf(path: string): ApiError {
  // As of a destination that is not there: there are no functions.
  if (path.startsWith("NotificationConfiguration."))
    return invalidDestination(
      path.slice("NotificationConfiguration.".length),
      "The destination does not exist",
    );
  return unsupported("NotImplemented", path, 501);
}
