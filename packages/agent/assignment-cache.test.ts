import type { Assignment } from "@gantry/agent-protocol";
import { newVault, silentLogger, VirtualClock } from "@gantry/kernel";
import { expect, it } from "vitest";
import { AssignmentCache } from "./assignment-cache.ts";

const SECRET = "MASTER_PASSWORD=hunter2-very-secret";
const pod = {
  kind: "pod",
  key: "pod/1",
  containers: [{ environment: [SECRET] }],
  volumes: [],
} as unknown as Assignment; // The fields that a cache reads, and those that it must seal.

/** State that outlives an agent: a file, and the node's key. */
function disk(key: number) {
  let text: string | undefined;
  return {
    get text() {
      return text;
    },
    memory: {
      read: () => text,
      write: (given: string) => void (text = given),
      ...newVault(Buffer.alloc(32, key)),
    },
  };
}

async function write(cache: AssignmentCache, clock: VirtualClock): Promise<void> {
  cache.changed();
  await clock.advance(100);
}

// Regression: the file held assignments as plain text, with passwords and credentials.
it("keeps assignments across agents, with every secret encrypted in the file", async () => {
  const clock = new VirtualClock(undefined, 1);
  const stored = disk(1);
  const first = new AssignmentCache(stored.memory, { clock, log: silentLogger });
  first.wanted.set(pod.key, pod);
  first.ports.set("listener", 8_080);
  await write(first, clock);
  expect(stored.text).not.toContain(SECRET);
  expect(stored.text).toContain("8080");
  const second = new AssignmentCache(stored.memory, { clock, log: silentLogger });
  expect(second.wanted.get(pod.key)).toEqual(pod);
});

it("loses only the sealed parts when the node's key is lost", async () => {
  const clock = new VirtualClock(undefined, 1);
  const stored = disk(1);
  const first = new AssignmentCache(stored.memory, { clock, log: silentLogger });
  first.wanted.set(pod.key, pod);
  first.cursors.set("container", "2026-01-01T00:00:00.000000001Z");
  await write(first, clock);
  const replaced = { ...stored.memory, ...newVault(Buffer.alloc(32, 2)) };
  const second = new AssignmentCache(replaced, { clock, log: silentLogger });
  expect(second.wanted.size).toBe(0);
  expect(second.cursors.get("container")).toBe("2026-01-01T00:00:00.000000001Z");
});

it("overwrites plain text of an earlier version, and keeps its cursors", async () => {
  const clock = new VirtualClock(undefined, 1);
  const stored = disk(1);
  stored.memory.write(
    JSON.stringify({ assignments: [pod], leaving: [], ports: {}, cursors: { c: "1" }, problems: {} }),
  );
  const cache = new AssignmentCache(stored.memory, { clock, log: silentLogger });
  await clock.advance(100);
  expect(stored.text).not.toContain(SECRET);
  expect(cache.cursors.get("c")).toBe("1");
});
