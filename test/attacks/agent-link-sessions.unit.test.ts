import { X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeMessage } from "@gantry/agent-protocol";
import { ensureLink } from "@gantry/control-plane/link";
import type { NodeConnection } from "@gantry/controllers";
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
  it("replace those that expire within a month, and the link goes on with them", async () => {
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

  it("are made when a third of their time is left, or when the clock was set back", async () => {
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

  it("reach the node's file even where a crash came between", async () => {
    writeFileSync(join(world.folder, "node/link.json"), "{");
    await ensureLink({ folder: world.folder, instance: INSTANCE, now: Date.now() });
    expect(world.credentials().certificatePem).toBe(world.link.nodes[NODE]?.certificatePem);
  });
});
