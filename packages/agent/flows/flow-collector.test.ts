import type { AssignedFlowLog, VpcAssignment } from "@gantry/agent-protocol";
import { silentLogger, VirtualClock } from "@gantry/kernel";
import { expect, it } from "vitest";
import { FLOWS_MAX } from "../network/flow-rules.ts";
import { FlowCollector, type FlowBatch } from "./flow-collector.ts";
import { parseFlowSet, type FlowCounter } from "./flow-counters.ts";

const MINUTE = Date.UTC(2026, 0, 1);
const eni = (id: string, ip: string) => ({
  ...{ id, ip, mac: "02:00:00:00:00:01", groups: [], publicIp: undefined, local: false },
});
const log = (part: Partial<AssignedFlowLog> = {}): AssignedFlowLog => ({
  ...{ id: "fl-1", resourceId: "vpc-1", trafficType: "ALL", aggregationSeconds: 60 },
  ...part,
});

function newCollector(flowLogs: readonly AssignedFlowLog[]) {
  const clock = new VirtualClock(MINUTE + 1_000);
  const sent: FlowBatch[] = [];
  const state = { counters: [] as FlowCounter[], flowLogs };
  const vpc = (): VpcAssignment => ({
    ...{ kind: "vpc", key: "vpc/vpc-1", vpcId: "vpc-1", index: 0, cidr: "10.0.0.0/16", region: "eu-south-1" },
    subnets: [
      { id: "subnet-1", cidr: "10.0.1.0/24", egress: "none", natPublicIp: undefined },
      { id: "subnet-2", cidr: "10.0.2.0/24", egress: "none", natPublicIp: undefined },
    ],
    interfaces: [eni("eni-a", "10.0.1.11"), eni("eni-b", "10.0.2.12")],
    ...{ groups: [], names: {}, flowLogs: state.flowLogs },
  });
  let reads = 0;
  const collector = new FlowCollector({
    ...{ clock, log: silentLogger, vpcs: () => [vpc()], send: (batch) => sent.push(batch) },
    read: async () => {
      reads += 1;
      return state.counters;
    },
  });
  collector.start();
  return { clock, sent, state, collector, reads: () => reads };
}

const flow = (part: Partial<FlowCounter> = {}): FlowCounter => ({
  ...{ outcome: "accept_out", source: "10.0.1.11", destination: "10.0.2.12", sourcePort: 4_000 },
  ...{ destinationPort: 80, protocol: 6, packets: 5, bytes: 500, idleSeconds: 3 },
  ...part,
});

it("sends what each interval had: differences of counters, and interfaces without traffic", async () => {
  const { clock, sent, state } = newCollector([log()]);
  state.counters = [flow()];
  await clock.advance(59_000);
  expect(sent).toMatchObject([{ flowLogId: "fl-1", idle: ["eni-b"], skipped: [] }]);
  expect(sent[0]?.flows).toMatchObject([
    { interfaceId: "eni-a", packets: 5, bytes: 500, action: "ACCEPT", direction: "egress" },
  ]);
  expect(sent[0]?.flows[0]?.end).toBe(MINUTE / 1_000 + 57);
  state.counters = [flow({ packets: 7, bytes: 650 }), flow({ outcome: "reject_in", packets: 1, bytes: 60 })];
  await clock.advance(60_000);
  expect(sent[1]?.flows.map((each) => [each.interfaceId, each.packets, each.bytes, each.action])).toEqual([
    ["eni-a", 2, 150, "ACCEPT"],
    ["eni-b", 1, 60, "REJECT"],
  ]);
  await clock.advance(60_000);
  expect(sent[2]).toMatchObject({ flows: [], idle: ["eni-a", "eni-b"] });
  expect((sent[1]?.id ?? "") > (sent[0]?.id ?? "")).toBe(true);
});

it("gathers ten minutes where the flow log asks for it, for its traffic type and its subnet alone", async () => {
  const { clock, sent, state } = newCollector([
    log({ trafficType: "REJECT", resourceId: "subnet-2", aggregationSeconds: 600 }),
  ]);
  state.counters = [flow(), flow({ outcome: "reject_in" }), flow({ outcome: "reject_out" })];
  await clock.advance(300_000);
  expect(sent).toEqual([]);
  state.counters = [flow({ outcome: "reject_in", packets: 8, bytes: 800 })];
  await clock.advance(299_000);
  expect(sent).toHaveLength(1);
  expect(sent[0]).toMatchObject({
    ...{ from: MINUTE / 1_000, until: MINUTE / 1_000 + 600 },
    flows: [{ interfaceId: "eni-b", packets: 8, direction: "ingress", action: "REJECT" }],
  });
});

it("counts a flow from zero after its counter was reset, and the counts of replaced rules", async () => {
  const { clock, sent, state, collector } = newCollector([log()]);
  state.counters = [flow({ packets: 9 })];
  await clock.advance(30_000);
  await collector.beforeRules("vpc-1");
  state.counters = [flow({ packets: 4 })];
  await clock.advance(29_000);
  expect(sent[0]?.flows[0]?.packets).toBe(13);
});

it("says which interfaces were skipped where a set is full, and holds no more flows than that", async () => {
  const { clock, sent, state } = newCollector([log()]);
  state.counters = Array.from({ length: FLOWS_MAX }, (_, port) => flow({ sourcePort: port }));
  state.counters.push(flow({ outcome: "accept_in", source: "10.0.9.9" }));
  await clock.advance(59_000);
  expect(sent[0]?.skipped.toSorted()).toEqual(["eni-a", "eni-b"]);
  expect(sent.flatMap((batch) => batch.flows)).toHaveLength(FLOWS_MAX);
  expect(Math.max(...sent.map((batch) => batch.flows.length))).toBeLessThanOrEqual(5_000);
});

it("reads nothing without a flow log, and sends again what was not taken", async () => {
  const { clock, sent, state, collector, reads } = newCollector([]);
  await clock.advance(600_000);
  expect(reads()).toBe(0);
  state.flowLogs = [log()];
  await clock.advance(120_000);
  const [first, second] = sent.map((batch) => batch.id);
  collector.taken(first ?? "");
  collector.resend();
  expect(sent.map((batch) => batch.id)).toEqual([first, second, second]);
});

// Before: a flow had no flags, and `tcp-flags` of a flow log was `-`.
it("gives a flow the flags of TCP that its packets of the interval had", async () => {
  const { clock, sent, state } = newCollector([log()]);
  const flags = (tcpFlag: number, packets: number) => flow({ tcpFlag, packets, bytes: 60 });
  state.counters = [flow(), flags(2, 1), flags(1, 1), flow({ sourcePort: 4_001 })];
  await clock.advance(59_000);
  expect(sent[0]?.flows.map((each) => [each.packets, each.tcpFlags])).toEqual([
    [5, 3],
    [5, undefined],
  ]);
  state.counters = [flow({ packets: 9 }), flags(2, 1), flags(1, 1), flags(4, 1)];
  await clock.advance(60_000);
  expect(sent[1]?.flows.map((each) => [each.packets, each.tcpFlags])).toEqual([[4, 4]]);
});

it("parses what nft lists, with and without ports", () => {
  const element = (concat: readonly unknown[]) => ({
    elem: { val: { concat }, expires: 149, counter: { packets: 2, bytes: 90 } },
  });
  const text = JSON.stringify({
    nftables: [
      { metainfo: {} },
      {
        set: {
          elem: [element(["10.0.0.1", "udp", 5, "10.0.0.2", 53]), element(["10.0.0.1", "icmp", "10.0.0.2"])],
        },
      },
    ],
  });
  expect(parseFlowSet(text)).toMatchObject([
    { protocol: 17, sourcePort: 5, destinationPort: 53, packets: 2, bytes: 90, idleSeconds: 1 },
    { protocol: 1, sourcePort: 0, destinationPort: 0, destination: "10.0.0.2" },
  ]);
  const flags = { set: { name: "tcp_accept_in", elem: [element(["10.0.0.1", 5, "10.0.0.2", 80, 18])] } };
  expect(parseFlowSet(JSON.stringify({ nftables: [flags] }))).toMatchObject([
    { protocol: 6, sourcePort: 5, destination: "10.0.0.2", destinationPort: 80, tcpFlag: 18 },
  ]);
  expect(parseFlowSet("")).toEqual([]);
});
