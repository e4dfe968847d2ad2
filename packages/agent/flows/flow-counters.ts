import type { Flow } from "@gantry/agent-protocol";
import { FLOW_OUTCOMES, FLOW_TIMEOUT_SECONDS } from "../network/flow-rules.ts";
import { inNamespace, type Programs } from "../network/programs.ts";

/** The counter of a flow, as the router's rules have it at the moment. */
export interface FlowCounter extends Flow {
  readonly outcome: (typeof FLOW_OUTCOMES)[number];
  /** Seconds since the flow's last packet. */
  readonly idleSeconds: number;
  /** Where only packets with this flag of TCP are counted: its value in a flow log. */
  readonly tcpFlag?: number;
}

/**
 * Reads the counters of a router's flows. `pid` is a process in its namespace. Throws ProgramError where
 * there are none.
 */
export async function readFlowCounters(programs: Programs, pid: number): Promise<readonly FlowCounter[]> {
  // Flags come behind the flows that they belong to.
  const sets = ["flows", "bare", "tcp"].flatMap((kind) =>
    FLOW_OUTCOMES.map((outcome) => ({ outcome, name: `${kind}_${outcome}` })),
  );
  const listed = await programs.run(
    sets.map(({ name }) =>
      inNamespace(pid, {
        program: "nft",
        arguments: ["-j", "-n", "list", "set", "inet", "filter", name],
      }),
    ),
  );
  return sets.flatMap(({ outcome }, index) =>
    parseFlowSet(listed[index] ?? "").map((flow) => ({ outcome, ...flow })),
  );
}

interface ListedElement {
  readonly elem?: {
    readonly val?: { readonly concat?: readonly (string | number)[] };
    readonly expires?: number;
    readonly counter?: { readonly packets: number; readonly bytes: number };
  };
}

/** Parses the JSON of `nft -j list set`. Elements that are not flows are left out. */
export function parseFlowSet(text: string): readonly Omit<FlowCounter, "outcome">[] {
  if (text.trim() === "") return [];
  const { nftables = [] } = JSON.parse(text) as {
    nftables?: readonly { set?: { name?: string; elem?: readonly ListedElement[] } }[];
  }; // The format of libnftables-json(5).
  return nftables.flatMap(({ set }) =>
    (set?.elem ?? []).flatMap(({ elem }) => {
      const words = elem?.val?.concat ?? [];
      const { counter, expires = FLOW_TIMEOUT_SECONDS } = elem ?? {};
      const flow = flowOf(words, set?.name?.startsWith("tcp_") === true);
      if (counter === undefined || flow === undefined) return [];
      const idleSeconds = Math.max(0, FLOW_TIMEOUT_SECONDS - expires);
      return [{ ...flow, packets: counter.packets, bytes: counter.bytes, idleSeconds }];
    }),
  );
}

/** The flow of an element's key, with the flag where the set is one of flags; undefined for another key. */
function flowOf(words: readonly (string | number)[], hasFlag: boolean) {
  if (words.length !== 5 && words.length !== 3) return undefined;
  if (hasFlag) {
    const [source, sourcePort, destination, destinationPort, flag] = words;
    return {
      ...{ source: String(source), destination: String(destination), protocol: PROTOCOLS["tcp"] ?? 0 },
      ...{ sourcePort: Number(sourcePort), destinationPort: Number(destinationPort) },
      tcpFlag: protocolNumber(String(flag)),
    };
  }
  const [source, protocol, sourcePort, destination, destinationPort] =
    words.length === 5 ? words : [words[0], words[1], 0, words[2], 0];
  return {
    ...{ source: String(source), destination: String(destination) },
    ...{ sourcePort: Number(sourcePort), destinationPort: Number(destinationPort) },
    protocol: protocolNumber(String(protocol)),
  };
}

/** Names that nft gives to protocols where it knows them. Source: IANA, protocol numbers. */
const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  ipencap: 4,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  esp: 50,
  ah: 51,
  comp: 108,
  sctp: 132,
  udplite: 136,
};

function protocolNumber(name: string): number {
  return PROTOCOLS[name] ?? (Number.isNaN(Number(name)) ? 0 : Number(name));
}
