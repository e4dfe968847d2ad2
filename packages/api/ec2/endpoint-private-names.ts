import type { Ids } from "@gantry/kernel";
import { normalName } from "@gantry/kernel/dns/dns-name";
import type { EndpointServiceRecord, Reader } from "@gantry/state";
import { allZones } from "@gantry/state/transactions/zones";
import { invalidValue } from "./missing.ts";

type PrivateName = NonNullable<EndpointServiceRecord["privateDns"]>;

const LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?";
const NAME = new RegExp(`^(?:\\*\\.)?(?:${LABEL}\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$`);
const NAME_MAX = 253;
/** Names of AWS's services, of hosts and of load balancers, which a customer's endpoint must not answer. */
const RESERVED = /(?:^|\.)(?:amazonaws\.com(?:\.cn)?|aws|internal|localhost)$/;
/** Outside of VPCs: only public zones prove who controls a name. */
const VIEW = { vpcId: undefined, region: undefined, random: () => 0 };

/** A private name that is not verified yet, with the record that proves it. Errors: InvalidParameterValue. */
export function newPrivateName(ids: Ids, given: string): PrivateName {
  const name = normalName(given);
  if (name.length > NAME_MAX || !NAME.test(name)) throw invalidValue(given, "privateDnsName");
  if (RESERVED.test(name))
    throw invalidValue(
      given,
      "privateDnsName",
      "The domain belongs to AWS or is reserved, and cannot be verified.",
    );
  const record = { name: `_${ids.hex(20)}`, value: `vpce:${ids.hex(20)}` };
  return { name, record, state: "pendingVerification" };
}

/**
 * The private name with the outcome of its verification: the TXT record is below the name or one of its parent
 * domains. Source: AWS PrivateLink Guide, "Manage DNS names".
 */
export function verifiedName(reader: Reader, own: PrivateName): PrivateName {
  const zones = allZones(reader);
  const labels = own.name.replace(/^\*\./, "").split(".");
  const domains = labels.slice(0, -1).map((_, index) => labels.slice(index).join("."));
  const isProven = domains.some((domain) => {
    const answer = zones.answer(`${own.record.name}.${domain}`, "TXT", VIEW);
    return answer?.records.some(({ value }) => value.replaceAll('"', "") === own.record.value) === true;
  });
  return { ...own, state: isProven ? "verified" : "failed" };
}
