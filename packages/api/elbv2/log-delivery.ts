import { hash } from "node:crypto";
import { Readable } from "node:stream";
import type { ObjectStore } from "@gantry/content";
import type { Clock, Ids } from "@gantry/kernel";
import type { BucketRecord, LoadBalancerRecord, Reader } from "@gantry/state";
import { asService } from "../iam/service-access.ts";
import { permitsPut } from "../s3/service-delivery.ts";

/** A log that a load balancer writes: a line for each request, or for each connection. */
export type BalancerLog = "access" | "connection";

/** The service that delivers logs of application load balancers. */
const LOG_SERVICE = "logdelivery.elasticloadbalancing.amazonaws.com";
/** The service that delivers logs of network load balancers. */
const NETWORK_LOG_SERVICE = "delivery.logs.amazonaws.com";

/**
 * The accounts that bucket policies name in regions that are older than August 2022.
 * Source: "Enable access logs for your Application Load Balancer", bucket policy.
 */
const LOG_ACCOUNTS: Readonly<Record<string, string>> = {
  "us-east-1": "127311923021",
  "us-east-2": "033677994240",
  "us-west-1": "027434742980",
  "us-west-2": "797873946194",
  "af-south-1": "098369216593",
  "ap-east-1": "754344448648",
  "ap-southeast-3": "589379963580",
  "ap-south-1": "718504428378",
  "ap-northeast-3": "383597477331",
  "ap-northeast-2": "600734575887",
  "ap-southeast-1": "114774131450",
  "ap-southeast-2": "783225319266",
  "ap-northeast-1": "582318560864",
  "ca-central-1": "985666609251",
  "eu-central-1": "054676820928",
  "eu-west-1": "156460612806",
  "eu-west-2": "652711504416",
  "eu-south-1": "635631232127",
  "eu-west-3": "009996457667",
  "eu-north-1": "897822967062",
  "me-south-1": "076674570225",
  "sa-east-1": "507241528517",
};

/** Bucket and prefix of a log. */
export interface LogPlace {
  readonly bucket: string;
  readonly prefix: string;
}

/** Where a load balancer's attributes send a log; undefined where it is not enabled. */
export function logPlaceOf(
  attributes: LoadBalancerRecord["attributes"],
  log: BalancerLog,
): LogPlace | undefined {
  const name = `${log}_logs.s3`;
  if (attributes[`${name}.enabled`] !== "true") return undefined;
  return { bucket: attributes[`${name}.bucket`] ?? "", prefix: attributes[`${name}.prefix`] ?? "" };
}

type Named = Pick<LoadBalancerRecord, "arn" | "account" | "region">;

/** Why the log cannot be delivered, in ELB's words; undefined where the bucket permits it. */
export function deliveryProblem(
  reader: Reader,
  balancer: Named,
  { place, key, now }: { readonly place: LogPlace; readonly key: string; readonly now: number },
): string | undefined {
  const bucket = reader.get("bucket", place.bucket);
  if (bucket !== undefined && bucket.region !== balancer.region)
    return `The S3 bucket '${place.bucket}' is not in the region '${balancer.region}'`;
  if (bucket !== undefined && permits(bucket, balancer, key, now)) return undefined;
  return `Access Denied for bucket: ${place.bucket}. Please check S3bucket permission`;
}

/** Whether the bucket's policy lets the log delivery put the object. */
function permits(bucket: BucketRecord, balancer: Named, key: string, now: number): boolean {
  const isNetwork = balancer.arn.includes(":loadbalancer/net/");
  const service = isNetwork ? NETWORK_LOG_SERVICE : LOG_SERVICE;
  const account = isNetwork ? undefined : LOG_ACCOUNTS[balancer.region];
  const asAccount =
    account === undefined ? [] : [{ principals: [`arn:aws:iam::${account}:root`, account], conditions: {} }];
  return [asService(service, balancer), ...asAccount].some((each) =>
    permitsPut(bucket, { ...each, key, now }),
  );
}

/** The folder of an account's logs. */
function folderOf({ prefix }: LogPlace, { account }: Named): string {
  return `${prefix === "" ? "" : `${prefix}/`}AWSLogs/${account}/`;
}

/** The object that shows that a log can be delivered. */
export function testFileKey(place: LogPlace, balancer: Named, log: BalancerLog): string {
  return `${folderOf(place, balancer)}ELB${log === "access" ? "Access" : "Connection"}LogTestFile`;
}

/**
 * The key of a log file.
 * Source: "Access logs for your Application Load Balancer" and "Connection logs", file name format.
 */
export function logFileKey(
  place: LogPlace,
  balancer: Named,
  file: { readonly log: BalancerLog; readonly until: number; readonly address: string; readonly id: string },
): string {
  const { account, region, arn } = balancer;
  const end = new Date(file.until).toISOString();
  const day = end.slice(0, 10).replaceAll("-", "/");
  const minute = `${end.slice(0, 16).replaceAll(/[-:]/g, "")}Z`;
  const id = arn.slice(arn.indexOf(":loadbalancer/") + ":loadbalancer/".length).replaceAll("/", ".");
  // The files of a network load balancer do not name an address.
  const address = id.startsWith("net.") ? [] : [file.address];
  const name = [account, "elasticloadbalancing", region, id, minute, ...address, file.id].join("_");
  const head = file.log === "connection" ? "conn_log." : "";
  return `${folderOf(place, balancer)}elasticloadbalancing/${region}/${day}/${head}${name}.log.gz`;
}

/** Stores an object of a log. */
export async function putLogObject(
  { objects, ids, clock }: { readonly objects: ObjectStore; readonly ids: Ids; readonly clock: Clock },
  bucket: BucketRecord,
  key: string,
  body: Buffer,
): Promise<void> {
  const segment = await objects.writeSegment(ids.hex(32), Readable.from([body]), () => {}, {
    expected: body.length,
  });
  const meta = {
    key,
    size: body.length,
    etag: hash("md5", body),
    modifiedAt: clock.now(),
    headers: {},
    userMetadata: {},
    checksums: {},
    tags: {},
    segments: [segment],
    ...(bucket.versioning === "Enabled" ? { versionId: ids.hex(32) } : {}),
  };
  await objects.put(bucket.name, meta, { versioning: bucket.versioning });
}
