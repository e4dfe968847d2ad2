import { deliveryProblem, logFileKey, logPlaceOf, putLogObject } from "@gantry/api/elbv2/log-delivery";
import type { ObjectStore } from "@gantry/content";
import type { NodeGatewayDeps } from "@gantry/controllers";
import type { Clock, Ids, Logger } from "@gantry/kernel";
import { hostOf, type Reader } from "@gantry/state";

const FILE_ID = /^[0-9a-f]{1,32}$/;

/**
 * Stores the finished log files of load balancers in S3, under a name that the record gives: a file that is
 * sent twice is one object. As on AWS, a file that the bucket's policy does not permit is lost; it counts as
 * taken, so that the node does not keep it.
 */
export function balancerLogFiles(deps: {
  store: Reader;
  objects: ObjectStore;
  ids: Ids;
  clock: Clock;
  log: Logger;
}): NodeGatewayDeps["takeBalancerLog"] {
  const { store, objects, clock, log } = deps;
  return async (nodeId, { id, balancerArn, log: kind, until, content }) => {
    const balancer = store.get("loadBalancer", balancerArn);
    if (balancer === undefined || hostOf(store, balancer) !== nodeId || !FILE_ID.test(id)) {
      log.warn("A log file of no load balancer of the node is dropped", { nodeId, balancerArn });
      return;
    }
    const place = logPlaceOf(balancer.attributes, kind);
    if (place === undefined) return;
    const address = store.get("networkInterface", balancer.networkInterfaceIds[0])?.privateIp ?? "0.0.0.0";
    const key = logFileKey(place, balancer, { log: kind, until, address, id });
    const problem = deliveryProblem(store, balancer, { place, key, now: clock.now() });
    const bucket = store.get("bucket", place.bucket);
    if (problem !== undefined || bucket === undefined) {
      log.warn("A log file of a load balancer is dropped", { balancerArn, reason: problem });
      return;
    }
    if (objects.index.get(bucket.name, key) !== undefined) return;
    await putLogObject(deps, bucket, key, Buffer.from(content, "base64"));
  };
}
