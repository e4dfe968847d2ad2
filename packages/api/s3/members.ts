import type * as sdk from "@aws-sdk/client-s3";
import { ApiError } from "@gantry/wire";
import { unsupported, type RecordedMembers, type RefusedMembers } from "../common/members.ts";

const BUCKET_KEY = { BucketKeyEnabled: "bucket keys belong to KMS keys, of which there are none" };
const CUSTOMER_KEY = "the parts are not read";

export const RECORDED: RecordedMembers<typeof sdk> = {
  PutObject: BUCKET_KEY,
  CopyObject: BUCKET_KEY,
  CreateMultipartUpload: BUCKET_KEY,
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
  PutBucketLifecycleConfiguration: { TransitionDefaultMinimumObjectSize: "there are no transitions" },
  PutBucketNotificationConfiguration: { SkipDestinationValidation: "EventBridge is the one destination" },
  PutBucketPolicy: { ConfirmRemoveSelfBucketAccess: "a policy that locks out its author is set without it" },
  PutObjectLockConfiguration: { Token: "object lock is enabled without it" },
};

const GRANTS = ["GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP"] as const;
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
  CreateBucket: [
    ...GRANTS,
    "BucketNamespace",
    "CreateBucketConfiguration.Bucket",
    "CreateBucketConfiguration.Location",
  ],
  PutBucketAcl: [...GRANTS, "AccessControlPolicy"],
  PutObjectAcl: [...GRANTS, "AccessControlPolicy"],
  PutBucketEncryption: [
    "ServerSideEncryptionConfiguration.Rules.ApplyServerSideEncryptionByDefault.KMSMasterKeyID",
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
  PutBucketVersioning: ["MFA"],
  PutBucketNotificationConfiguration: [
    "NotificationConfiguration.LambdaFunctionConfigurations",
    "NotificationConfiguration.QueueConfigurations",
    "NotificationConfiguration.TopicConfigurations",
  ],
  PutObjectLockConfiguration: ["ObjectLockConfiguration.Rule.DefaultRetention.DefaultEventHold"],
  PutObjectRetention: ["Retention.EventHold", "Retention.EventHoldDuration"],
};

/** A refused member in S3's words: there are no ACLs, and the rest is not implemented. */
export function refusalOf(path: string): ApiError {
  return /^(?:Grant|AccessControlPolicy)/.test(path)
    ? new ApiError("AccessControlListNotSupported", "The bucket does not allow ACLs", { status: 400 })
    : unsupported("NotImplemented", path, 501);
}
