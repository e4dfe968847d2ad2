import type { ToControlPlane, ZoneAssignment } from "@gantry/agent-protocol";
import type { Change, Reader, Transaction } from "@gantry/state";
import { targetGroupsOf } from "@gantry/state/transactions/balancer-health";
import { recordZoneCopy, zoneArnOf, zoneContent } from "@gantry/state/transactions/zones";

/** The key of a zone's subject and assignment, from its ARN. */
export function zoneKeyOf(zoneArn: string): string {
  return `zone/${zoneArn.slice(zoneArn.lastIndexOf("/") + 1)}`;
}

/** The assignment of a hosted zone: every node's resolvers have it. Undefined where there is no such zone. */
export function zoneAssignment(reader: Reader, id: string): ZoneAssignment | undefined {
  const zone = reader.get("hostedZone", zoneArnOf(id));
  return zone && { kind: "zone", key: `zone/${id}`, zone: zoneContent(reader, zone) };
}

/** Kinds whose changes can change whether a load balancer is healthy. */
const HEALTH_KINDS: ReadonlySet<Change["kind"]> = new Set(["target", "listener", "rule"]);

/**
 * The zones that a change can affect: its own, those with a record of the health check whose status changes, or those
 * with an alias to the load balancer whose addresses, or health, change.
 */
export function zonesOf(reader: Reader, { kind, key }: Change): readonly string[] {
  // A transaction that changes a record set also increments its zone's version.
  if (kind === "hostedZone") return [zoneKeyOf(key)];
  if (kind === "healthCheckStatus") {
    const checked = reader.listBy("dnsRecordSet", "healthCheck", key.slice(key.indexOf("/") + 1));
    return [...new Set(checked.map(({ zoneArn }) => zoneKeyOf(zoneArn)))];
  }
  if (HEALTH_KINDS.has(kind)) return zonesThatEvaluate(reader, kind === "target" ? key : undefined);
  const name = kind === "loadBalancer" ? reader.get(kind, key)?.dnsName : balancerNameOf(reader, kind, key);
  if (name === undefined && kind !== "loadBalancer") return [];
  // A load balancer that is gone has no name any more.
  const sets =
    name === undefined
      ? reader.list("dnsRecordSet").filter(({ alias }) => alias !== undefined)
      : reader.listBy("dnsRecordSet", "target", name.toLowerCase());
  return [...new Set(sets.map(({ zoneArn }) => zoneKeyOf(zoneArn)))];
}

/**
 * Zones with an alias that evaluates the health of a load balancer; `targetKey`: of one that leads to the target's
 * group. Most instances have no such alias, and targets change often.
 */
function zonesThatEvaluate(reader: Reader, targetKey: string | undefined): readonly string[] {
  if (reader.keys("hostedZone").length === 0) return [];
  const group = targetKey?.slice(0, targetKey.indexOf("|"));
  const sets = reader.list("loadBalancer").flatMap(({ arn, dnsName }) => {
    const evaluating = reader
      .listBy("dnsRecordSet", "target", dnsName.toLowerCase())
      .filter(({ alias }) => alias?.evaluatesHealth === true);
    if (evaluating.length === 0) return [];
    return group === undefined || targetGroupsOf(reader, arn).has(group) ? evaluating : [];
  });
  return [...new Set(sets.map(({ zoneArn }) => zoneKeyOf(zoneArn)))];
}

/** The name of the load balancer that a network interface belongs to. */
function balancerNameOf(reader: Reader, kind: Change["kind"], key: string): string | undefined {
  const owner = kind === "networkInterface" ? reader.get(kind, key)?.owner : undefined;
  return owner?.type === "loadBalancer" ? reader.get("loadBalancer", owner.key)?.dnsName : undefined;
}

/** Records the version of a zone that a node's resolvers answer from. */
export function recordZone(
  tx: Transaction,
  nodeId: string,
  { key, version }: Extract<ToControlPlane, { readonly type: "zone" }>,
): void {
  recordZoneCopy(tx, { zoneArn: zoneArnOf(key.slice(key.indexOf("/") + 1)), nodeId, version });
}
