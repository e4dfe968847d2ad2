import { createHash } from "node:crypto";
import { normalName } from "@gantry/kernel/dns/dns-name";
import type { Zones } from "@gantry/kernel/dns/zones";
import type { CertificateRecord } from "../records.ts";
import type { Reader, Transaction } from "../store.ts";
import { allZones } from "./zones.ts";

/** How long a certificate waits for its records. Source: ACM User Guide, "DNS validation". */
export const VALIDATION_MS = 72 * 60 * 60_000;
/** Outside of VPCs: only public zones prove who controls a name. */
const VIEW = { vpcId: undefined, region: undefined, random: () => 0 };

/**
 * The CNAME record that proves control of a domain for an account; a wildcard has that of the name below it.
 * Names are normal ones. The record of one account proves nothing for another.
 */
export function validationRecordOf(account: string, domain: string): { name: string; value: string } {
  const base = normalName(domain).replace(/^\*\./, "");
  const digest = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 32);
  return {
    name: `_${digest(`name/${account}/${base}`)}.${base}`,
    value: `_${digest(`value/${account}/${base}`)}.acm-validations.aws`,
  };
}

/** The names of a certificate that public zones of the instance cover and whose records are not there. */
export function unvalidatedNames(
  reader: Reader,
  { account, subjectAlternativeNames: names }: Pick<CertificateRecord, "account" | "subjectAlternativeNames">,
): readonly string[] {
  if (reader.keys("hostedZone").length === 0) return [];
  const zones = allZones(reader);
  const isCovered = (name: string) =>
    zones.zoneOf(validationRecordOf(account, name).name, VIEW) !== undefined;
  return names.filter((name) => isCovered(name) && !isProven(zones, account, name));
}

/** Looks up the records of the names that a certificate waits for, in the zones as they are answered. */
export function validateCertificate(tx: Transaction, arn: string, now: number): void {
  const record = tx.get("certificate", arn);
  if (record === undefined || !isWaiting(record, now)) return;
  const zones = allZones(tx);
  const { account, unvalidated = [] } = record;
  const left = unvalidated.filter((name) => !isProven(zones, account, name));
  if (left.length === unvalidated.length) return;
  const { unvalidated: _known, ...rest } = record;
  tx.put("certificate", arn, left.length === 0 ? { ...rest, issuedAt: now } : { ...rest, unvalidated: left });
}

/** Whether a certificate waits for its records, at a time in ms. */
export function isWaiting({ unvalidated, createdAt }: CertificateRecord, now: number): boolean {
  return unvalidated !== undefined && now - createdAt <= VALIDATION_MS;
}

/** ARNs of the load balancers whose listeners present a certificate. */
export function certificateUsers(reader: Reader, arn: string): readonly string[] {
  return [
    ...new Set(
      reader
        .list("listener")
        .filter((listener) => listener.certificates.includes(arn))
        .map((listener) => listener.loadBalancerArn),
    ),
  ];
}

function isProven(zones: Zones, account: string, domain: string): boolean {
  const { name, value } = validationRecordOf(account, domain);
  const answer = zones.answer(name, "CNAME", VIEW);
  return answer?.records.some((record) => normalName(record.value) === value) === true;
}
