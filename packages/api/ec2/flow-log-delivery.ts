import { parseArn } from "@gantry/kernel";
import type { BucketRecord, FlowLogRecord, Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { asService } from "../iam/service-access.ts";
import { permitsPut } from "../s3/service-delivery.ts";

/** The service that delivers logs to S3. Source: CloudWatch Logs User Guide, "Logs sent to Amazon S3". */
const DELIVERY = "delivery.logs.amazonaws.com";

type S3Destination = Extract<FlowLogRecord["destination"], { type: "s3" }>;
/** The properties of a flow log that decide on the keys of its files. */
export type DeliveredLog = Pick<FlowLogRecord, "account" | "region" | "id">;

/** The bucket of a destination, and the prefix of its keys, which ends in a slash where there is one. */
export function placeOfArn(arn: string): { readonly bucket: string; readonly prefix: string } {
  const [bucket = "", ...rest] = (parseArn(arn)?.resource ?? "").split("/");
  const prefix = rest.join("/").replace(/\/$/, "");
  return { bucket, prefix: prefix === "" ? "" : `${prefix}/` };
}

/**
 * The key of a file of a flow log. Source: Amazon VPC User Guide, "Flow log files". `until` are seconds since
 * the epoch.
 */
export function flowFileKey(
  { account, region, id }: DeliveredLog,
  { arn, hiveCompatible, perHour }: S3Destination,
  file: { readonly until: number; readonly id: string },
): string {
  const time = new Date(file.until * 1_000).toISOString();
  const [year, month, day, hour] = [
    time.slice(0, 4),
    time.slice(5, 7),
    time.slice(8, 10),
    time.slice(11, 13),
  ];
  const folders = hiveCompatible
    ? [
        `AWSLogs/aws-account-id=${account}/aws-service=vpcflowlogs/aws-region=${region}`,
        `year=${year}/month=${month}/day=${day}`,
        ...(perHour ? [`hour=${hour}`] : []),
      ]
    : [`AWSLogs/${account}/vpcflowlogs/${region}/${year}/${month}/${day}`, ...(perHour ? [hour] : [])];
  const minute = `${time.slice(0, 16).replaceAll(/[-:]/g, "")}Z`;
  const name = `${account}_vpcflowlogs_${region}_${id}_${minute}_${file.id}.log.gz`;
  return `${placeOfArn(arn).prefix}${folders.join("/")}/${name}`;
}

/** Whether the bucket's policy lets the log delivery put a file. */
export function permitsFlowFile(bucket: BucketRecord, log: DeliveredLog, key: string, now: number): boolean {
  const source = { arn: `arn:aws:logs:${log.region}:${log.account}:${log.id}`, account: log.account };
  return permitsPut(bucket, { ...asService(DELIVERY, source), key, now });
}

/**
 * The bucket of a new flow log whose policy does not permit its files yet, although it belongs to the
 * account: AWS adds the permission. Undefined where nothing is to be added. Source: Amazon VPC User Guide,
 * "Amazon S3 bucket permissions for flow logs".
 */
export function bucketToOpen(
  reader: Reader,
  place: Place,
  destination: S3Destination,
): BucketRecord | undefined {
  const bucket = reader.get("bucket", placeOfArn(destination.arn).bucket);
  if (bucket === undefined || bucket.account !== place.account) return undefined;
  const log = { account: place.account, region: place.region, id: "fl-0" };
  const key = flowFileKey(log, destination, { until: 0, id: "0" });
  return permitsFlowFile(bucket, log, key, 0) ? undefined : bucket;
}

/** The bucket's policy with the statements that AWS adds for the log delivery. */
export function openedPolicy(
  bucket: BucketRecord,
  { account, region }: Place,
  destination: S3Destination,
): string {
  const document = JSON.parse(bucket.policy ?? '{"Version":"2012-10-17"}') as {
    Id?: string;
    Statement?: object | object[];
  }; // A stored policy is an object.
  const from = {
    StringEquals: { "aws:SourceAccount": account },
    ArnLike: { "aws:SourceArn": `arn:aws:logs:${region}:${account}:*` },
  };
  const folder = destination.hiveCompatible ? `aws-account-id=${account}` : account;
  return JSON.stringify({
    Id: "AWSLogDeliveryWrite20150319",
    ...document,
    Statement: [
      ...[document.Statement ?? []].flat(),
      {
        Sid: "AWSLogDeliveryWrite",
        Effect: "Allow",
        Principal: { Service: DELIVERY },
        Action: "s3:PutObject",
        Resource: `arn:aws:s3:::${bucket.name}/${placeOfArn(destination.arn).prefix}AWSLogs/${folder}/*`,
        Condition: {
          ...from,
          StringEquals: { ...from.StringEquals, "s3:x-amz-acl": "bucket-owner-full-control" },
        },
      },
      {
        Sid: "AWSLogDeliveryAclCheck",
        Effect: "Allow",
        Principal: { Service: DELIVERY },
        Action: "s3:GetBucketAcl",
        Resource: `arn:aws:s3:::${bucket.name}`,
        Condition: from,
      },
    ],
  });
}
