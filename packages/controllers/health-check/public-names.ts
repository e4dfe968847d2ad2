import { parentName } from "@gantry/kernel/dns/dns-name";
import { Zones } from "@gantry/kernel/dns/zones";
import type { Reader } from "@gantry/state";
import { publicAddressesOf, zoneContent } from "@gantry/state/transactions/zones";

const CHAIN_MAX = 8;

/**
 * The addresses that a name has for everyone: those of a load balancer, or those that a public hosted zone answers.
 * Undefined for a name that the instance does not have. `random` is in [0, 1).
 */
export function publicNames(reader: Reader, random: () => number) {
  return (name: string): readonly string[] | undefined => {
    let at = name;
    for (let hops = 0; hops < CHAIN_MAX; hops += 1) {
      const balancer = publicAddressesOf(reader, at);
      if (balancer !== undefined) return balancer;
      const answer = zonesAbove(reader, at).answer(at, "A", { vpcId: undefined, region: undefined, random });
      if (answer === undefined) return undefined;
      if (answer.next === undefined)
        return answer.records.flatMap(({ type, value }) => (type === "A" ? [value] : []));
      at = answer.next;
    }
    return [];
  };
}

/** The public zones that can have a name. */
function zonesAbove(reader: Reader, name: string): Zones {
  const zones = new Zones();
  for (let at: string | undefined = name; at !== undefined; at = parentName(at))
    for (const zone of reader.listBy("hostedZone", "name", at))
      if (zone.vpcs === undefined) zones.put(zoneContent(reader, zone));
  return zones;
}
