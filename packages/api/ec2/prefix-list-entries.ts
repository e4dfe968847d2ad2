import type * as ec2 from "@aws-sdk/client-ec2";
import type { PrefixListEntryRecord } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { invalidValue } from "./missing.ts";
import { ruleBlock } from "./rule-peers-and-ports.ts";

/** The entries of a new list. Errors: InvalidParameterValue for a block that is malformed or there twice. */
export function toEntries(given: readonly ec2.AddPrefixListEntry[]): readonly PrefixListEntryRecord[] {
  return changeEntries([], { add: given, remove: [] });
}

/** Entries after a change; an entry that is added again gets the new description. Errors: InvalidParameterValue. */
export function changeEntries(
  current: readonly PrefixListEntryRecord[],
  changes: {
    readonly add: readonly ec2.AddPrefixListEntry[];
    readonly remove: readonly ec2.RemovePrefixListEntry[];
  },
): readonly PrefixListEntryRecord[] {
  const entries = new Map(current.map((entry) => [entry.cidr, entry]));
  for (const { Cidr } of changes.remove)
    if (!entries.delete(ruleBlock(Cidr)))
      throw new ApiError("InvalidParameterValue", `The prefix list has no entry ${Cidr}.`);
  const added = new Set<string>();
  for (const { Cidr, Description } of changes.add) {
    const cidr = ruleBlock(Cidr);
    if (added.has(cidr)) throw new ApiError("InvalidParameterValue", `The entry ${Cidr} is there twice.`);
    if ((Description ?? "").length > 255) throw invalidValue(Description, "Description");
    added.add(cidr);
    entries.set(cidr, { cidr, description: Description });
  }
  return [...entries.values()];
}
