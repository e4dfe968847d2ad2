import { createHash } from "node:crypto";
import type { Placed, PrefixListEntryRecord } from "../records.ts";
import type { Reader } from "../store.ts";

/**
 * The address at which a VPC reaches the AWS service names; the agent's router has it
 * (packages/agent/network/transit.ts).
 */
const SERVICES_BLOCK = "169.254.170.10/32";

/** A prefix list as security groups and routes use it. */
export interface PrefixList {
  readonly id: string;
  readonly name: string;
  readonly entries: readonly PrefixListEntryRecord[];
}

/**
 * The prefix lists that AWS manages in a region: the addresses of S3 and DynamoDB there, and those that CloudFront
 * connects from, of which there are none.
 */
export function awsPrefixLists(region: string): readonly PrefixList[] {
  const services = [{ cidr: SERVICES_BLOCK, description: undefined }];
  return [
    awsPrefixList(`com.amazonaws.${region}.s3`, services),
    awsPrefixList(`com.amazonaws.${region}.dynamodb`, services),
    awsPrefixList("com.amazonaws.global.cloudfront.origin-facing", []),
  ];
}

/** The id is derived from the name, so that it stays. */
function awsPrefixList(name: string, entries: PrefixList["entries"]): PrefixList {
  return { id: `pl-${createHash("sha256").update(name).digest("hex").slice(0, 8)}`, name, entries };
}

/** A prefix list by its id, with the entries of its current version. */
export function prefixListOf(
  reader: Reader,
  place: Pick<Placed, "account" | "region">,
  id: string | undefined,
): PrefixList | undefined {
  const own = reader.get("prefixList", id);
  if (own?.account === place.account && own.region === place.region)
    return { id: own.id, name: own.name, entries: own.versions[own.version] ?? [] };
  return awsPrefixLists(place.region).find((list) => list.id === id);
}

/** The blocks of a prefix list; none where it does not exist. */
export function prefixListBlocks(
  reader: Reader,
  place: Pick<Placed, "account" | "region">,
  id: string,
): readonly string[] {
  return prefixListOf(reader, place, id)?.entries.map((entry) => entry.cidr) ?? [];
}
