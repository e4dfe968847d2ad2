import type * as sdk from "@aws-sdk/client-route-53";
import type { DnsRouting } from "@gantry/kernel/dns/zone-content";
import type { DnsRecordSetRecord, HostedZoneRecord } from "@gantry/state";
import { invalidInput, nameOf, presentName } from "./lookups.ts";

const TTL_MAX = 2_147_483_647;
const WEIGHT_MAX = 255;
const IDENTIFIER_MAX = 128;

/** A record set as a record has it, from a change. Errors: InvalidInput, as Route 53 phrases them. */
export function toRecordSet(zone: HostedZoneRecord, change: sdk.Change): DnsRecordSetRecord {
  const set: Partial<sdk.ResourceRecordSet> = change.ResourceRecordSet ?? {};
  const { TTL, ResourceRecords = [], AliasTarget, SetIdentifier, Type = "" } = set;
  const hasValues = TTL !== undefined && ResourceRecords.length > 0;
  const refuse = (problem: string) =>
    invalidInput(
      `Invalid request: ${problem} in Change with [Action=${change.Action ?? ""}, Name=${set.Name ?? ""}, ` +
        `Type=${Type}, SetIdentifier=${SetIdentifier ?? "null"}]`,
    );
  if ((AliasTarget === undefined) !== hasValues)
    throw refuse(
      "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], " +
        `but found ${hasValues ? "more than one" : "none"}`,
    );
  if (TTL !== undefined && (TTL < 0 || TTL > TTL_MAX))
    throw refuse(`The TTL ${TTL} is not from 0 to ${TTL_MAX}`);
  return {
    account: zone.account,
    zoneArn: zone.arn,
    name: nameOf(set.Name),
    type: Type,
    ttl: TTL,
    values: ResourceRecords.map(({ Value = "" }) => Value),
    alias: AliasTarget && {
      target: nameOf(AliasTarget.DNSName).replace(/^dualstack\./, ""),
      zoneId: (AliasTarget.HostedZoneId ?? "").replace(/^\/?hostedzone\//, ""),
      evaluatesHealth: AliasTarget.EvaluateTargetHealth === true,
    },
    setIdentifier: SetIdentifier,
    routing: routingOf(set, refuse),
    ...(set.HealthCheckId === undefined ? {} : { healthCheckId: set.HealthCheckId }),
  };
}

function routingOf(
  { Weight, Region, Failover, MultiValueAnswer, SetIdentifier }: Partial<sdk.ResourceRecordSet>,
  refuse: (problem: string) => Error,
): DnsRouting | undefined {
  const given: readonly DnsRouting[] = [
    ...(Weight === undefined ? [] : [{ type: "weighted" as const, weight: Weight }]),
    ...(Region === undefined ? [] : [{ type: "latency" as const, region: Region }]),
    ...(Failover === undefined ? [] : [{ type: "failover" as const, role: Failover }]),
    ...(MultiValueAnswer === true ? [{ type: "multivalue" as const }] : []),
  ];
  const [routing] = given;
  if (routing !== undefined && SetIdentifier === undefined) throw refuse("Missing field 'SetIdentifier'");
  if (SetIdentifier !== undefined && (SetIdentifier === "" || SetIdentifier.length > IDENTIFIER_MAX))
    throw refuse(`The SetIdentifier has not from 1 to ${IDENTIFIER_MAX} characters`);
  if (given.length > 1 || (SetIdentifier !== undefined && routing === undefined))
    throw refuse(
      "Expected exactly one of [Weight, Region, Failover, GeoLocation, GeoProximityLocation, MultiValueAnswer, " +
        `or CidrRoutingConfig], but found ${routing === undefined ? "none" : "more than one"}`,
    );
  if (Weight !== undefined && (Weight < 0 || Weight > WEIGHT_MAX))
    throw refuse(`The Weight ${Weight} is not from 0 to ${WEIGHT_MAX}`);
  return routing;
}

export function presentRecordSet(set: DnsRecordSetRecord): sdk.ResourceRecordSet {
  const { alias, routing } = set;
  return {
    Name: presentName(set.name),
    Type: set.type as sdk.RRType,
    ...(set.setIdentifier === undefined ? {} : { SetIdentifier: set.setIdentifier }),
    ...presentRouting(routing),
    ...(set.healthCheckId === undefined ? {} : { HealthCheckId: set.healthCheckId }),
    ...(alias === undefined
      ? { TTL: set.ttl, ResourceRecords: set.values.map((Value) => ({ Value })) }
      : {
          AliasTarget: {
            HostedZoneId: alias.zoneId,
            DNSName: presentName(alias.target),
            EvaluateTargetHealth: alias.evaluatesHealth,
          },
        }),
  };
}

function presentRouting(routing: DnsRouting | undefined): Partial<sdk.ResourceRecordSet> {
  switch (routing?.type) {
    case undefined:
      return {};
    case "weighted":
      return { Weight: routing.weight };
    case "latency":
      return { Region: routing.region as sdk.ResourceRecordSetRegion };
    case "failover":
      return { Failover: routing.role };
    case "multivalue":
      return { MultiValueAnswer: true };
  }
}
