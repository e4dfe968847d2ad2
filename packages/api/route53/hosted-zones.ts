import type * as sdk from "@aws-sdk/client-route-53";
import { isRecordName } from "@gantry/kernel/dns/dns-name";
import type { DnsChangeRecord, HostedZoneRecord, Reader, Transaction, ZoneVpc } from "@gantry/state";
import {
  addZoneChange,
  isInSync,
  recordSetKey,
  recordSetsOf,
  zoneArnOf,
} from "@gantry/state/transactions/zones";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { checkNoConflict, findChangeable, findVpc, findZone, nameOf, presentName } from "./lookups.ts";

const NS_TTL_SECONDS = 172_800;
const SOA_TTL_SECONDS = 900;
/** Source: Amazon Route 53 Developer Guide, "Quotas". */
export const ZONES_MAX = 500;
export const RECORD_SETS_MAX = 10_000;
export const ZONE_VPCS_MAX = 300;

/** Hosted zones. */
export function zoneOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    CreateHostedZone: (input, context) => createHostedZone(deps, input, context),
    GetHostedZone(input, context) {
      const zone = findZone(store, context, input.Id);
      return {
        HostedZone: presentZone(store, zone),
        ...(zone.vpcs === undefined
          ? { DelegationSet: presentDelegation(zone) }
          : { VPCs: zone.vpcs.map(presentVpc) }),
      };
    },
    UpdateHostedZoneComment: (input, context) =>
      store.transact((tx) => {
        const zone = { ...findZone(tx, context, input.Id), comment: input.Comment };
        tx.put("hostedZone", zone.arn, zone);
        return { HostedZone: presentZone(tx, zone) };
      }),
    DeleteHostedZone: (input, context) => deleteHostedZone(deps, input, context),
    GetDNSSEC(input, context) {
      findZone(store, context, input.HostedZoneId);
      return { Status: { ServeSignature: "NOT_SIGNING" }, KeySigningKeys: [] };
    },
  } satisfies Implementation<typeof sdk>;
}

function createHostedZone(
  deps: ApiDeps,
  input: sdk.CreateHostedZoneRequest,
  { account }: RequestContext,
): sdk.CreateHostedZoneResponse {
  const name = nameOf(input.Name);
  const isPrivate = input.VPC !== undefined;
  if (!isRecordName(name) || name.startsWith("*") || (!isPrivate && !name.includes(".")))
    throw new ApiError("InvalidDomainName", `The domain name '${input.Name ?? ""}' is not valid.`, {
      status: 400,
    });
  if (input.HostedZoneConfig?.PrivateZone === true && !isPrivate)
    throw new ApiError("InvalidInput", "When you're creating a private hosted zone, you must specify a VPC.");
  return deps.store.transact((tx) => {
    const known = tx
      .listBy("hostedZone", "account", account)
      .find((zone) => zone.callerReference === input.CallerReference);
    if (known !== undefined)
      throw new ApiError(
        "HostedZoneAlreadyExists",
        `A hosted zone has already been created with the specified caller reference: ${known.callerReference}`,
        { status: 409 },
      );
    if (tx.countBy("hostedZone", "account", account) >= ZONES_MAX)
      throw new ApiError(
        "TooManyHostedZones",
        `The account has ${ZONES_MAX} hosted zones, the most it can have.`,
      );
    const vpcs = isPrivate ? [ownVpc(tx, account, input.VPC)] : undefined;
    for (const vpc of vpcs ?? []) checkNoConflict(tx, { name, arn: undefined }, vpc);
    const { zone, change } = addZone(tx, deps, {
      ...{ account, name, callerReference: input.CallerReference ?? "", vpcs },
      comment: input.HostedZoneConfig?.Comment,
    });
    return {
      HostedZone: presentZone(tx, zone),
      ChangeInfo: presentChange(tx, change),
      // A private zone has no delegation set, although the SDK's type says so.
      DelegationSet: zone.vpcs === undefined ? presentDelegation(zone) : undefined,
      VPC: zone.vpcs?.map(presentVpc)[0],
      Location: `https://route53.amazonaws.com/2013-04-01/hostedzone/${zone.id}`,
    };
  });
}

/** A VPC of the caller's account. Errors: InvalidVPCId. */
function ownVpc(tx: Transaction, account: string, named: sdk.VPC | undefined): ZoneVpc {
  const { id, region, account: owner } = findVpc(tx, named);
  if (owner !== account) throw new ApiError("InvalidVPCId", `The VPC ${id} belongs to another account.`);
  return { id, region };
}

/** Adds a zone with its SOA and NS records. Its VPCs have no other zone of the name. */
export function addZone(
  tx: Transaction,
  { ids, clock }: Pick<ApiDeps, "ids" | "clock">,
  spec: Pick<HostedZoneRecord, "account" | "name" | "callerReference" | "comment" | "vpcs" | "namespaceArn">,
): { zone: HostedZoneRecord; change: DnsChangeRecord } {
  const id = `Z${ids.upper(20)}`;
  const zone: HostedZoneRecord = {
    ...spec,
    ...{ arn: zoneArnOf(id), id, version: 0, tags: {}, createdAt: clock.now() },
    nameServers: spec.vpcs === undefined ? newNameServers(tx, ids, spec.name) : nameServersAt([0, 0, 0, 0]),
    order: tx.next("hostedZone"),
  };
  const { account, arn: zoneArn, name, nameServers } = zone;
  const own = { account, zoneArn, name, alias: undefined, setIdentifier: undefined, routing: undefined };
  const soa = `${nameServers[0] ?? ""}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400`;
  for (const set of [
    { ...own, type: "NS", ttl: NS_TTL_SECONDS, values: nameServers.map((server) => `${server}.`) },
    { ...own, type: "SOA", ttl: SOA_TTL_SECONDS, values: [soa] },
  ])
    tx.put("dnsRecordSet", recordSetKey(set), set);
  const change = addZoneChange(tx, zone, { id: newChangeId(ids), comment: undefined, now: clock.now() });
  return { zone: { ...zone, version: change.version }, change };
}

export function newChangeId(ids: ApiDeps["ids"]): string {
  return `C${ids.upper(20)}`;
}

/** Four name servers that no zone of the same name has: NS records delegate to one zone alone. */
function newNameServers(reader: Reader, ids: ApiDeps["ids"], name: string): readonly string[] {
  const taken = new Set(reader.listBy("hostedZone", "name", name).flatMap((zone) => zone.nameServers));
  for (;;) {
    const servers = nameServersAt([0, 1, 2, 3].map(() => Number.parseInt(ids.hex(4), 16) % 512));
    if (servers.every((server) => !taken.has(server))) return servers;
  }
}

function nameServersAt(numbers: readonly number[]): readonly string[] {
  return ["com", "net", "org", "co.uk"].map((domain, index) => {
    const number = numbers[index] ?? 0;
    return `ns-${index * 512 + number}.awsdns-${String(number >> 3).padStart(2, "0")}.${domain}`;
  });
}

function deleteHostedZone(
  { store, ids, clock }: ApiDeps,
  input: sdk.DeleteHostedZoneRequest,
  context: RequestContext,
): sdk.DeleteHostedZoneResponse {
  return store.transact((tx) => {
    const zone = findChangeable(tx, context, input.Id);
    const sets = recordSetsOf(tx, zone.arn);
    const isOwn = (set: (typeof sets)[number]) =>
      set.name === zone.name && (set.type === "NS" || set.type === "SOA");
    if (!sets.every(isOwn))
      throw new ApiError(
        "HostedZoneNotEmpty",
        "The specified hosted zone contains non-required resource record sets and so cannot be deleted.",
        { status: 400 },
      );
    const change = addZoneChange(tx, zone, { id: newChangeId(ids), comment: undefined, now: clock.now() });
    for (const set of sets) tx.delete("dnsRecordSet", recordSetKey(set));
    tx.delete("hostedZone", zone.arn);
    return { ChangeInfo: presentChange(tx, change) };
  });
}

export function presentZone(reader: Reader, zone: HostedZoneRecord): sdk.HostedZone {
  return {
    Id: `/hostedzone/${zone.id}`,
    Name: presentName(zone.name),
    CallerReference: zone.callerReference,
    Config: {
      PrivateZone: zone.vpcs !== undefined,
      ...(zone.comment === undefined ? {} : { Comment: zone.comment }),
    },
    ResourceRecordSetCount: reader.countBy("dnsRecordSet", "zone", zone.arn),
    ...(zone.namespaceArn === undefined
      ? {}
      : {
          LinkedService: {
            ServicePrincipal: "servicediscovery.amazonaws.com",
            Description: zone.namespaceArn,
          },
        }),
  };
}

function presentDelegation(zone: HostedZoneRecord): sdk.DelegationSet {
  return { NameServers: [...zone.nameServers] };
}

export function presentVpc({ id, region }: ZoneVpc): sdk.VPC {
  return { VPCId: id, VPCRegion: region as sdk.VPCRegion };
}

export function presentChange(reader: Reader, change: DnsChangeRecord): sdk.ChangeInfo {
  return {
    Id: `/change/${change.id}`,
    Status: isInSync(reader, change.zoneArn, change.version) ? "INSYNC" : "PENDING",
    SubmittedAt: new Date(change.submittedAt),
    ...(change.comment === undefined ? {} : { Comment: change.comment }),
  };
}
