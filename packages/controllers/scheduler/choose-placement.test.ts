import type { NodeRecord, SubnetRecord } from "@gantry/state";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { choosePlacement } from "./choose-placement.ts";
import type { Candidate, PlacementRequest } from "./placement-candidate.ts";

const NOW = 1_000_000;
const node = (id: string, given: Partial<NodeRecord> = {}): NodeRecord => ({
  id,
  hostname: id,
  cpu: 4_096,
  memoryMiB: 8_192,
  registeredAt: 0,
  agentPid: 1,
  ...given,
});
const subnet = (zone: string) => ({ id: `subnet-${zone}`, availabilityZone: zone }) as SubnetRecord; // What decides.
const candidate = (given: Partial<Candidate> = {}): Candidate => ({
  node: node("n1"),
  reserved: { cpuUnits: 0, memoryMiB: 0 },
  subnet: subnet("a"),
  freeAddresses: 100,
  warm: [],
  zonePeers: 0,
  nodePeers: 0,
  isMember: true,
  ...given,
});
const request = (given: Partial<PlacementRequest> = {}): PlacementRequest => ({
  need: { cpuUnits: 256, memoryMiB: 512 },
  overcommit: { cpu: 1, memory: 1 },
  fileSystemNodes: [],
  distinctInstance: false,
  now: NOW,
  ...given,
});
const chosen = (candidates: readonly Candidate[], given: Partial<PlacementRequest> = {}): string => {
  const choice = choosePlacement(request(given), candidates);
  return choice.type === "chosen"
    ? `${choice.candidate.node.id} ${choice.candidate.subnet.availabilityZone}`
    : choice.refusals.map(({ reason, isPermanent }) => `${reason}${isPermanent ? " for good" : ""}`).join();
};

describe("filters", () => {
  const away = (ms: number) => node("n1", { state: "DISCONNECTED", lastContactAt: NOW - ms });
  it.each<[string, Partial<Candidate>, Partial<PlacementRequest>, string]>([
    [
      "a task that alone exceeds the CPU",
      {},
      { need: { cpuUnits: 4_097, memoryMiB: 1 } },
      "RESOURCE:CPU for good",
    ],
    [
      "a task that alone exceeds the memory",
      {},
      { need: { cpuUnits: 1, memoryMiB: 8_193 } },
      "RESOURCE:MEMORY for good",
    ],
    ["a full node: CPU", { reserved: { cpuUnits: 4_000, memoryMiB: 0 } }, {}, "RESOURCE:CPU"],
    ["a full node: memory", { reserved: { cpuUnits: 0, memoryMiB: 8_000 } }, {}, "RESOURCE:MEMORY"],
    [
      "a second task on a node under distinctInstance",
      { nodePeers: 1 },
      { distinctInstance: true },
      "ATTRIBUTE",
    ],
    ["a node that does not satisfy memberOf", { isMember: false }, {}, "ATTRIBUTE"],
    ["a full subnet", { freeAddresses: 0 }, {}, "RESOURCE:ENI"],
    ["a subnet of another zone", { node: node("n1", { zone: "b" }) }, {}, "LOCATION for good"],
    ["a node without the file system", {}, { fileSystemNodes: ["n2"] }, "ATTRIBUTE for good"],
    ["a node whose agent is away", { node: away(60_000) }, {}, "AGENT"],
    ["nothing where the agent may only be restarting", { node: away(2_000) }, {}, "n1 a"],
    [
      "nothing of a node with the zone and the file system",
      { node: node("n1", { zone: "a" }) },
      { fileSystemNodes: ["n1"] },
      "n1 a",
    ],
  ])("refuse %s", (_, given, asked, expected) => {
    expect(chosen([candidate(given)], asked)).toBe(expected);
  });

  it("name each node's reason once", () => {
    const full = { reserved: { cpuUnits: 4_096, memoryMiB: 0 } };
    const choice = choosePlacement(request(), [
      candidate(full),
      candidate({ ...full, subnet: subnet("b") }),
      candidate({ ...full, node: node("n2") }),
    ]);
    expect(choice).toMatchObject({ refusals: [{ nodeId: "n1" }, { nodeId: "n2" }] });
  });
});

describe("scorers", () => {
  const warm = [{ id: "eni-1" } as Candidate["warm"][number]]; // Only that it is there.
  it.each<[string, Partial<Candidate>, Partial<Candidate>]>([
    [
      "the zone with fewer peers, though the node has more",
      { zonePeers: 1, nodePeers: 0 },
      { zonePeers: 0, nodePeers: 5 },
    ],
    ["the node with fewer peers, though no interface stands ready", { nodePeers: 1, warm }, { nodePeers: 0 }],
    ["where an interface stands ready, though the node is emptier", {}, { warm }],
    ["the fuller node", {}, { reserved: { cpuUnits: 0, memoryMiB: 1_024 } }],
    ["the subnet with more addresses", { freeAddresses: 5 }, { freeAddresses: 6 }],
  ])("prefer %s", (_, worse, better) => {
    const [a, b] = [
      candidate({ ...worse, node: node("n1"), subnet: subnet("a") }),
      candidate({ ...better, node: node("n2"), subnet: subnet("b") }),
    ];
    expect([chosen([a, b]), chosen([b, a])]).toEqual(["n2 b", "n2 b"]);
  });
});

/** Places tasks one after another as the scheduler does, each seen by those after it. */
function placeAll(
  nodes: readonly NodeRecord[],
  zones: readonly string[],
  {
    needs,
    overcommit,
  }: { needs: readonly PlacementRequest["need"][]; overcommit: PlacementRequest["overcommit"] },
): readonly { nodeId: string; zone: string; need: PlacementRequest["need"] }[] {
  const placed: { nodeId: string; zone: string; need: PlacementRequest["need"] }[] = [];
  for (const need of needs) {
    const on = (id: string) => placed.filter((each) => each.nodeId === id);
    const candidates = zones.flatMap((zone) =>
      nodes.map((each) =>
        candidate({
          node: each,
          subnet: subnet(zone),
          zonePeers: placed.filter((other) => other.zone === zone).length,
          nodePeers: on(each.id).length,
          reserved: {
            cpuUnits: on(each.id).reduce((sum, other) => sum + other.need.cpuUnits, 0),
            memoryMiB: on(each.id).reduce((sum, other) => sum + other.need.memoryMiB, 0),
          },
        }),
      ),
    );
    const choice = choosePlacement(request({ need, overcommit }), candidates);
    if (choice.type === "chosen")
      placed.push({
        nodeId: choice.candidate.node.id,
        zone: choice.candidate.subnet.availabilityZone,
        need,
      });
  }
  return placed;
}

const ZONES = ["a", "b", "c"];
const needs = fc.array(
  fc.record({ cpuUnits: fc.integer({ min: 0, max: 5_000 }), memoryMiB: fc.integer({ min: 0, max: 9_000 }) }),
  { maxLength: 40 },
);
const nodes = fc
  .array(
    fc.record({
      cpu: fc.integer({ min: 512, max: 8_192 }),
      memoryMiB: fc.integer({ min: 512, max: 16_384 }),
      zone: fc.constantFrom(undefined, ...ZONES),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((all) => all.map(({ zone, ...size }, index) => node(`n${index}`, { ...size, ...(zone && { zone }) })));
const factor = fc.double({ min: 1, max: 4, noNaN: true });

describe("whatever is placed", () => {
  it("never exceeds a node's capacity times the overcommit factors, nor its capacity with one task", () =>
    fc.assert(
      fc.property(nodes, needs, factor, factor, (all, wanted, cpu, memory) => {
        const placed = placeAll(all, ZONES, { needs: wanted, overcommit: { cpu, memory } });
        for (const each of all) {
          const own = placed.filter(({ nodeId }) => nodeId === each.id).map(({ need }) => need);
          const sum = (of: "cpuUnits" | "memoryMiB") => own.reduce((total, need) => total + need[of], 0);
          expect(sum("cpuUnits")).toBeLessThanOrEqual(each.cpu * cpu);
          expect(sum("memoryMiB")).toBeLessThanOrEqual(each.memoryMiB * memory);
          expect(own.every((need) => need.cpuUnits <= each.cpu && need.memoryMiB <= each.memoryMiB)).toBe(
            true,
          );
        }
      }),
    ));

  it("is spread over zones and over nodes within one, where capacity does not bind", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 40 }),
        fc.boolean(),
        (count, tasks, zoned) => {
          const all = Array.from({ length: zoned ? 3 * count : count }, (_each, index) =>
            node(`n${index}`, zoned ? { zone: ZONES[index % 3] ?? "a" } : {}),
          );
          const tiny = Array.from({ length: tasks }, () => ({ cpuUnits: 1, memoryMiB: 1 }));
          const placed = placeAll(all, ZONES, { needs: tiny, overcommit: { cpu: 1, memory: 1 } });
          const spread = (keys: readonly string[], of: "zone" | "nodeId"): number => {
            const counts = keys.map((key) => placed.filter((each) => each[of] === key).length);
            return Math.max(...counts) - Math.min(...counts);
          };
          expect(placed).toHaveLength(tasks);
          expect(spread(ZONES, "zone")).toBeLessThanOrEqual(1);
          for (const zone of zoned ? ZONES : [undefined])
            expect(
              spread(
                all.filter((each) => each.zone === zone).map(({ id }) => id),
                "nodeId",
              ),
            ).toBeLessThanOrEqual(1);
        },
      ),
    ));

  it("is independent of the order of the candidates", () =>
    fc.assert(
      fc.property(nodes, fc.infiniteStream(fc.nat()), (all, dice) => {
        const candidates = ZONES.flatMap((zone) =>
          all.map((each) => candidate({ node: each, subnet: subnet(zone) })),
        );
        const shuffled = candidates
          .map((each) => ({ each, at: dice.next().value ?? 0 }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ each }) => each);
        expect(chosen(shuffled)).toBe(chosen(candidates));
      }),
    ));
});
