import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import type { ObjectMeta, Segment } from "./object-meta.ts";
import { DamagedObjectError } from "./frames.ts";
import { ObjectStore } from "./object-store.ts";

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
const bytes = async (stream: Readable | Promise<Readable>) =>
  Buffer.concat((await (await stream).toArray()) as Buffer[]); // No encoding is set, so chunks are buffers.

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
      expect(
        (await bytes(store.read(meta(segments), start, end))).equals(all.subarray(start, end + 1)),
        `${start} to ${end}`,
      ).toBe(true);
  });

  it("are not returned if they are damaged: the response is cut off before its last byte", async () => {
    const segment = await store.writeSegment("cc-three", Readable.from([plain]));
    const path = join(folder, segment.file);
    const stored = readFileSync(path);
    stored[50_000] = (stored[50_000] ?? 0) ^ 1;
    writeFileSync(path, stored);
    await expect(bytes(store.read(meta([segment])))).rejects.toThrow(/damaged/);
  });

  it("leave nothing if the body is cut off", async () => {
    const broken = Readable.from(
      (async function* () {
        yield plain;
        throw new Error("The client went away.");
      })(),
    );
    await expect(store.writeSegment("dd-four", broken)).rejects.toThrow("went away");
    expect(readdirSync(join(folder, "incoming"))).toEqual([]);
    expect(readdirSync(join(folder, "dd"))).toEqual([]);
  });

  it("are reported by the check for damage: changed, short or missing bytes", async () => {
    const own = new ObjectStore(mkdtempSync(join(tmpdir(), "gantry-objects-")), Buffer.alloc(32, 1));
    const at = (segment: Segment): string => join(own.folder, segment.file);
    const put = async (key: string) => {
      const segment = await own.writeSegment(`${key}-segment-of-it`, Readable.from([plain]));
      await own.put("b", { ...meta([segment]), key });
      return segment;
    };
    const [whole, changed, short, gone] = [
      await put("whole"),
      await put("changed"),
      await put("short"),
      await put("gone"),
    ];
    writeFileSync(at(changed), Buffer.alloc(plain.length));
    truncateSync(at(short), 10);
    rmSync(at(gone));
    expect((await Array.fromAsync(own.damaged())).map((each) => each.key).toSorted()).toEqual([
      "changed",
      "gone",
      "short",
    ]);
    for (const segment of [changed, short, gone])
      await expect(own.read(meta([segment]))).rejects.toBeInstanceOf(DamagedObjectError);
    expect((await bytes(own.read(meta([whole])))).equals(plain)).toBe(true);
  });

  it("are copied as of one moment, whatever is overwritten and deleted meanwhile", async () => {
    const own = new ObjectStore(mkdtempSync(join(tmpdir(), "gantry-objects-")), Buffer.alloc(32, 1));
    for (const key of ["a", "b"])
      await own.put("bucket", {
        ...meta([await own.writeSegment(`${key}${key}-one`, Readable.from([plain]))]),
        key,
      });
    const copy = join(own.folder, "copy");
    const copying = own.copyTo(copy);
    await own.delete("bucket", "a", { at: 0, versionId: "null" });
    await copying;
    const there = new ObjectStore(copy, Buffer.alloc(32, 1));
    expect(await Array.fromAsync(there.damaged())).toEqual([]);
    expect((await bytes(there.read(there.index.get("bucket", "a") ?? meta([])))).equals(plain)).toBe(true);
    expect(own.index.get("bucket", "a")).toBeUndefined();
    expect(readdirSync(join(own.folder, "aa"))).toEqual([]);
  });

  it("are stored beside their row if they are small: encrypted, in any range, and checked", async () => {
    const own = new ObjectStore(mkdtempSync(join(tmpdir(), "gantry-objects-")), Buffer.alloc(32, 1));
    const few = plain.subarray(0, 4_096);
    const write = (name: string, customerKey?: Buffer) =>
      own.writeSegment(name, Readable.from([few]), () => {}, { expected: few.length, customerKey });
    const segment = await write("small");
    await own.put("b", { ...meta([segment]), key: "k" });
    expect(readdirSync(own.folder).toSorted()).not.toContain("sm");
    const stored = own.index.segments.content("small");
    expect(stored?.includes(few.subarray(0, 64))).toBe(false);
    expect(own.readSmall(meta([segment]))?.equals(few)).toBe(true);
    expect(own.readSmall(meta([segment]), 100, 199)?.equals(few.subarray(100, 200))).toBe(true);
    expect((await bytes(own.read(meta([segment]), 5, 6))).equals(few.subarray(5, 7))).toBe(true);
    const key = Buffer.alloc(32, 9);
    const sealed = await write("sealed", key);
    await own.put("b", { ...meta([sealed]), key: "s" });
    expect(own.readSmall(meta([sealed]), 0, few.length - 1, key)?.equals(few)).toBe(true);
    expect(await Array.fromAsync(own.damaged())).toEqual([]);
    await own.put("b", { ...meta([await write("next")]), key: "k" });
    expect(own.index.segments.content("small")).toBeUndefined();
    // The bytes are still in the cache of this store; a new store does not find them.
    expect(own.readSmall(meta([segment]))?.equals(few)).toBe(true);
    expect(() => new ObjectStore(own.folder, Buffer.alloc(32, 1)).readSmall(meta([segment]))).toThrow(
      DamagedObjectError,
    );
    await own.delete("b", "k", { at: 0, versionId: "null" });
    expect(own.index.segments.content("next")).toBeUndefined();
  });

  it("are written together with one sync, and each fails or succeeds by itself", async () => {
    const own = new ObjectStore(mkdtempSync(join(tmpdir(), "gantry-objects-")), Buffer.alloc(32, 1));
    const put = async (key: string, fails: boolean) => {
      const segment = await own.writeSegment(`of-${key}`, Readable.from([plain.subarray(0, 10)]), () => {}, {
        expected: 10,
      });
      const check = (): void => {
        if (fails) throw new Error(`no ${key}`);
      };
      await own.put("b", { ...meta([segment]), key }, { check });
    };
    const outcomes = await Promise.allSettled(
      ["a", "b", "c", "d"].map((key) => put(key, key === "b" || key === "d")),
    );
    expect(outcomes.map((outcome) => outcome.status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
      "rejected",
    ]);
    expect(
      own.index.list("b", { prefix: "", from: "", inclusive: true, limit: 10 }).map((each) => each.key),
    ).toEqual(["a", "c"]);
    expect(own.index.segments.content("of-b")).toBeUndefined();
  });
});
