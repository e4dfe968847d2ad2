import type * as sdk from "@aws-sdk/client-route-53";
import { reversedName } from "@gantry/kernel/dns/dns-name";
import type { DnsRecordSetRecord } from "@gantry/state";
import { addZoneChange, changeArn, recordSetsOf } from "@gantry/state/transactions/zones";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { applyBatch } from "./apply-batch.ts";
import { newChangeId, presentChange } from "./hosted-zones.ts";
import { findChangeable, findZone, invalidInput, nameOf, presentName } from "./lookups.ts";
import { presentRecordSet } from "./record-set.ts";

const PAGE_MAX = 300;

/** Record sets: changed in batches, listed; and the state of changes. */
export function changeOperations(deps: ApiDeps) {
  const { store, ids, clock } = deps;
  return {
    ChangeResourceRecordSets: (input, context) =>
      store.transact((tx) => {
        const zone = findChangeable(tx, context, input.HostedZoneId);
        applyBatch(tx, zone, input.ChangeBatch?.Changes ?? []);
        const change = { id: newChangeId(ids), comment: input.ChangeBatch?.Comment, now: clock.now() };
        return { ChangeInfo: presentChange(tx, addZoneChange(tx, zone, change)) };
      }),
    ListResourceRecordSets: (input, context) => listRecordSets(deps, input, context),
    GetChange(input, { account }) {
      const change = store.get("dnsChange", changeArn((input.Id ?? "").replace(/^\/?change\//, "")));
      if (change === undefined || change.account !== account)
        throw new ApiError("NoSuchChange", `Could not find resource with ID: ${input.Id ?? ""}`, {
          status: 404,
        });
      return { ChangeInfo: presentChange(store, change) };
    },
  } satisfies Implementation<typeof sdk>;
}

/** In the order of the labels from right to left, then of types and set identifiers, from a record set on. */
function listRecordSets(
  { store }: ApiDeps,
  input: sdk.ListResourceRecordSetsRequest,
  context: RequestContext,
): sdk.ListResourceRecordSetsResponse {
  const zone = findZone(store, context, input.HostedZoneId);
  const { StartRecordName, StartRecordType, StartRecordIdentifier } = input;
  if (StartRecordType !== undefined && StartRecordName === undefined)
    throw invalidInput("The type of the first record set needs its name.");
  if (StartRecordIdentifier !== undefined && StartRecordType === undefined)
    throw invalidInput("The identifier of the first record set needs its name and type.");
  const size = Math.min(input.MaxItems ?? PAGE_MAX, PAGE_MAX);
  const orderOf = (name: string, type = "", identifier = "") =>
    [reversedName(name), type, identifier].join(" ");
  const first =
    StartRecordName === undefined
      ? ""
      : orderOf(nameOf(StartRecordName), StartRecordType, StartRecordIdentifier);
  const isFrom = ({ name, type, setIdentifier }: DnsRecordSetRecord) =>
    orderOf(name, type, setIdentifier) >= first;
  const sets = recordSetsOf(store, zone.arn).filter(isFrom);
  const next = sets[size];
  return {
    ResourceRecordSets: sets.slice(0, size).map(presentRecordSet),
    IsTruncated: next !== undefined,
    MaxItems: size,
    ...(next === undefined
      ? {}
      : {
          NextRecordName: presentName(next.name),
          NextRecordType: next.type as sdk.RRType,
          ...(next.setIdentifier === undefined ? {} : { NextRecordIdentifier: next.setIdentifier }),
        }),
  };
}
