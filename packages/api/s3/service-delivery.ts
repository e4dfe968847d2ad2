import type { BucketRecord } from "@gantry/state";
import { permitsService, type ServiceRequest } from "../iam/service-access.ts";

/** An object that a service of AWS puts into a bucket of a customer. */
export interface ServicePut extends Pick<ServiceRequest, "principals" | "conditions" | "now"> {
  readonly key: string;
}

/** Whether the bucket's policy lets a service put the object. */
export function permitsPut(bucket: BucketRecord, { key, principals, conditions, now }: ServicePut): boolean {
  return permitsService(bucket, {
    action: "s3:PutObject",
    resource: `arn:aws:s3:::${bucket.name}/${key}`,
    principals,
    conditions: { "s3:x-amz-acl": "bucket-owner-full-control", ...conditions },
    now,
  });
}
