import type * as sdk from "@aws-sdk/client-s3";
import type { ApiError } from "@gantry/wire";
import { unsupported, type RecordedMembers, type RefusedMembers } from "../common/members.ts";

const CUSTOMER_KEY = "the parts are not read";

const NOT_MADE = "kept and shown: nothing is measured, moved or listed by it";
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
  PutBucketNotificationConfiguration: { SkipDestinationValidation: "EventBridge is the one destination" },
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
  PutBucketNotificationConfiguration: [
    "NotificationConfiguration.LambdaFunctionConfigurations",
    "NotificationConfiguration.QueueConfigurations",
    "NotificationConfiguration.TopicConfigurations",
  ],
  PutObjectLockConfiguration: ["ObjectLockConfiguration.Rule.DefaultRetention.DefaultEventHold"],
  PutObjectRetention: ["Retention.EventHold", "Retention.EventHoldDuration"],
};

/** A refused member in S3's words. */
export function refusalOf(path: string): ApiError {
  return unsupported("NotImplemented", path, 501);
}
