import type { BucketRecord, LogExportRecord, Reader } from "@gantry/state";
import { asService, permitsService } from "../iam/service-access.ts";
import { permitsPut } from "../s3/service-delivery.ts";

/** Source: S3 User Guide, "Naming Amazon S3 objects". */
const KEY_BYTES_MAX = 1_024;

type Exported = Pick<LogExportRecord, "account" | "region" | "groupArn" | "bucket">;

/**
 * Why CloudWatch Logs cannot put an object of an export task into the bucket; undefined where it can. The bucket's
 * policy decides, also for the account's own buckets. Source: CloudWatch Logs User Guide, "Export log data to
 * Amazon S3", set permissions on an S3 bucket.
 */
export function exportProblem(reader: Reader, task: Exported, key: string, now: number): string | undefined {
  const bucket = reader.get("bucket", task.bucket);
  if (bucket === undefined || bucket.region !== task.region)
    return (
      "The given bucket does not exist. Please make sure the bucket is valid and in the same region as the " +
      "log group."
    );
  if (Buffer.byteLength(key) > KEY_BYTES_MAX)
    return `The key ${key.slice(0, 100)}... of an object is longer than ${KEY_BYTES_MAX} bytes.`;
  const failed = (call: string): string =>
    `${call} call on the given bucket failed. Please check if CloudWatch Logs has been granted permission ` +
    "to perform this operation.";
  if (!permitsAcl(bucket, task, now)) return failed("GetBucketAcl");
  return permitsPut(bucket, { ...actorOf(task), key, now }) ? undefined : failed("PutObject");
}

function permitsAcl(bucket: BucketRecord, task: Exported, now: number): boolean {
  const resource = `arn:aws:s3:::${bucket.name}`;
  return permitsService(bucket, { ...actorOf(task), action: "s3:GetBucketAcl", resource, now });
}

function actorOf({ account, region, groupArn }: Exported): ReturnType<typeof asService> {
  return asService(`logs.${region}.amazonaws.com`, { arn: `${groupArn}:*`, account });
}

/** The object that shows that a task may write. */
export function exportTestKey({ prefix }: Pick<LogExportRecord, "prefix">): string {
  return `${prefix}/aws-logs-write-test`;
}
