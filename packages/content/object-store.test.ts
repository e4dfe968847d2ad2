import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { ObjectStore, type ObjectMeta, type Segment } from "./object-store.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-objects-"));
const store = new ObjectStore(folder, Buffer.alloc(32, 1));
const plain = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 31) % 251));
const meta = (segments: readonly Segment[]): ObjectMeta => ({
  key: "k",
  size: segments.reduce((sum, segment) => sum + segment.size, 0),
  etag: "e",
  modifiedAt: 0,
  headers: {},
  userMetadata: {},
  checksums: {},
  tags: {},
  segments,
});
const bytes = async (stream: Readable) => Buffer.concat((await stream.toArray()) as Buffer[]); // No encoding is set, so chunks are buffers.

describe("objects at rest", () => {
  it("are encrypted on the disk and plain to the reader, whole and in any range, across segments", async () => {
    const segments = [
      await store.writeSegment("aa-one", Readable.from([plain])),
      await store.writeSegment("bb-two", Readable.from([plain.subarray(0, 777)])),
    ];
    const all = Buffer.concat([plain, plain.subarray(0, 777)]);
    expect(readFileSync(join(folder, segments[0]?.file ?? "")).includes(plain.subarray(0, 64))).toBe(false);
    expect((await bytes(store.read(meta(segments)))).equals(all)).toBe(true);
    for (const [start, end] of [
      [0, 0],
      [1, 40],
      [15, 16],
      [16, 31],
      [99_990, 100_010],
      [100_776, 100_776],
      [5, 100_700],
    ] as const)
      expect((await bytes(store.read(meta(segments), start, end))).equals(all.subarray(start, end + 1)), `${start} to ${end}`).toBe(true);
  });

  it("are not given out when they are damaged: the answer breaks off before its last byte", async () => {
    const segment = await store.writeSegment("cc-three", Readable.from([plain]));
    const path = join(folder, segment.file);
    const stored = readFileSync(path);
    stored[50_000] = (stored[50_000] ?? 0) ^ 1;
    writeFileSync(path, stored);
    await expect(bytes(store.read(meta([segment])))).rejects.toThrow(/damaged/);
  });

  it("leave nothing where the body breaks off", async () => {
    const broken = Readable.from(
      (async function* () {
        yield plain;
        throw new Error("The client went away.");
      })(),
    );
    await expect(store.writeSegment("dd-four", broken)).rejects.toThrow("went away");
    expect(readdirSync(join(folder, "incoming"))).toEqual([]);
    expect(readdirSync(folder)).not.toContain("dd");
  });
});
