import { normalName } from "@gantry/kernel/dns/dns-name";
import type { HealthCheckRecord, HostedZoneRecord, Reader, ZoneVpc } from "@gantry/state";
import { healthCheckArn } from "@gantry/state/transactions/health-checks";
import { zoneArnOf } from "@gantry/state/transactions/zones";
import { ApiError } from "./api-error.ts";

type Given = string | undefined;

export function invalidInput(message: string): ApiError {
  return new ApiError("InvalidInput", message, { status: 400 });
}

/** The ARN of the zone that an id names, with or without `/hostedzone/` before it. */
export function zoneArnIn(id: Given): string {
  return zoneArnOf((id ?? "").replace(/^\/?hostedzone\//, ""));
}

/** A zone of the caller's account. Errors: NoSuchHostedZone. */
export function findZone(reader: Reader, { account }: { account: string }, id: Given): HostedZoneRecord {
  const zone = reader.get("hostedZone", zoneArnIn(id));
  if (zone === undefined || zone.account !== account) throw noSuchZone(id);
  return zone;
}

/**
 * A zone of the caller's account whose records the caller may change: those of a Cloud Map namespace's zone follow
 * the instances. Errors: NoSuchHostedZone, AccessDenied.
 */
export function findChangeable(reader: Reader, caller: { account: string }, id: Given): HostedZoneRecord {
  const zone = findZone(reader, caller, id);
  if (zone.namespaceArn !== undefined)
    throw new ApiError(
      "AccessDenied",
      `The resource hostedzone/${zone.id} can only be managed through AWS Cloud Map (${zone.namespaceArn})`,
      { status: 403 },
    );
  return zone;
}

export function noSuchZone(id: Given): ApiError {
  return new ApiError("NoSuchHostedZone", `No hosted zone found with ID: ${shortId(id)}`, { status: 404 });
}

function shortId(id: Given): string {
  return zoneArnIn(id).split("/").at(-1) ?? "";
}

/** A health check of the caller's account. Errors: NoSuchHealthCheck. */
export function findHealthCheck(
  reader: Reader,
  { account }: { account: string },
  id: Given,
): HealthCheckRecord {
  const check = reader.get("healthCheck", healthCheckArn(id ?? ""));
  if (check === undefined || check.account !== account)
    throw new ApiError("NoSuchHealthCheck", `No health check exists with the specified ID: ${id ?? ""}`, {
      status: 404,
    });
  return check;
}

/** A VPC as the call names it, of any account. Errors: InvalidVPCId. */
export function findVpc(
  reader: Reader,
  named: { VPCId?: Given; VPCRegion?: Given } | undefined,
): ZoneVpc & { readonly account: string } {
  const vpc = reader.get("vpc", named?.VPCId);
  if (vpc === undefined || (named?.VPCRegion !== undefined && named.VPCRegion !== vpc.region))
    throw new ApiError(
      "InvalidVPCId",
      `The VPC: ${named?.VPCId ?? ""} in region ${named?.VPCRegion ?? ""} is invalid.`,
      {
        status: 400,
      },
    );
  return { id: vpc.id, region: vpc.region, account: vpc.account };
}

/** A name as Route 53 writes it: with a final dot, and `*` as an escape. */
export function presentName(name: string): string {
  return `${name.replace("*", "\\052")}.`;
}

/** A normal name of what a caller writes; empty where it is not given. */
export function nameOf(text: Given): string {
  return normalName(text ?? "");
}

/** A VPC has one private zone of a name. Errors: ConflictingDomainExists. */
export function checkNoConflict(
  reader: Reader,
  zone: { readonly name: string; readonly arn: string | undefined },
  vpc: ZoneVpc,
): void {
  const others = reader.listBy("hostedZone", "name", zone.name);
  if (others.some((other) => other.arn !== zone.arn && other.vpcs?.some(({ id }) => id === vpc.id)))
    throw conflictingDomain(zone, vpc.id);
}

export function conflictingDomain(zone: Pick<HostedZoneRecord, "name">, vpcId: string): ApiError {
  return new ApiError(
    "ConflictingDomainExists",
    `The VPC ${vpcId} has already been associated with a hosted zone with the domain name ${zone.name}.`,
    { status: 400 },
  );
}
