import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, readFileSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { readdir, readlink } from "node:fs/promises";
import { createServer, get, type IncomingMessage } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlobStore, DamagedBlobError } from "./blob-store.ts";
import { PIECE_BYTES } from "./send-file.ts";

const LARGE = 5 * PIECE_BYTES + 1_000;
const folder = mkdtempSync(join(tmpdir(), "gantry-blobs-"));
const store = new BlobStore(folder);
/** A store on the same folder that has verified nothing yet, as after a restart. */
const restarted = () => new BlobStore(folder);
const pathOf = (digest: string) => join(folder, "blobs", digest.slice(7, 9), digest.slice(7));
/** Changes one byte of a stored blob. */
const damage = (digest: string, at: number) => {
  const bytes = readFileSync(pathOf(digest));
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(pathOf(digest), bytes);
};

/** Collects what is written. Copies it late, as a connection with a full buffer does. */
class SlowSink extends Writable {
  readonly pieces: Buffer[] = [];
  get bytes() {
    return Buffer.concat(this.pieces);
  }
  override _write(piece: Buffer, _encoding: BufferEncoding, done: () => void) {
    setImmediate(() => {
      this.pieces.push(Buffer.from(piece));
      done();
    });
  }
}

const read = async (digest: string, range?: { start: number; end: number }, from = store) => {
  const sink = new SlowSink();
  await from.sendTo(sink, digest, range);
  return sink.bytes;
};
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
/** How often this process has the file open. */
const timesOpen = async (path: string) => {
  const descriptors = await readdir("/proc/self/fd");
  const targets = await Promise.all(
    descriptors.map((descriptor) => readlink(`/proc/self/fd/${descriptor}`).catch(() => undefined)),
  );
  return targets.filter((target) => target === path).length;
};

describe("BlobStore", () => {
  it("sends what was written, of any length, in any range", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.nat(LARGE),
          fc.constantFrom(0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES),
        ),
        fc.nat(),
        fc.nat(),
        async (size, first, second) => {
          const bytes = randomBytes(size);
          const digest = await store.write(bytes);
          expect(sha256(await read(digest))).toBe(sha256(bytes));
          expect(sha256(await read(digest, undefined, restarted()))).toBe(sha256(bytes));
          if (size === 0) return;
          const [start, end] = [first % size, second % size].toSorted((a, b) => a - b) as [number, number];
          expect((await read(digest, { start, end })).equals(bytes.subarray(start, end + 1))).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("keeps the bytes of concurrent readers apart", async () => {
    const blobs = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => store.write(Buffer.alloc(LARGE, index))),
    );
    for (let round = 0; round < 2; round += 1) {
      const sent = await Promise.all(blobs.map((digest) => read(digest)));
      expect(sent.map((bytes) => `sha256:${sha256(bytes)}`)).toEqual(blobs);
    }
  });

  it("does not send the last bytes of a damaged blob", async () => {
    for (const size of [1, PIECE_BYTES, LARGE])
      for (const at of new Set([0, size - 1])) {
        const digest = await store.write(randomBytes(size));
        damage(digest, at);
        // The change is seen by a store that verified the blob before, too.
        for (const each of [restarted(), store]) {
          const sink = new SlowSink();
          await expect(each.sendTo(sink, digest)).rejects.toBeInstanceOf(DamagedBlobError);
          expect(sink.bytes.length).toBeLessThan(size);
        }
      }
  });

  it("refuses a blob that was truncated or extended", async () => {
    const [cut, longer] = [await store.write(randomBytes(LARGE)), await store.write(randomBytes(LARGE))];
    truncateSync(pathOf(cut), LARGE - 1);
    appendFileSync(pathOf(longer), "x");
    for (const digest of [cut, longer]) await expect(read(digest)).rejects.toBeInstanceOf(DamagedBlobError);
    await expect(read(cut, { start: LARGE - 10, end: LARGE - 1 })).rejects.toBeInstanceOf(DamagedBlobError);
  });

  it("notices a change that keeps the size and the modification time of the file", async () => {
    const digest = await store.write(randomBytes(LARGE));
    const modified = new Date(1_700_000_000_000);
    utimesSync(pathOf(digest), modified, modified);
    await read(digest);
    damage(digest, 7);
    utimesSync(pathOf(digest), modified, modified);
    await expect(read(digest)).rejects.toBeInstanceOf(DamagedBlobError);
  });

  it("fails and closes the file where the client leaves, and serves the others their own bytes", async () => {
    const bytes = randomBytes(40 * PIECE_BYTES);
    const digest = await store.write(bytes);
    const sent: Promise<unknown>[] = [];
    const server = createServer((_, response) => {
      const sending = store.sendTo(response, digest).then(() => void response.end());
      sent.push(sending.catch((thrown: unknown) => thrown));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo; // It listens on a port.
    const leave = () =>
      new Promise<void>((resolve) => {
        const request = get({ port, host: "127.0.0.1", agent: false }, (response) =>
          response.once("data", () => request.destroy()),
        );
        request.on("close", resolve).on("error", () => {});
      });
    const whole = () =>
      new Promise<string>((resolve) => {
        get({ port, host: "127.0.0.1", agent: false }, (response: IncomingMessage) => {
          const hash = createHash("sha256");
          response.on("data", (piece: Buffer) => hash.update(piece));
          response.on("end", () => resolve(`sha256:${hash.digest("hex")}`));
        });
      });
    const got = await Promise.all([leave(), whole(), leave(), whole(), leave(), whole()]);
    expect(got.filter((each) => each !== undefined)).toEqual([digest, digest, digest]);
    // The second request of this connection waits for the first, whose client never reads.
    const stalled = connect(port, "127.0.0.1");
    stalled.write("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
    stalled.pause();
    await expect.poll(() => sent.length).toBe(8);
    await expect.poll(() => timesOpen(pathOf(digest))).toBe(2);
    stalled.destroy();
    const outcomes = await Promise.all(sent);
    expect(outcomes.filter((outcome) => outcome instanceof Error)).toHaveLength(5);
    server.close();
    server.closeAllConnections();
    await expect.poll(() => timesOpen(pathOf(digest))).toBe(0);
  });
});
