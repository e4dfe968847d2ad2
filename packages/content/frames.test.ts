import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { DamagedObjectError, FRAME_BYTES, frameOffset } from "./frames.ts";
import type { ObjectMeta, Segment } from "./object-meta.ts";
import { ObjectStore } from "./object-store.ts";

const KEY = Buffer.alloc(32, 1);
const store = new ObjectStore(mkdtempSync(join(tmpdir(), "gantry-frames-")), KEY);
afterAll(() => store.close());
const plain = Buffer.from(
  Array.from({ length: 3 * FRAME_BYTES + 1_000 }, (_, index) => (index * 31 + (index >> 9)) % 251),
);
// The fields that reading uses.
const meta = (segment: Segment) => ({ size: segment.size, segments: [segment] }) as unknown as ObjectMeta;
const bytes = async (stream: Readable | Promise<Readable>) =>
  Buffer.concat((await (await stream).toArray()) as Buffer[]); // No encoding is set, so chunks are buffers.
let count = 0;
const write = (pieces: readonly Buffer[], customerKey?: Buffer) =>
  store.writeSegment(`${(count += 1)}`.padStart(6, "0"), Readable.from(pieces), () => {}, { customerKey });
const pathOf = (segment: Segment) => join(store.folder, segment.file);
/** The stored bytes of one frame. */
const frameAt = (stored: Buffer, index: number) =>
  stored.subarray(frameOffset(index), frameOffset(index + 1));

describe("frames", () => {
  it("return what was written, of any length, in any pieces, in any range", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.nat(3 * FRAME_BYTES + 1_000),
          fc.constantFrom(0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES),
        ),
        fc.integer({ min: 1_000, max: 300_000 }),
        fc.nat(),
        fc.nat(),
        async (length, piece, one, other) => {
          const whole = plain.subarray(0, length);
          const pieces = Array.from({ length: Math.ceil(length / piece) }, (_, index) =>
            whole.subarray(index * piece, (index + 1) * piece),
          );
          const segment = await write(pieces);
          expect([segment.size, segment.md5]).toEqual([
            length,
            createHash("md5").update(whole).digest("hex"),
          ]);
          if (length === 0) return;
          expect((await bytes(store.read(meta(segment)))).equals(whole)).toBe(true);
          // Two of them.
          const [start, end] = [one % length, other % length].toSorted((a, b) => a - b) as [number, number];
          expect(
            (await bytes(store.read(meta(segment), start, end))).equals(whole.subarray(start, end + 1)),
          ).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("are not returned if they were changed, swapped, omitted or cut short; intact ranges are", async () => {
    const damages: Readonly<Record<string, (stored: Buffer) => Buffer>> = {
      changed: (stored) => {
        const copy = Buffer.from(stored);
        copy[frameOffset(1) + 7] = (copy[frameOffset(1) + 7] ?? 0) ^ 1;
        return copy;
      },
      swapped: (stored) =>
        Buffer.concat([frameAt(stored, 0), frameAt(stored, 2), frameAt(stored, 1), frameAt(stored, 3)]),
      "left out": (stored) => Buffer.concat([frameAt(stored, 0), frameAt(stored, 2), frameAt(stored, 3)]),
      "cut short": (stored) => stored.subarray(0, frameOffset(1) + 100),
    };
    for (const [what, damage] of Object.entries(damages)) {
      const segment = await write([plain]);
      writeFileSync(pathOf(segment), damage(readFileSync(pathOf(segment))));
      await expect(bytes(store.read(meta(segment))), what).rejects.toBeInstanceOf(DamagedObjectError);
      await expect(
        bytes(store.read(meta(segment), FRAME_BYTES + 5, FRAME_BYTES + 9)),
        what,
      ).rejects.toBeInstanceOf(DamagedObjectError);
      expect((await bytes(store.read(meta(segment), 5, 9))).equals(plain.subarray(5, 10)), what).toBe(true);
    }
  });

  it("of a customer's key are read only with it, and damage is detected without it", async () => {
    const customer = Buffer.alloc(32, 9);
    const segment = await write([plain], customer);
    expect((await bytes(store.read(meta(segment), 0, plain.length - 1, customer))).equals(plain)).toBe(true);
    await expect(store.read(meta(segment))).rejects.toBeInstanceOf(DamagedObjectError);
    await store.put("b", {
      ...meta(segment),
      key: "sealed",
      etag: "e",
      modifiedAt: 0,
      headers: {},
      userMetadata: {},
      checksums: {},
      tags: {},
    });
    expect(await Array.fromAsync(store.damaged())).toEqual([]);
    writeFileSync(pathOf(segment), Buffer.alloc(plain.length));
    expect((await Array.fromAsync(store.damaged())).map((each) => each.key)).toEqual(["sealed"]);
  });

  it("that no row names are removed after a crash before or after the row was written", async () => {
    const own = new ObjectStore(mkdtempSync(join(tmpdir(), "gantry-frames-")), KEY);
    const [kept, orphan] = [
      await own.writeSegment("aa-kept", Readable.from([plain])),
      await own.writeSegment("aa-orphan", Readable.from([plain])),
    ];
    const put = (key: string, segment: Segment) =>
      own.put("b", {
        ...meta(segment),
        key,
        etag: "e",
        modifiedAt: 0,
        headers: {},
        userMetadata: {},
        checksums: {},
        tags: {},
      });
    await put("kept", kept);
    expect(await own.sweep(0)).toBe(0);
    expect(await own.sweep(Infinity)).toBe(1);
    expect(existsSync(join(own.folder, orphan.file))).toBe(false);
    await put("kept", await own.writeSegment("aa-next", Readable.from([plain])));
    own.close();
    const again = new ObjectStore(own.folder, KEY);
    await again.sweep(Infinity);
    expect(readdirSync(join(own.folder, "aa"))).toEqual(["aa-next"]);
    again.close();
  });
});
