import { expect, it } from "vitest";
import { MemoryStore } from "../memory-store.ts";
import type { NodeRecord } from "../records.ts";
import { chooseHost, hostOf } from "./hosting.ts";

function storeWith(...nodes: readonly (Partial<NodeRecord> & { id: string })[]): MemoryStore {
  const store = new MemoryStore();
  store.transact((tx) => {
    for (const [index, given] of nodes.entries())
      tx.put("node", given.id, {
        ...{ hostname: given.id, cpu: 1_024, memoryMiB: 1_024, agentPid: 1, registeredAt: index },
        ...given,
      });
  });
  return store;
}
const host = (store: MemoryStore, id: string, nodeId?: string) =>
  store.transact((tx) => tx.put("fileSystem", id, { id, nodeId } as never)); // What is counted.

it("finds what has no node recorded on the node that registered first", () => {
  const store = storeWith({ id: "a", registeredAt: 9 }, { id: "b", registeredAt: 5 });
  expect(hostOf(store, {})).toBe("b");
  expect(hostOf(store, { nodeId: "a" })).toBe("a");
  expect(hostOf(new MemoryStore(), {})).toBeUndefined();
});

it("chooses the connected node of the zone that has the fewest load balancers, databases and file systems", () => {
  const store = storeWith({ id: "a" }, { id: "b" }, { id: "c", state: "DISCONNECTED" });
  expect(chooseHost(store, [])).toBe("a");
  host(store, "fs-1");
  expect(chooseHost(store, [])).toBe("b");
  host(store, "fs-2", "b");
  host(store, "fs-3", "b");
  expect(chooseHost(store, [])).toBe("a");
  const zoned = storeWith({ id: "a", zone: "z1" }, { id: "b", zone: "z2" });
  expect(chooseHost(zoned, ["z2"])).toBe("b");
  expect(chooseHost(zoned, ["z3"])).toBe("a");
  expect(chooseHost(new MemoryStore(), ["z1"])).toBeUndefined();
});
