import { createHash, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { HashThread } from "./hash-thread.ts";

const shared = (bytes: Uint8Array): SharedArrayBuffer => {
  const buffer = new SharedArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return buffer;
};

describe("the thread that hashes", () => {
  it("hashes many bodies concurrently", async () => {
    const thread = new HashThread();
    const bodies = Array.from({ length: 5 }, () => Array.from({ length: 7 }, () => randomBytes(10_000)));
    const digests = await Promise.all(
      bodies.map(async (pieces) => {
        const hashing = thread.start("md5");
        await Promise.all(pieces.map((piece) => hashing.update(shared(piece), piece.length)));
        return hashing.digest();
      }),
    );
    expect(digests).toEqual(
      bodies.map((pieces) => createHash("md5").update(Buffer.concat(pieces)).digest("hex")),
    );
    await thread.close();
  });

  it("reports that it ended early, and is replaced for the next body", async () => {
    const thread = new HashThread();
    const [early, late] = [thread.start("md5"), thread.start("md5")];
    await early.update(shared(Buffer.from("a")), 1);
    const digest = late.digest().catch((thrown: unknown) => thrown);
    await thread.close();
    await digest;
    await expect(early.digest()).rejects.toThrow("has ended");
    const next = thread.start("md5");
    await next.update(shared(Buffer.from("a")), 1);
    expect(await next.digest()).toBe(createHash("md5").update("a").digest("hex"));
    await thread.close();
  });
});
