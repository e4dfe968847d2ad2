import type { LoadBalancerRecord } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import type { Elbv2Deps } from "./elbv2-deps.ts";
import {
  deliveryProblem,
  logPlaceOf,
  putLogObject,
  testFileKey,
  type BalancerLog,
  type LogPlace,
} from "./log-delivery.ts";

const LOGS: readonly BalancerLog[] = ["access", "connection"];

/**
 * Writes the test file of each log that a change of attributes enables or moves. Source: "Enable access logs
 * for your Application Load Balancer", verify bucket permissions.
 * Errors: InvalidConfigurationRequest where the bucket does not permit the delivery.
 */
export async function tryLogDelivery(
  { store, objects, ids, clock }: Elbv2Deps,
  balancer: LoadBalancerRecord,
  attributes: LoadBalancerRecord["attributes"],
): Promise<void> {
  for (const log of LOGS) {
    const place = logPlaceOf(attributes, log);
    const before = logPlaceOf(balancer.attributes, log);
    if (place === undefined) continue;
    if (before?.bucket === place.bucket && before.prefix === place.prefix) continue;
    const key = testFileKey(place, balancer, log);
    checkPlace({ ...place, log });
    const problem = deliveryProblem(store, balancer, { place, key, now: clock.now() });
    const bucket = store.get("bucket", place.bucket);
    if (problem !== undefined || bucket === undefined)
      throw new ApiError("InvalidConfigurationRequest", problem ?? "The S3 bucket does not exist");
    const text =
      `Enable ${log === "access" ? "AccessLog" : "ConnectionLog"} for ELB: ${balancer.name} at ` +
      new Date(clock.now()).toISOString();
    await putLogObject({ objects, ids, clock }, bucket, key, Buffer.from(text));
  }
}

function checkPlace({ bucket, prefix, log }: LogPlace & { readonly log: BalancerLog }): void {
  if (bucket === "")
    throw new ApiError(
      "InvalidConfigurationRequest",
      `The value of '${log}_logs.s3.bucket' must be specified when '${log}_logs.s3.enabled' is 'true'`,
    );
  if (prefix.includes("AWSLogs") || prefix.startsWith("/") || prefix.endsWith("/"))
    throw new ApiError(
      "InvalidConfigurationRequest",
      `The value of '${log}_logs.s3.prefix' must not contain 'AWSLogs', and must not begin or end with a slash`,
    );
}
