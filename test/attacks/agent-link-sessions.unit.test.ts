import { hkdfSync, X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeMessage, type Assignment } from "@gantry/agent-protocol";
import { AssignmentCache } from "@gantry/agent/assignment-cache";
import { openMemory } from "@gantry/agent/agent-memory";
import { ensureLink, keepFresh } from "@gantry/control-plane/link";
import type { NodeConnection } from "@gantry/controllers";
import { silentLogger, VirtualClock } from "@gantry/kernel";
import type { AuthorityFiles } from "@gantry/tls";
import {
  DAY_MS,
  eventually,
  HELLO,
  INSTANCE,
  NODE,
  openLinkWorld,
  pairOf,
  untilClosed,
} from "./agent-link-world.ts";

let world: Awaited<ReturnType<typeof openLinkWorld>>;

beforeEach(async () => {
  world = await openLinkWorld();
});

afterEach(() => world.close());

// Before: the last one to connect replaced the one before without a word.
describe("a second agent with the same certificate", () => {
  /** An agent that answers pings, as the real one does. */
  function answering(socket: TLSSocket): TLSSocket {
    socket.on("data", (chunk: Buffer) => {
      if (chunk.toString().includes('"ping"'))
        socket.write(writeMessage({ sequence: 0, message: { type: "pong" } }));
    });
    return socket;
  }

  it("is refused while the first one answers, and the log says so", async () => {
    const { port, connected, warnings } = await world.listen();
    const first = answering(await world.open(port));
    await eventually(() => expect(connected.size).toBe(1));
    const second = await world.open(port);
    expect(await untilClosed(second)).toContain('"type":"refused"');
    expect(first.destroyed).toBe(false);
    expect(warnings.map((each) => each.message)).toEqual([expect.stringContaining("second agent")]);
  });

  it("takes the place of one that does not answer", async () => {
    const { port, clock, connected } = await world.listen();
    const first = await world.open(port);
    first.on("error", () => {});
    await eventually(() => expect(connected.size).toBe(1));
    const [peer] = connected;
    await world.open(port);
    await new Promise((done) => setTimeout(done, 50));
    expect([...connected]).toEqual([peer]);
    await clock.advance(2_000);
    await eventually(() => expect(connected.size === 1 && !connected.has(peer as NodeConnection)).toBe(true));
  });

  it("gets in at once after the first one was killed", async () => {
    const { port, connected, received } = await world.listen();
    (await world.open(port)).destroy();
    const again = await world.open(port);
    again.write(writeMessage({ sequence: 1, message: HELLO }));
    await eventually(() => expect(received).toEqual([HELLO]));
    expect(connected.size).toBe(1);
  });
});

describe("renewed certificates", () => {
  it("replace those that expire within a month, and the link uses them", async () => {
    const { agents, port, received } = await world.listen();
    const before = world.credentials();
    await ensureLink({ folder: world.folder, instance: INSTANCE, now: Date.now() + 59 * DAY_MS });
    expect(world.credentials()).toEqual(before);
    const link = await ensureLink({
      folder: world.folder,
      instance: INSTANCE,
      now: Date.now(),
      replace: "node",
    });
    agents.renew(link);
    expect(world.credentials().certificatePem).not.toBe(before.certificatePem);
    expect(world.credentials().caPem).toBe(before.caPem);
    // The replaced certificate is worth nothing from here on, though its authority and its dates are good.
    expect(await world.attack(port, pairOf(before))).toBe("");
    expect(received).toEqual([]);
    (await world.open(port)).write(writeMessage({ sequence: 1, message: HELLO }));
    await eventually(() => expect(received).toEqual([HELLO]));
  });

  it("are issued when a third of their lifetime is left, or when the clock was set back", async () => {
    const serial = (files: AuthorityFiles) => new X509Certificate(files.certificatePem).serialNumber;
    const later = await ensureLink({
      folder: world.folder,
      instance: INSTANCE,
      now: Date.now() + 61 * DAY_MS,
    });
    expect(serial(later.controlPlane)).not.toBe(serial(world.link.controlPlane));
    expect(serial(later.authority)).toBe(serial(world.link.authority));
    const earlier = await ensureLink({ folder: world.folder, instance: INSTANCE, now: Date.now() });
    expect(serial(earlier.controlPlane)).not.toBe(serial(later.controlPlane));
  });

  // Before: this timer was tested by nothing.
  it("are issued by a daily check while the control plane runs, and the open session continues", async () => {
    world.close();
    world = await openLinkWorld(Date.now() - 62 * DAY_MS); // What is renewed at the end is valid now.
    const { agents, port, clock, received } = await world.listen();
    const standing = await world.open(port);
    const before = world.credentials();
    let renewals = 0;
    keepFresh({ folder: world.folder, instance: INSTANCE, clock, log: silentLogger }, (link) => {
      renewals += 1;
      agents.renew(link);
    });
    for (let day = 1; day <= 59; day += 1) await clock.advance(DAY_MS);
    expect(renewals).toBe(0);
    expect(world.credentials()).toEqual(before);
    for (let day = 60; day <= 62; day += 1) {
      await clock.advance(DAY_MS);
      await new Promise((done) => setTimeout(done, 100)); // Keys are made outside of virtual time.
    }
    await eventually(() => expect(renewals).toBe(1));
    expect(world.credentials().certificatePem).not.toBe(before.certificatePem);
    standing.write(writeMessage({ sequence: 1, message: HELLO }));
    await eventually(() => expect(received).toEqual([HELLO]));
    standing.destroy();
    (await world.open(port)).write(writeMessage({ sequence: 1, message: HELLO }));
    await eventually(() => expect(received).toEqual([HELLO, HELLO]));
    expect(await world.attack(port, pairOf(before))).toBe("");
  });

  it("reach the node's file even after a crash in between", async () => {
    writeFileSync(join(world.folder, "node/link.json"), "{");
    await ensureLink({ folder: world.folder, instance: INSTANCE, now: Date.now() });
    expect(world.credentials().certificatePem).toBe(world.link.nodes[NODE]?.certificatePem);
  });
});

describe("what the agent stored", () => {
  // What a cache looks at.
  const pod = { kind: "pod", key: "pod/1", containers: [], volumes: [] } as unknown as Assignment;
  const keys = () => world.credentials().memoryKeys.map((key) => Buffer.from(key, "hex"));
  const clock = new VirtualClock(undefined, 1);
  const agent = (memoryKeys = keys) =>
    new AssignmentCache(openMemory(join(world.folder, "assignments.json"), memoryKeys), {
      clock,
      log: silentLogger,
    });
  const renew = (replace?: "node" | "authority", days = 0) =>
    ensureLink({
      folder: world.folder,
      instance: INSTANCE,
      now: Date.now() + days * DAY_MS,
      ...(replace === undefined ? {} : { replace }),
    });

  async function write(cache: AssignmentCache): Promise<void> {
    cache.wanted.set(pod.key, pod);
    cache.changed();
    await clock.advance(100);
  }

  // Before: the key was derived from the certificate's, and an agent that came up after a renewal had no tasks until it
  // was told again.
  it("opens after the node's certificate was renewed or replaced while it did not run", async () => {
    await write(agent());
    const [first] = world.credentials().memoryKeys;
    for (const days of [61, 4_000]) {
      await renew(undefined, days);
      expect(world.credentials().memoryKeys).toEqual([first]);
      expect(agent().wanted.get(pod.key)).toEqual(pod);
    }
    for (const what of ["node", "authority"] as const) {
      await renew(what);
      expect(world.credentials().memoryKeys[0]).not.toBe(first);
      expect(agent().wanted.get(pod.key)).toEqual(pod);
    }
  });

  it("is resealed by the agent that reads it, and a stolen key no longer opens it", async () => {
    await write(agent());
    const stolen = keys();
    await renew("node");
    agent();
    await clock.advance(100);
    expect(agent(() => stolen).wanted.size).toBe(0);
    expect(agent(() => keys().slice(0, 1)).wanted.get(pod.key)).toEqual(pod);
  });

  it("opens if an earlier version sealed it with a key derived from the certificate's", async () => {
    const path = join(world.folder, "link.json");
    const { nodes, ...rest } = world.link;
    const { memoryKeys: _new, ...earlier } = nodes[NODE] ?? { certificatePem: "", keyPem: "" };
    writeFileSync(path, JSON.stringify({ ...rest, nodes: { [NODE]: earlier } }));
    const derived = Buffer.from(hkdfSync("sha256", earlier.keyPem, "", "gantry agent memory", 32));
    await write(agent(() => [derived]));
    await renew();
    expect(agent().wanted.get(pod.key)).toEqual(pod);
    await renew(undefined, 61);
    expect(agent().wanted.get(pod.key)).toEqual(pod);
  });
});
