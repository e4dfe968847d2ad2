import { expect, it } from "vitest";
import { findOrigin, OriginalTuples } from "./original-tuples.ts";

const line = (state: string, source: string, destination: string, port: number) =>
  `ipv4     2 tcp      6 431999 ${state} src=${source} dst=${destination} sport=40000 dport=443 ` +
  `src=100.64.0.1 dst=198.18.0.9 sport=443 dport=${port} [ASSURED] mark=0 zone=0 use=2`;
const CLIENT = { address: "198.18.0.9", port: 51_234 };

it("finds the addresses that a connection had before they were translated", () => {
  const table = [
    line("ESTABLISHED", "10.0.1.10", "169.254.170.10", 51_2345 % 65_536),
    line("TIME_WAIT", "10.0.1.12", "169.254.170.10", 51_234),
    line("ESTABLISHED", "10.0.1.11", "10.0.2.7", 51_234),
    "",
  ].join("\n");
  expect(findOrigin(table, "100.64.0.1", CLIENT)).toEqual({
    sourceIp: "10.0.1.11",
    destinationIp: "10.0.2.7",
  });
  expect(findOrigin(table, "100.64.0.5", CLIENT)).toBeUndefined();
  expect(findOrigin(table, "100.64.0.1", { ...CLIENT, port: 1 })).toBeUndefined();
});

it("reads the table once for connections that arrive during a reading, and anew for later ones", async () => {
  const reads: ((table: string) => void)[] = [];
  const tuples = new OriginalTuples(1, () => new Promise((resolve) => reads.push(resolve)));
  const ask = () => tuples.originOf("vpc-1", "100.64.0.1", CLIENT);
  const first = ask();
  const [second, third] = [ask(), ask()];
  expect(reads).toHaveLength(1);
  reads[0]?.("");
  await expect(first).rejects.toThrow("not tracked");
  // The first reading began before these connections: they may be missing in it.
  await expect.poll(() => reads.length).toBe(2);
  reads[1]?.(line("ESTABLISHED", "10.0.1.11", "169.254.170.10", CLIENT.port));
  const found = { vpcId: "vpc-1", sourceIp: "10.0.1.11", destinationIp: "169.254.170.10" };
  expect(await Promise.all([second, third])).toEqual([found, found]);
  expect(reads).toHaveLength(2);
});
