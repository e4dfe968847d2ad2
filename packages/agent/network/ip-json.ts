import { isObject } from "@gantry/kernel";
import { ProgramError } from "./programs.ts";

/** An IPv4 address as `ip -j address show` lists it. */
export interface ListedAddress {
  readonly link: string;
  readonly address: string;
  readonly prefix: number;
}

/** The IPv4 addresses in the output of `ip -j -4 address show`. */
export function addressesIn(output: string): readonly ListedAddress[] {
  return entriesIn(output).flatMap((entry) =>
    (Array.isArray(entry["addr_info"]) ? entry["addr_info"] : []).flatMap((info: unknown) =>
      isObject(info) && info["family"] === "inet"
        ? {
            link: String(entry["ifname"]),
            address: String(info["local"]),
            prefix: Number(info["prefixlen"]),
          }
        : [],
    ),
  );
}

/** The objects in a JSON list of iproute2. Empty output is an empty list. Throws ProgramError on anything else. */
export function entriesIn(output: string): readonly Readonly<Record<string, unknown>>[] {
  if (output.trim() === "") return [];
  const parsed: unknown = JSON.parse(output);
  if (!Array.isArray(parsed)) throw new ProgramError("ip printed no list.");
  return parsed.filter(isObject);
}
